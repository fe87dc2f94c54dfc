/** A stand-in for Cloudflare with a few calls to it: what the tests of its rules and of the deploy command start from. */
import { spawn } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { QUIET_WRANGLER } from '../../scripts/stack/bundle.ts'
import { startCloudflare, type StandInOptions } from '../../scripts/stack/cloudflare/stand-in.ts'
import { projectRoot } from '../../scripts/stack/manifest.ts'

export const HOST = 'api.example.com'

interface ApiError {
  code: number
  message: string
}

export interface ApiAnswer {
  status: number
  codes: number[]
  messages: string
  result: any
}

export async function ownCloudflare(options: Partial<StandInOptions> = {}) {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-cloudflare-'))
  const zones = [{ name: 'example.com', hosts: [HOST] }]
  const cloudflare = await startCloudflare({ zones, folder, ...options })
  const { account, token, api } = cloudflare

  /** `path` below the account, or from the root where it begins with `/`. */
  async function call(method: string, path: string, body?: unknown): Promise<ApiAnswer> {
    const url = api.url + (path.startsWith('/') ? path : `/accounts/${account.id}/workers/${path}`)
    const response = await fetch(url, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body !== undefined && { body: body instanceof FormData ? body : JSON.stringify(body) }),
    })
    const { errors, result } = (await response.json()) as { errors: ApiError[]; result: any }
    return {
      status: response.status,
      codes: errors.map(({ code }) => code),
      messages: errors.map(({ message }) => message).join('; '),
      result,
    }
  }

  const formOf = (code: string, metadata: object) => {
    const form = new FormData()
    const all = { main_module: 'index.js', bindings: [], compatibility_date: '2026-01-01', ...metadata }
    form.set('metadata', JSON.stringify(all))
    form.set('index.js', new File([code], 'index.js', { type: 'application/javascript+module' }))
    return form
  }

  const list = async <Item>(path: string) => (await call('GET', path)).result as Item[]

  return {
    ...cloudflare,
    folder,
    zone: account.zones[0]!,
    call,
    list,
    formOf,
    upload: async (name: string, code: string, metadata: object = {}, query = '') =>
      await call('PUT', `scripts/${name}${query}`, formOf(code, metadata)),
    /** What a browser gets from the edge at this host and path. */
    get: async (path: string, host = HOST) => await getAt(cloudflare.edgeUrl, path, host),
    /** The real wrangler, as this account's owner runs it. */
    wrangler: async (...args: string[]) =>
      await wrangler(args, {
        CLOUDFLARE_API_BASE_URL: api.url,
        CLOUDFLARE_API_TOKEN: token,
        CLOUDFLARE_ACCOUNT_ID: account.id,
        WRANGLER_LOG_PATH: join(folder, 'log'),
      }),
    stop: async () => {
      await cloudflare.stop()
      await rm(folder, { recursive: true, force: true })
    },
  }
}

async function getAt(origin: string, path: string, host: string): Promise<{ status: number; text: string }> {
  return await new Promise((resolve, reject) => {
    const sent = request(origin + path, { headers: { host } }, (response) => {
      let text = ''
      response.on('data', (chunk: Buffer) => (text += String(chunk)))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, text }))
    })
    sent.on('error', reject).end()
  })
}

async function wrangler(
  args: string[],
  env: Record<string, string>,
): Promise<{ code: number; output: string }> {
  const { PATH = '' } = process.env
  const child = spawn(process.execPath, ['node_modules/wrangler/bin/wrangler.js', ...args], {
    cwd: projectRoot,
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...QUIET_WRANGLER, CI: 'true', PATH, HOME: tmpdir(), ...env },
  })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => (output += String(chunk)))
  const code = await new Promise<number>((resolve) => child.once('close', (code) => resolve(code ?? -1)))
  return { code, output }
}
