import { distortLogs, NO_LOG_FAULTS, type LogFaults } from './rpc-log-faults.ts'

/** What can go wrong with a node. Each chance is the probability per HTTP request, or per call, from 0 to 1. */
export interface RpcFaults extends LogFaults {
  /** The connection is cut without an answer. */
  down: number
  /** The connection stays open and no answer ever comes. */
  hang: number
  /** HTTP 429, as hosted nodes answer past their rate. */
  http429: number
  /** HTTP 200 with a page that is not JSON. */
  garbage: number
  /** Every answer is this late. */
  slowMs: number
  /** `eth_getLogs` answers [] although there are logs: a node whose log index is behind. */
  emptyLogs: number
  /** `eth_chainId` and `net_version` answer 1. */
  wrongChainId: number
  /** The node is this many blocks behind: it does not know the newest ones. */
  staleHead: number
  /** `eth_getLogs` over more blocks than this is refused; 0 means no limit. */
  maxLogRange: number
  /** Asked for `finalized`, and for nothing else, the node answers in the n-th way that is no block; 0 means that it names it. */
  finalizedAnswer: number
  /** The head is so many blocks back, and what is `finalized` is not. */
  finalizedAbove: number
  /** The head stands still at this block although every call succeeds; 0 means that it moves. */
  frozenHead: number
  /** What is `finalized` stands still at this block. */
  frozenFinal: number
}
export interface RpcCall {
  jsonrpc?: string
  id?: unknown
  method: string
  params?: unknown[]
}
export interface RpcReply {
  jsonrpc: '2.0'
  id: unknown
  result?: unknown
  error?: { code: number; message: string }
}
interface LogFilter {
  fromBlock?: string
  toBlock?: string
  blockHash?: string
}
export interface FaultContext {
  faults: RpcFaults
  /** True with the given probability; a seeded generator, so a run can be repeated. */
  chance: (probability: number) => boolean
  /** Index below `n` from the same generator. */
  pick: (n: number) => number
  hit: (fault: keyof RpcFaults) => void
  /** Asks the real node. */
  upstream: (call: RpcCall) => Promise<RpcReply>
}

export const NO_FAULTS: Readonly<RpcFaults> = {
  down: 0,
  hang: 0,
  http429: 0,
  garbage: 0,
  slowMs: 0,
  emptyLogs: 0,
  wrongChainId: 0,
  staleHead: 0,
  maxLogRange: 0,
  finalizedAnswer: 0,
  finalizedAbove: 0,
  frozenHead: 0,
  frozenFinal: 0,
  ...NO_LOG_FAULTS,
}

/** How hosted nodes word it: nobody agrees on code or text, so a client may rely on neither. */
const RANGE_ERRORS = [
  { code: -32005, message: 'query returned more than 10000 results' },
  { code: -32005, message: 'limit exceeded' },
  { code: -32600, message: 'block range too large' },
  { code: -32602, message: 'exceed maximum block range: 50000' },
]
const error = (code: number, message: string): Pick<RpcReply, 'result' | 'error'> => ({
  error: { code, message },
})
/**
 * What nodes answer instead of a final block: those that never have one, those that lost it with a restart, those that
 * could not fetch one just now. The wording tells nothing of which it is.
 */
export const FINALIZED_ANSWERS: Pick<RpcReply, 'result' | 'error'>[] = [
  { result: null },
  error(-39001, 'finalized block not found'),
  error(-39001, 'Unknown block'),
  error(-32000, 'finalized block not found'),
  error(-32000, "'finalized' tag not supported on pre-merge network"),
  error(-32000, 'unknown block'),
  error(-32000, 'header not found'),
  error(-32000, 'the requested block does not exist'),
  error(-32000, 'could not read the finalized block: context deadline exceeded'),
  error(-32001, 'Resource not found'),
  error(-32001, 'block not found: finalized'),
  error(-32004, 'Method not supported'),
  error(-32005, 'limit exceeded'),
  error(-32600, 'Invalid request'),
  error(-32601, 'the method does not exist'),
  error(-32602, 'invalid argument 0: hex string without 0x prefix'),
  error(-32602, 'invalid block number'),
  error(-32603, 'Internal error'),
  error(429, 'Too Many Requests'),
  { result: {} },
  { result: { number: null, hash: null, timestamp: '0x0' } },
  { result: 'busy' },
  { result: false },
  { error: null as never, result: null },
]
/** Position of the block argument of the methods that read state or blocks at one. */
const BLOCK_ARGUMENT: Record<string, number> = {
  eth_getBlockByNumber: 0,
  eth_call: 1,
  eth_getBalance: 1,
  eth_getCode: 1,
  eth_getTransactionCount: 1,
  eth_getStorageAt: 2,
}

/** Answers one call as the faulty node would. */
export async function answerCall(call: RpcCall, context: FaultContext): Promise<RpcReply> {
  const { faults, chance, hit } = context
  const asksForChain = call.method === 'eth_chainId' || call.method === 'net_version'
  if (asksForChain && chance(faults.wrongChainId)) {
    hit('wrongChainId')
    return reply(call, call.method === 'eth_chainId' ? '0x1' : '1')
  }
  if (call.method === 'eth_getBlockByNumber' && call.params?.[0] === 'finalized') {
    const answer = await finalizedFault(call, context)
    if (answer !== undefined) return answer
  }
  if (call.method === 'eth_getLogs') {
    const refusal = await logFault(call, context)
    if (refusal !== undefined) return refusal
  }
  const behind = await blocksBehind(call, context)
  const lagging = { ...context, faults: { ...faults, staleHead: behind } }
  const answer = behind === 0 ? await context.upstream(call) : await answerStale(call, lagging)
  return call.method === 'eth_getLogs' ? await distortLogs(answer, context) : answer
}

