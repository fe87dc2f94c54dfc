/** A node that fails in the ways that nodes fail: what can be asked of it, and how it answers one call. */
import { NO_ANSWER_FAULTS, type AnswerFaults } from './rpc-answer-faults.ts'
import { blockNumber, headFault, hex, NO_HEAD_FAULTS, reply, type HeadFaults } from './rpc-head-faults.ts'
import { limitCall, limitLogs, limitRange, NO_LIMITS, type LimitFaults } from './rpc-limits.ts'
import { stateFault } from './rpc-state-faults.ts'
import { distortLogs, NO_LOG_FAULTS, type LogFaults } from './rpc-log-faults.ts'

/** Each chance is the probability per HTTP request, or per call, from 0 to 1. */
export interface RpcFaults extends HeadFaults, LimitFaults, LogFaults, AnswerFaults {
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
  /** `eth_chainId` and `net_version` answer 1. */
  wrongChainId: number
  /** `eth_getLogs` answers [] although there are logs: a node whose log index is behind. */
  emptyLogs: number
  /** `eth_getLogs` answers null. */
  nullLogs: number
  /** Of the newest so many blocks `eth_getLogs` knows no logs, and does not say so. */
  indexLag: number
  /** The vault's counter of an account is answered this much too high, as by a node with other state. */
  counterAhead: number
  /** Only that many counters are, then the node is well again; 0 means all of them. */
  counterAheadCalls: number
  /** `vaultTokenBalance` is answered this much too low, by the program that asks for several. */
  holdingsShort: number
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
  ...{ down: 0, hang: 0, http429: 0, garbage: 0, slowMs: 0, wrongChainId: 0, emptyLogs: 0, indexLag: 0 },
  ...NO_HEAD_FAULTS,
  ...NO_LIMITS,
  ...NO_LOG_FAULTS,
  ...{ nullLogs: 0, counterAhead: 0, counterAheadCalls: 0, holdingsShort: 0 },
  ...NO_ANSWER_FAULTS,
}
/** Those by which `eth_getLogs` leaves logs out and does not say so, as they are counted; what is left out is found late. */
export const LOG_HIDING_FAULTS: readonly (keyof RpcFaults)[] = [
  'emptyLogs',
  'indexLag',
  'cutLogs',
  'hiddenTwins',
  'staleHead',
  'unlevelHead',
]
/** Whole numbers; the others are chances. */
const COUNTS = new Set<string>([
  ...['slowMs', 'indexLag', 'counterAhead', 'counterAheadCalls', 'holdingsShort'],
  ...Object.keys(NO_HEAD_FAULTS).filter((name) => name !== 'unlevelHead' && name !== 'unknownBlocks'),
  ...Object.keys(NO_LIMITS),
])

/** All faults, those that are not named being off. @throws Error when one is unknown or out of range */
export function checkFaults(faults: Partial<RpcFaults>): RpcFaults {
  for (const [name, value] of Object.entries(faults)) {
    if (!(name in NO_FAULTS)) throw new Error(`unknown fault ${name}: ${Object.keys(NO_FAULTS).join(', ')}`)
    const good = COUNTS.has(name) ? Number.isSafeInteger(value) && value >= 0 : value >= 0 && value <= 1
    if (!good) throw new Error(`fault ${name} must be ${COUNTS.has(name) ? 'a whole number' : 'from 0 to 1'}`)
  }
  return { ...NO_FAULTS, ...faults }
}

/** Answers one call as the faulty node would. @throws RefusedRequest */
export async function answerCall(call: RpcCall, context: FaultContext): Promise<RpcReply> {
  const { faults, chance, hit } = context
  const asksForChain = call.method === 'eth_chainId' || call.method === 'net_version'
  if (asksForChain && chance(faults.wrongChainId)) {
    hit('wrongChainId')
    return reply(call, call.method === 'eth_chainId' ? '0x1' : '1')
  }
  if (call.method === 'eth_call') {
    const limited = limitCall(call, context)
    if ('answer' in limited) return limited.answer
    const answer = (await headFault(call, context)) ?? (await context.upstream(limited.runs))
    return stateFault(call, answer, context)
  }
  if (call.method !== 'eth_getLogs') return (await headFault(call, context)) ?? (await context.upstream(call))
  if (chance(faults.emptyLogs)) {
    hit('emptyLogs')
    return reply(call, [])
  }
  if (chance(faults.nullLogs)) {
    hit('nullLogs')
    return reply(call, null)
  }
  const refusal = await limitRange(call, context)
  if (refusal !== undefined) return refusal
  const indexed = await withinIndex(call, context)
  if (indexed === undefined) return reply(call, [])
  const answer = (await headFault(indexed, context)) ?? (await context.upstream(indexed))
  return await distortLogs(limitLogs(call, answer, context), context)
}

/** The call over the blocks whose logs are indexed; undefined when there are none. */
async function withinIndex(call: RpcCall, context: FaultContext): Promise<RpcCall | undefined> {
  const filter = (call.params?.[0] ?? {}) as { fromBlock?: string; toBlock?: string; blockHash?: string }
  if (context.faults.indexLag === 0 || filter.blockHash !== undefined) return call
  const indexed = (await blockNumber('latest', context)) - context.faults.indexLag
  const from = await blockNumber(filter.fromBlock ?? 'latest', context)
  const to = await blockNumber(filter.toBlock ?? 'latest', context)
  if (to <= indexed) return call
  context.hit('indexLag')
  return from > indexed ? undefined : { ...call, params: [{ ...filter, toBlock: hex(indexed) }] }
}
