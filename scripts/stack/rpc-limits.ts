/** What nodes limit, and the ways in which they refuse what is too much: nobody agrees on status, form, code or text. */
import type { FaultContext, RpcCall, RpcReply } from './rpc-faults.ts'
import { blockNumber } from './rpc-head-faults.ts'

export interface LimitFaults {
  /** Calls of one batch; 0, here and below, means no limit. */
  maxBatch: number
  /** The n-th of BATCH_REFUSALS; 0 takes any. */
  batchRefusal: number
  /** Blocks of one `eth_getLogs`. */
  maxLogRange: number
  /** Logs of one answer. */
  maxLogs: number
  /** The n-th of REFUSALS, for the whole request; 0 is an error of the call itself, in any words. */
  rangeRefusal: number
  /** Size of the answer to one request, bytes; refused like a range. */
  maxAnswerBytes: number
  /** Gas of one `eth_call`, whatever it asks for. */
  maxCallGas: number
  /** The n-th of BARE_CALL_ANSWERS, to an `eth_call` that names no contract; 0 runs it. */
  bareCallAnswer: number
}
export const NO_LIMITS: Readonly<LimitFaults> = {
  maxBatch: 0,
  batchRefusal: 0,
  maxLogRange: 0,
  maxLogs: 0,
  rangeRefusal: 0,
  maxAnswerBytes: 0,
  maxCallGas: 0,
  bareCallAnswer: 0,
}
/** What goes over the wire instead of the answer. */
export interface Refused {
  status: number
  /** JSON unless it is text. */
  body: unknown
}
/** Ends the whole request. */
export class RefusedRequest extends Error {
  constructor(readonly refused: Refused) {
    super('refused')
  }
}

const page = (title: string) => `<html><head><title>${title}</title></head><body>${title}</body></html>`
const failed = (id: unknown, code: number, message: string) => ({
  jsonrpc: '2.0',
  id,
  error: { code, message },
})
type Refusal = (calls: RpcCall[]) => Refused
/** Of a whole request. */
export const REFUSALS: Refusal[] = [
  () => ({ status: 413, body: page('413 Request Entity Too Large') }),
  () => ({ status: 429, body: failed(null, 429, 'Too Many Requests') }),
  () => ({ status: 500, body: page('500 Internal Server Error') }),
  () => ({ status: 503, body: '' }),
  () => ({ status: 200, body: page('Access denied') }),
  () => ({ status: 200, body: failed(null, -32005, 'limit exceeded') }),
  () => ({ status: 200, body: { error: 'Request too large' } }),
  ([first]) => ({ status: 200, body: failed(first?.id, -32600, 'batch too large') }),
  () => ({ status: 200, body: [failed(null, -32600, 'Invalid Request')] }),
  (calls) => ({ status: 200, body: calls.map(({ id }) => failed(id, -32000, 'response size exceeded')) }),
  (calls) => ({ status: 400, body: calls.map(({ id }) => failed(id, -32005, 'too many requests in batch')) }),
]
/** Besides, a batch may be answered in part: the rest is refused call by call, or simply not there. */
export const BATCH_REFUSALS: (Refusal | 'rest refused' | 'rest missing')[] = [
  ...REFUSALS,
  'rest refused',
  'rest missing',
]
const RANGE_ERRORS = [
  { code: -32005, message: 'query returned more than 10000 results' },
  { code: -32005, message: 'limit exceeded' },
  { code: -32600, message: 'block range too large' },
  { code: -32602, message: 'exceed maximum block range: 50000' },
  { code: -32000, message: 'query timeout exceeded' },
  { code: -32603, message: 'Internal error' },
]

/** Some nodes want a contract to be named, and some run nothing without one. */
export const BARE_CALL_ANSWERS = [
  { error: { code: -32602, message: 'missing value for required argument to' } },
  { error: { code: -32000, message: 'contract creation is not supported' } },
  { result: '0x' },
  { result: null },
]

