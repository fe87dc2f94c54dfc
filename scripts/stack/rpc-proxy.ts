import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { distortAnswers } from './rpc-answer-faults.ts'
import {
  answerCall,
  checkFaults,
  type FaultContext,
  type RpcCall,
  type RpcFaults,
  type RpcReply,
} from './rpc-faults.ts'
import { limitAnswer, limitBatch, RefusedRequest } from './rpc-limits.ts'
import { randomFrom } from './random.ts'
import { upstreamOf } from './rpc-upstream.ts'
import { close, listen, readBody } from './plumbing/loopback.ts'

export interface RpcCounters {
  /** HTTP requests, control requests left out. A batch is one. */
  httpRequests: number
  /** Calls by method; each call of a batch counts. */
  methods: Record<string, number>
  /** How often each fault was played. */
  faults: Partial<Record<keyof RpcFaults, number>>
}
export interface RpcProxyOptions {
  /** The node's address. */
  target: string
  port?: number
  seed?: number
  faults?: Partial<RpcFaults>
}
export interface RpcProxy {
  url: string
  /** Replaces the faults: what is not named is off. The random sequence starts over when a seed is given. */
  setFaults(faults: Partial<RpcFaults>, seed?: number): void
  counters(): RpcCounters
  resetCounters(): void
  stop(): Promise<void>
}
interface ProxyState {
  upstream: (call: RpcCall) => Promise<RpcReply>
  faults: RpcFaults
  random: () => number
  counters: RpcCounters
}

const CONTROL_PATH = '/_control'
const DEFAULT_SEED = 1

/**
 * A JSON-RPC proxy in front of a node that fails on demand, in the ways hosted nodes fail.
 *
 * `POST /_control` with `{"faults": {"down": 0.5}, "seed": 7, "reset": true}` does what `setFaults` and
 * `resetCounters` do; both it and `GET /_control` answer `{faults, counters}`.
 *
 * @throws Error when a fault is unknown or out of range.
 */
export async function startRpcProxy(options: RpcProxyOptions): Promise<RpcProxy> {
  const state: ProxyState = {
    upstream: upstreamOf(options.target),
    faults: checkFaults(options.faults ?? {}),
    random: randomFrom(options.seed ?? DEFAULT_SEED),
    counters: emptyCounters(),
  }
  const server = createServer((request, response) => {
    handle(state, request, response).catch((error: unknown) => {
      if (!response.headersSent) sendJson(response, 502, { error: String(error) })
    })
  })
  await listen(server, options.port ?? 0)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    setFaults: (faults, seed) => setFaults(state, faults, seed),
    counters: () => structuredClone(state.counters),
    resetCounters: () => void (state.counters = emptyCounters()),
    stop: async () => await close(server),
  }
}

async function handle(state: ProxyState, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = String(await readBody(request))
  if (request.url === CONTROL_PATH) {
    control(state, request.method, body, response)
    return
  }
  state.counters.httpRequests += 1
  const calls = JSON.parse(body) as RpcCall | RpcCall[]
  for (const { method } of [calls].flat()) bump(state.counters.methods, method)
  if (state.faults.slowMs > 0) {
    hit(state, 'slowMs')
    await pause(state.faults.slowMs)
  }
  if (failTransport(state, request, response)) return
  const context = contextOf(state)
  try {
    const { answered, rest } = limitBatch([calls].flat(), context)
    const given = await Promise.all(answered.map(async (call) => await answerCall(call, context)))
    const replies = distortAnswers([...given, ...rest], context)
    const answer = Array.isArray(calls) ? replies : replies[0]
    limitAnswer([calls].flat(), answer, context)
    sendJson(response, 200, answer ?? null)
  } catch (error) {
    if (!(error instanceof RefusedRequest)) throw error
    const { status, body } = error.refused
    if (typeof body !== 'string') sendJson(response, status, body)
    else response.writeHead(status, { 'content-type': 'text/html' }).end(body)
  }
}

/** One throw of the dice per fault and request, always in this order, so that a seed means the same run. */
function failTransport(state: ProxyState, request: IncomingMessage, response: ServerResponse): boolean {
  const order = ['down', 'hang', 'http429', 'garbage'] as const
  const fault = order.filter((name) => chance(state, state.faults[name]))[0]
  if (fault === undefined) return false
  hit(state, fault)
  if (fault === 'down') request.socket.destroy()
  if (fault === 'http429') {
    response.setHeader('retry-after', '1')
    sendJson(response, 429, { jsonrpc: '2.0', id: null, error: { code: 429, message: 'Too Many Requests' } })
  }
  if (fault === 'garbage') {
    response.writeHead(200, { 'content-type': 'text/html' })
    response.end('<html><body>Bad gateway</body></html>')
  }
  return true
}

function contextOf(state: ProxyState): FaultContext {
  return {
    // One copy per request: faults changed meanwhile begin with the next one.
    faults: state.faults,
    chance: (probability) => chance(state, probability),
    pick: (n) => Math.floor(state.random() * n),
    hit: (fault) => hit(state, fault),
    upstream: state.upstream,
  }
}

function control(
  state: ProxyState,
  method: string | undefined,
  body: string,
  response: ServerResponse,
): void {
  if (method === 'POST') {
    try {
      const { faults, seed, reset } = JSON.parse(body) as {
        faults?: Partial<RpcFaults>
        seed?: number
        reset?: boolean
      }
      if (faults !== undefined) setFaults(state, faults, seed)
      if (reset === true) state.counters = emptyCounters()
    } catch (error) {
      sendJson(response, 400, { error: error instanceof Error ? error.message : String(error) })
      return
    }
  }
  sendJson(response, 200, { faults: state.faults, counters: state.counters })
}

function setFaults(state: ProxyState, faults: Partial<RpcFaults>, seed?: number): void {
  state.faults = checkFaults(faults)
  if (seed !== undefined) state.random = randomFrom(seed)
}

function chance(state: ProxyState, probability: number): boolean {
  return probability > 0 && state.random() < probability
}

function hit(state: ProxyState, fault: keyof RpcFaults): void {
  state.counters.faults[fault] = (state.counters.faults[fault] ?? 0) + 1
}

function bump(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

function emptyCounters(): RpcCounters {
  return { httpRequests: 0, methods: {}, faults: {} }
}

function sendJson(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' })
  response.end(JSON.stringify(body))
}
