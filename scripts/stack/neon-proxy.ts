import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import {
  control,
  createConditions,
  type Conditions,
  type Control,
  type Delay,
  type Injected,
  type RoundTrips,
} from './neon-proxy-faults.ts'
import { createPools, type Pools } from './neon-proxy-pool.ts'
import { failureAfter, refusalBefore } from './neon-proxy-refusals.ts'
import { execute, failure, readRequest, type Answer, type SqlRequest } from './neon-proxy-sql.ts'
import { createTunnel } from './neon-proxy-tunnel.ts'
import { listen, readBody } from './plumbing/loopback.ts'

export interface NeonProxy {
  readonly port: number
  /** For `neonConfig.fetchEndpoint`. */
  readonly fetchEndpoint: string
  /** For `neonConfig.wsProxy`: host, port and path, without a protocol. */
  readonly wsProxy: string
  roundTrips(): RoundTrips
  /** The faults that struck since the last reset, oldest first. */
  injected(): readonly Injected[]
  /** Changes delays and faults from now on; what is not named stays. */
  control(change: Control): void
  cutWebSockets(): void
  stop(): Promise<void>
}

export interface NeonProxyOptions {
  postgresHost: string
  postgresPort: number
  port?: number
  /** Each way. */
  delayMs?: Delay
  /** Connections per role, password and database. */
  poolSize?: number
}

const BODY_BYTES_MAX = 64 * 1024 * 1024
/** Longer than clients keep an idle connection, so that it is never us who close one being reused. */
const KEEP_ALIVE_MS = 120_000
const POOL_SIZE = 24

interface Proxy {
  conditions: Conditions
  pools: Pools
}

/**
 * Speaks Neon's two protocols in front of a Postgres, on 127.0.0.1 only: SQL over HTTP (POST /sql) and
 * Postgres over WebSocket (/v2). GET and POST /_control read and change delays, faults and counters.
 */
export async function startNeonProxy(options: NeonProxyOptions): Promise<NeonProxy> {
  const address = { host: options.postgresHost, port: options.postgresPort }
  const conditions = createConditions(options.delayMs)
  const pools = createPools(address, options.poolSize ?? POOL_SIZE, () => conditions.settings.queueWaitMs)
  const tunnel = createTunnel(address, conditions)
  const proxy: Proxy = { conditions, pools }
  const server = createServer({ keepAliveTimeout: KEEP_ALIVE_MS, noDelay: true }, (request, response) => {
    route(proxy, request, response).catch((error: unknown) => send(response, failure(error, 500)))
  })
  server.on('upgrade', (request, socket, head) => tunnel.upgrade(request, socket, head))
  await listen(server, options.port ?? 0)
  const { port } = server.address() as AddressInfo
  return {
    port,
    fetchEndpoint: `http://127.0.0.1:${port}/sql`,
    wsProxy: `127.0.0.1:${port}/v2`,
    roundTrips: () => conditions.roundTrips(),
    injected: () => conditions.injected,
    control: (change) => conditions.apply(control.parse(change)),
    cutWebSockets: () => tunnel.cut(),
    async stop() {
      tunnel.cut()
      const closed = new Promise((resolve) => server.close(resolve))
      server.closeAllConnections()
      await Promise.all([closed, pools.end()])
    },
  }
}

async function route(proxy: Proxy, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url?.split('?')[0]
  if (path === '/sql' && request.method === 'POST') return await answerSql(proxy, request, response)
  if (path === '/_control') return await answerControl(proxy, request, response)
  send(response, { status: 404, body: { message: 'not found' } })
}

async function answerSql(proxy: Proxy, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const { conditions } = proxy
  const gone = whenGone(response, conditions)
  const body = await readBody(request, BODY_BYTES_MAX)
  if (!body) return send(response.setHeader('Connection', 'close'), tooLarge)
  let sql: SqlRequest
  try {
    sql = readRequest(request.headers, body)
  } catch (error) {
    return send(response, failure(error, 400))
  }
  count(conditions, sql)
  const fault = conditions.strike(sql.statements.map(({ text }) => text))
  await conditions.pass()
  if (fault?.kind === 'cutBeforeSend') return void request.socket.destroy()
  const refusal = refusalBefore(fault?.kind)
  if (refusal) return send(response, refusal)
  const answer = await executeUnder(fault, proxy, sql, gone)
  await conditions.pass()
  if (fault?.kind === 'cutAfterCommit') return void request.socket.destroy()
  send(response, failureAfter(fault?.kind) ?? answer)
}

function count(conditions: Conditions, { begin, statements }: SqlRequest): void {
  conditions.count('httpRequests')
  conditions.count('httpStatements', statements.length)
  if (begin !== undefined) conditions.count('httpBatches')
}

async function executeUnder(
  fault: Injected | undefined,
  { pools }: Proxy,
  sql: SqlRequest,
  gone: AbortSignal,
): Promise<Answer> {
  const first = execute(pools, sql, gone)
  if (fault?.kind !== 'duplicate' && fault?.kind !== 'duplicateRace') return await first
  if (fault.kind === 'duplicate') await first
  const copy = await execute(pools, sql, gone)
  fault.copy = copy.status === 200 ? 'ok' : (copy.body as { code: string }).code
  return await first
}

/** Fires when the client has hung up before its answer, as late as that news would take to get here. */
function whenGone(response: ServerResponse, conditions: Conditions): AbortSignal {
  const gone = new AbortController()
  response.on('close', () => {
    if (response.writableFinished || conditions.settings.onClientAbort === 'finish') return
    void conditions.pass().then(() => gone.abort())
  })
  return gone.signal
}

const tooLarge: Answer = failure(new Error(`request is too large (max is ${BODY_BYTES_MAX} bytes)`), 413)

async function answerControl({ conditions }: Proxy, request: IncomingMessage, response: ServerResponse) {
  // A page in the developer's browser can reach loopback; it always sends its origin with a POST.
  if (request.headers.origin !== undefined)
    return send(response, { status: 403, body: { message: 'no browsers' } })
  if (request.method === 'POST') {
    const body = await readBody(request, BODY_BYTES_MAX)
    try {
      conditions.apply(control.parse(JSON.parse(String(body))))
    } catch (error) {
      return send(response, failure(error, 400))
    }
  }
  const { settings, injected } = conditions
  send(response, { status: 200, body: { roundTrips: conditions.roundTrips(), ...settings, injected } })
}

function send(response: ServerResponse, { status, body }: Answer): void {
  if (response.headersSent || response.destroyed) return
  const isText = typeof body === 'string'
  const bytes = Buffer.from(isText ? body : JSON.stringify(body))
  const type = isText ? 'text/html' : 'application/json'
  response.writeHead(status, { 'Content-Type': type, 'Content-Length': bytes.length }).end(bytes)
}
