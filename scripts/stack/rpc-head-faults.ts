/** What nodes do about heads and blocks: behind, standing still, not level with each other, without a final block, forgetful. */
import type { FaultContext, RpcCall, RpcReply } from './rpc-faults.ts'

export interface HeadFaults {
  /** The node is this many blocks behind: it does not know the newest ones. */
  staleHead: number
  /** Each call may go to a replica that is 20 blocks behind. A chance. */
  unlevelHead: number
  /** A block asked for by its number is null, although the node has it. A chance. */
  unknownBlocks: number
  /** Asked for `finalized`, and for nothing else, the node answers in the n-th way that is no block; 0 means that it names it. */
  finalizedAnswer: number
  /** The head is so many blocks back, and what is `finalized` is not. */
  finalizedAbove: number
  /** The head stands still at this block although every call succeeds; 0 means that it moves. */
  frozenHead: number
  /** What is `finalized` stands still at this block. */
  frozenFinal: number
  /** The state of blocks further back than this is gone, as on a full node; 0 means that all is kept. */
  keptStates: number
}
export const NO_HEAD_FAULTS: Readonly<HeadFaults> = {
  staleHead: 0,
  unlevelHead: 0,
  unknownBlocks: 0,
  finalizedAnswer: 0,
  finalizedAbove: 0,
  frozenHead: 0,
  frozenFinal: 0,
  keptStates: 0,
}
const UNLEVEL_BLOCKS = 20

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
const PRUNED = [
  error(-32000, 'missing trie node 3b1d (path ) state 0x3b1d is not available'),
  error(-32000, 'historical state 3b1d is not available'),
  error(-32603, 'state at block is pruned'),
  error(-32000, 'header not found'),
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

/** Answers one call from where the faulty node stands; undefined when that is where the real one does. */
export async function headFault(call: RpcCall, context: FaultContext): Promise<RpcReply | undefined> {
  const { faults, chance, hit } = context
  const asksForBlock = call.method === 'eth_getBlockByNumber'
  if (asksForBlock && call.params?.[0] === 'finalized') {
    const answer = await finalizedFault(call, context)
    if (answer !== undefined) return answer
  }
  if (asksForBlock && isNumber(call.params?.[0]) && chance(faults.unknownBlocks)) {
    hit('unknownBlocks')
    return reply(call, null)
  }
  if (faults.keptStates > 0 && (await isPruned(call, context))) {
    hit('keptStates')
    return { jsonrpc: '2.0', id: call.id ?? null, ...PRUNED[context.pick(PRUNED.length)] }
  }
  const behind = await blocksBehind(call, context)
  return behind === 0 ? undefined : await answerStale(call, behind, context)
}

/** How far back this call finds the head: a node that lags, one that stands still, or a tag `latest` that lags alone. */
async function blocksBehind(call: RpcCall, context: FaultContext): Promise<number> {
  const { staleHead, frozenHead, finalizedAbove, unlevelHead } = context.faults
  const unlevel = context.chance(unlevelHead)
  if (unlevel) context.hit('unlevelHead')
  const least = unlevel ? Math.max(staleHead, UNLEVEL_BLOCKS) : staleHead
  if (frozenHead > 0) return Math.max(least, (await blockNumber('latest', context)) - frozenHead)
  const asksForHead = call.method === 'eth_getBlockByNumber' && call.params?.[0] === 'latest'
  return asksForHead ? Math.max(least, finalizedAbove) : least
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

async function isPruned(call: RpcCall, context: FaultContext): Promise<boolean> {
  const position = BLOCK_ARGUMENT[call.method]
  if (position === undefined || call.method === 'eth_getBlockByNumber') return false
  const head = await blockNumber('latest', context)
  return head - (await blockNumber(call.params?.[position] ?? 'latest', context)) > context.faults.keptStates
}

/** Every tag is that many blocks back, and what lies beyond the lagging head does not exist yet. */
async function answerStale(call: RpcCall, behind: number, context: FaultContext): Promise<RpcReply> {
  const lagging = async (block: unknown) => {
    const number = await blockNumber(block ?? 'latest', context)
    return isNumber(block) ? number : Math.max(0, number - behind)
  }
  const head = await lagging('latest')
  const hidden = (block: number): boolean => block > head
  context.hit('staleHead')
  if (call.method === 'eth_blockNumber') return reply(call, hex(head))
  if (call.method === 'eth_getLogs') return await staleLogs(call, lagging, head, context)
  if (call.method === 'eth_getTransactionReceipt') {
    const answer = await context.upstream(call)
    const block = (answer.result as { blockNumber?: string } | null | undefined)?.blockNumber
    return block !== undefined && hidden(Number(block)) ? reply(call, null) : answer
  }
  const position = BLOCK_ARGUMENT[call.method]
  if (position === undefined) return await context.upstream(call)
  const block = await lagging(call.params?.[position])
  if (hidden(block)) {
    if (call.method === 'eth_getBlockByNumber') return reply(call, null)
    return { jsonrpc: '2.0', id: call.id ?? null, ...error(-32000, 'header not found') }
  }
  const params = [...(call.params ?? [])]
  params[position] = hex(block)
  return await context.upstream({ ...call, params })
}

/** The dangerous one: a lagging node answers a range that it only knows in part, without saying so. */
async function staleLogs(
  call: RpcCall,
  lagging: (block: unknown) => Promise<number>,
  head: number,
  context: FaultContext,
): Promise<RpcReply> {
  const filter = (call.params?.[0] ?? {}) as { fromBlock?: string; toBlock?: string; blockHash?: string }
  if (filter.blockHash !== undefined) return await context.upstream(call)
  const from = await lagging(filter.fromBlock)
  const to = Math.min(await lagging(filter.toBlock), head)
  if (from > to) return reply(call, [])
  const params = [{ ...filter, fromBlock: hex(from), toBlock: hex(to) }]
  return await context.upstream({ ...call, params })
}

export async function blockNumber(block: unknown, context: FaultContext): Promise<number> {
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

export function reply(call: RpcCall, result: unknown): RpcReply {
  return { jsonrpc: '2.0', id: call.id ?? null, result }
}

export const hex = (block: number): string => `0x${block.toString(16)}`