/** How far back this call finds the head: a node that lags, one that stands still, or a tag `latest` that lags alone. */
async function blocksBehind(call: RpcCall, context: FaultContext): Promise<number> {
  const { staleHead, frozenHead, finalizedAbove } = context.faults
  if (frozenHead > 0) return Math.max(staleHead, (await blockNumber('latest', context)) - frozenHead)
  const asksForHead = call.method === 'eth_getBlockByNumber' && call.params?.[0] === 'latest'
  return asksForHead ? Math.max(staleHead, finalizedAbove) : staleHead
}

async function finalizedFault(call: RpcCall, context: FaultContext): Promise<RpcReply | undefined> {
  const { faults, hit, upstream } = context
  const answer = FINALIZED_ANSWERS[faults.finalizedAnswer - 1]
  if (answer !== undefined) {
    hit('finalizedAnswer')
    return { jsonrpc: '2.0', id: call.id ?? null, ...answer }
  }
  if (faults.frozenFinal === 0 || (await blockNumber('finalized', context)) <= faults.frozenFinal)
    return undefined
  hit('frozenFinal')
  return await upstream({ ...call, params: [hex(faults.frozenFinal), ...(call.params ?? []).slice(1)] })
}

async function logFault(call: RpcCall, context: FaultContext): Promise<RpcReply | undefined> {
  const { faults, chance, pick, hit } = context
  if (chance(faults.emptyLogs)) {
    hit('emptyLogs')
    return reply(call, [])
  }
  const filter = (call.params?.[0] ?? {}) as LogFilter
  if (faults.maxLogRange === 0 || filter.blockHash !== undefined) return undefined
  const from = await blockNumber(filter.fromBlock ?? 'latest', context)
  const to = await blockNumber(filter.toBlock ?? 'latest', context)
  if (to - from + 1 <= faults.maxLogRange) return undefined
  hit('maxLogRange')
  const error = RANGE_ERRORS[pick(RANGE_ERRORS.length)]
  return { jsonrpc: '2.0', id: call.id ?? null, ...(error && { error }) }
}

/** Every tag is that many blocks back, and what lies beyond the lagging head does not exist yet. */
async function answerStale(call: RpcCall, context: FaultContext): Promise<RpcReply> {
  const head = await lagging('latest', context)
  const hidden = (block: number): boolean => block > head
  if (call.method === 'eth_blockNumber') return stale(reply(call, hex(head)), context)
  if (call.method === 'eth_getLogs') return await staleLogs(call, head, context)
  if (call.method === 'eth_getTransactionReceipt') {
    const answer = await context.upstream(call)
    const block = (answer.result as { blockNumber?: string } | null | undefined)?.blockNumber
    return block !== undefined && hidden(Number(block)) ? stale(reply(call, null), context) : answer
  }
  const position = BLOCK_ARGUMENT[call.method]
  if (position === undefined) return await context.upstream(call)
  const block = await lagging(call.params?.[position], context)
  if (hidden(block)) {
    if (call.method === 'eth_getBlockByNumber') return stale(reply(call, null), context)
    const error = { code: -32000, message: 'header not found' }
    return stale({ jsonrpc: '2.0', id: call.id ?? null, error }, context)
  }
  const params = [...(call.params ?? [])]
  params[position] = hex(block)
  return stale(await context.upstream({ ...call, params }), context)
}

/** The dangerous one: a lagging node answers a range that it only knows in part, without saying so. */
async function staleLogs(call: RpcCall, head: number, context: FaultContext): Promise<RpcReply> {
  const filter = (call.params?.[0] ?? {}) as LogFilter
  if (filter.blockHash !== undefined) return await context.upstream(call)
  const from = await lagging(filter.fromBlock, context)
  const to = Math.min(await lagging(filter.toBlock, context), head)
  if (from > to) return stale(reply(call, []), context)
  return stale(
    await context.upstream({ ...call, params: [{ ...filter, fromBlock: hex(from), toBlock: hex(to) }] }),
    context,
  )
}

function stale(answer: RpcReply, context: FaultContext): RpcReply {
  context.hit('staleHead')
  return answer
}

/** A tag is moved back; a number is what it is. */
async function lagging(block: unknown, context: FaultContext): Promise<number> {
  const number = await blockNumber(block ?? 'latest', context)
  return isNumber(block) ? number : Math.max(0, number - context.faults.staleHead)
}

async function blockNumber(block: unknown, context: FaultContext): Promise<number> {
  if (isNumber(block)) return Number(block)
  if (block === 'earliest') return 0
  const params = [block === 'pending' ? 'latest' : block, false]
  const answer = await context.upstream({ id: 0, method: 'eth_getBlockByNumber', params })
  const number = (answer.result as { number?: string } | null | undefined)?.number
  if (number === undefined) throw new Error(`the node does not know block ${JSON.stringify(block)}`)
  return Number(number)
}

function isNumber(block: unknown): block is string {
  return typeof block === 'string' && block.startsWith('0x')
}

function reply(call: RpcCall, result: unknown): RpcReply {
  return { jsonrpc: '2.0', id: call.id ?? null, result }
}

function hex(block: number): string {
  return `0x${block.toString(16)}`
}