/** The `eth_call` as the node runs it, or its answer where it does not. */
export function limitCall(
  call: RpcCall,
  { faults, hit }: FaultContext,
): { runs: RpcCall } | { answer: RpcReply } {
  const [asked = {}, ...at] = (call.params ?? []) as [{ to?: string; gas?: string }?, ...unknown[]]
  const bare = asked.to ? undefined : BARE_CALL_ANSWERS[faults.bareCallAnswer - 1]
  if (bare) {
    hit('bareCallAnswer')
    return { answer: { jsonrpc: '2.0', id: call.id ?? null, ...bare } }
  }
  const gas = Math.min(Number(asked.gas ?? Infinity), faults.maxCallGas || Infinity)
  if (faults.maxCallGas === 0 || gas === Number(asked.gas)) return { runs: call }
  hit('maxCallGas')
  return { runs: { ...call, params: [{ ...asked, gas: `0x${gas.toString(16)}` }, ...at] } }
}

/** The calls of a batch that are answered, and what the others get. @throws RefusedRequest */
export function limitBatch(
  calls: RpcCall[],
  { faults, pick, hit }: FaultContext,
): { answered: RpcCall[]; rest: RpcReply[] } {
  if (faults.maxBatch === 0 || calls.length <= faults.maxBatch) return { answered: calls, rest: [] }
  hit('maxBatch')
  const way =
    BATCH_REFUSALS[faults.batchRefusal === 0 ? pick(BATCH_REFUSALS.length) : faults.batchRefusal - 1]
  if (typeof way === 'function') throw new RefusedRequest(way(calls))
  const over = way === 'rest missing' ? [] : calls.slice(faults.maxBatch)
  return {
    answered: calls.slice(0, faults.maxBatch),
    rest: over.map(({ id }) => failed(id, -32005, 'batch limit exceeded') as RpcReply),
  }
}

/** Is this range too wide? The error of the call then. @throws RefusedRequest */
export async function limitRange(call: RpcCall, context: FaultContext): Promise<RpcReply | undefined> {
  const filter = (call.params?.[0] ?? {}) as { fromBlock?: string; toBlock?: string; blockHash?: string }
  if (context.faults.maxLogRange === 0 || filter.blockHash !== undefined) return undefined
  const from = await blockNumber(filter.fromBlock ?? 'latest', context)
  const to = await blockNumber(filter.toBlock ?? 'latest', context)
  if (to - from + 1 <= context.faults.maxLogRange) return undefined
  context.hit('maxLogRange')
  return refuseRange(call, context)
}

/** Are these too many logs? @throws RefusedRequest */
export function limitLogs(call: RpcCall, answer: RpcReply, context: FaultContext): RpcReply {
  const { maxLogs } = context.faults
  if (maxLogs === 0 || !Array.isArray(answer.result) || answer.result.length <= maxLogs) return answer
  context.hit('maxLogs')
  return refuseRange(call, context)
}

/** @throws RefusedRequest */
export function limitAnswer(calls: RpcCall[], answer: unknown, { faults, pick, hit }: FaultContext): void {
  if (faults.maxAnswerBytes === 0 || JSON.stringify(answer).length <= faults.maxAnswerBytes) return
  hit('maxAnswerBytes')
  const way = REFUSALS[faults.rangeRefusal === 0 ? pick(REFUSALS.length) : faults.rangeRefusal - 1]
  if (way) throw new RefusedRequest(way(calls))
}

function refuseRange(call: RpcCall, { faults, pick }: FaultContext): RpcReply {
  const way = REFUSALS[faults.rangeRefusal - 1]
  if (way) throw new RefusedRequest(way([call]))
  const error = RANGE_ERRORS[pick(RANGE_ERRORS.length)]
  return { jsonrpc: '2.0', id: call.id ?? null, ...(error && { error }) }
}
