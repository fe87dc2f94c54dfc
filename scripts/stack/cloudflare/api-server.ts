/** Cloudflare's API v4 on loopback, as far as wrangler and `npm run deploy` use it for Workers. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Account } from './account.ts'
import type { ApiEndpoint, ApiRequest } from './endpoint.ts'
import { Refusal } from './refusal.ts'
import { secretsApi } from './secrets-api.ts'
import { servicesApi } from './services-api.ts'
import { settingsApi } from './settings-api.ts'
import { uploadsApi } from './uploads-api.ts'
import { zonesApi } from './zones-api.ts'
import { listen } from '../plumbing/loopback.ts'

const PREFIX = '/client/v4'
const ENDPOINTS: readonly ApiEndpoint[] = [
  ...uploadsApi,
  ...servicesApi,
  ...secretsApi,
  ...settingsApi,
  ...zonesApi,
]

/** How the API can fail, whoever is right: `refuse` before anything is done, `cut` after all of it is. */
export interface ApiFault {
  kind: 'refuse' | 'cut'
  method: string
  /** In the path below `/client/v4`. */
  path: RegExp
  /** How many calls it hits. */
  calls: number
}

export interface ApiServerOptions {
  account: Account
  token: string
  /** A token for some zones only cannot set a Worker's routes all at once. */
  allZones: boolean
  /** Called after each call that may have changed something. */
  onChange: () => void
}

export interface ApiServer {
  /** For `CLOUDFLARE_API_BASE_URL`. */
  url: string
  /** Every call so far: `PUT /accounts/…`. */
  calls: string[]
  faults: ApiFault[]
  stop(): Promise<void>
}

export async function startApiServer(options: ApiServerOptions): Promise<ApiServer> {
  const calls: string[] = []
  const faults: ApiFault[] = []
  const server = createServer((request, response) => {
    void serve(options, calls, faults, request, response)
  })
  await listen(server, 0)
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}${PREFIX}`,
    calls,
    faults,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

async function serve(
  options: ApiServerOptions,
  calls: string[],
  faults: ApiFault[],
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const { method = 'GET' } = request
  const url = new URL(request.url ?? '/', 'http://api')
  const path = url.pathname.replace(PREFIX, '')
  calls.push(`${method} ${path}`)
  const body = await bodyOf(request)
  const fault = faults.find((one) => one.calls > 0 && one.method === method && one.path.test(path))
  if (fault) fault.calls -= 1
  try {
    if (fault?.kind === 'refuse') throw new Refusal(500, 10001, 'Internal error: try again later')
    const { 'content-type': contentType = '', authorization } = request.headers
    refuseStranger(options, authorization)
    const { endpoint, params } = endpointOf(method, path)
    const { account, allZones } = options
    if (params.account !== undefined && params.account !== account.id)
      throw new Refusal(403, 9109, 'Unauthorized to access requested resource')
    const result = await endpoint.handle({
      account,
      allZones,
      params,
      query: url.searchParams,
      body,
      contentType,
    } satisfies ApiRequest)
    if (fault) return void response.destroy()
    answer(response, 200, { success: true, errors: [], messages: [], result, result_info: pageOf(result) })
  } catch (error) {
    const known = error instanceof Refusal ? error : new Refusal(500, 10001, String(error))
    answer(response, known.status, { success: false, errors: known.errors, messages: [], result: null })
  } finally {
    if (method !== 'GET') options.onChange()
  }
}

function refuseStranger({ token }: ApiServerOptions, authorization: string | undefined): void {
  if (authorization === undefined) throw new Refusal(400, 9106, 'Missing X-Auth-Key or Authorization headers')
  if (authorization !== `Bearer ${token}`) throw new Refusal(403, 9109, 'Invalid access token')
}

function endpointOf(method: string, path: string): { endpoint: ApiEndpoint; params: Record<string, string> } {
  for (const endpoint of ENDPOINTS) {
    if (endpoint.method !== method) continue
    const pattern = new RegExp(`^${endpoint.path.replace(/:(\w+)/g, '(?<$1>[^/]+)')}$`)
    const found = pattern.exec(path)
    if (found) return { endpoint, params: { ...found.groups } }
  }
  throw new Refusal(404, 7000, `No route for that URI: ${method} ${path}`)
}

const pageOf = (result: unknown): object | undefined =>
  Array.isArray(result)
    ? { page: 1, per_page: 1000, count: result.length, total_count: result.length }
    : undefined

function answer(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const chunk of request as AsyncIterable<Buffer>) chunks.push(chunk)
  return Buffer.concat(chunks)
}
