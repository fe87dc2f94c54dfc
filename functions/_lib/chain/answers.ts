/** How a node is asked, and what its answers must look like to be believed: hex in any case, nothing missing, nothing else. */
import { ChainError } from './fault.ts'
import type { RpcCall, RpcNode } from './node.ts'

export interface Block {
  number: number
  hash: string
  timestamp: number
}
export interface Log {
  tx_hash: string
  log_index: number
  block_number: number
  block_hash: string
  block_timestamp: number | undefined
  topics: string[]
  data: string
}

export const HASH = /^0x[0-9a-f]{64}$/
const QUANTITY = /^0x[0-9a-f]{1,64}$/
const BYTES = /^0x([0-9a-f]{2})*$/

export const quantity = (value: number): string => `0x${value.toString(16)}`
export const CHAIN_ID_CALL: RpcCall = { method: 'eth_chainId', params: [] }
export const blockCall = (at: number | string): RpcCall => ({
  method: 'eth_getBlockByNumber',
  params: [typeof at === 'number' ? quantity(at) : at, false],
})

/** @throws ChainError */
export async function blocksOf(node: RpcNode, numbers: number[]): Promise<Block[]> {
  const answers = await node.ask(numbers.map(blockCall))
  return numbers.map((number, at) => blockOf(answers[at], number))
}

/** @throws ChainError: null is how a node says that it does not know the block, which is a refusal to answer */
export function blockOf(value: unknown, wanted: number | undefined): Block {
  const method = 'eth_getBlockByNumber'
  if (value === null) throw new ChainError('refused', method)
  const raw = value as { number?: unknown; hash?: unknown; timestamp?: unknown }
  const number = numberOf(raw.number, method)
  if (wanted !== undefined && number !== wanted) throw new ChainError('nonsense', method)
  return { number, hash: textOf(raw.hash, HASH, method), timestamp: numberOf(raw.timestamp, method) }
}

/**
 * Logs in the order of the chain, each once. One of another contract or outside the range spoils the whole answer.
 *
 * @throws ChainError
 */
export function logsOf(value: unknown, vault: string, from: number, to: number): Log[] {
  const method = 'eth_getLogs'
  if (!Array.isArray(value)) throw new ChainError('nonsense', method)
  const hashes = new Map<number, string>()
  const seen = new Map<string, string>()
  // A log that its node calls removed is one of a block that is not in the chain.
  const there = value.filter((item: unknown) => (item as { removed?: unknown } | null)?.removed !== true)
  const logs = there.flatMap((item: unknown): (Log & { place: number })[] => {
    const raw = (item ?? {}) as Record<string, unknown>
    const log = logOf(raw, method)
    const ours = typeof raw.address === 'string' && raw.address.toLowerCase() === vault
    const sameBlock = (hashes.get(log.block_number) ?? log.block_hash) === log.block_hash
    if (!ours || !sameBlock || log.block_number < from || log.block_number > to)
      throw new ChainError('nonsense', method)
    hashes.set(log.block_number, log.block_hash)
    // Two logs of a transaction never share their number, whichever way a node counts: the same one was given twice.
    const place = `${log.tx_hash} ${log.log_index}`
    const content = JSON.stringify([log.block_hash, log.topics, log.data])
    const before = seen.get(place)
    if (before !== undefined && before !== content) throw new ChainError('nonsense', method)
    seen.set(place, content)
    if (before !== undefined) return []
    return [{ ...log, place: raw.transactionIndex ? numberOf(raw.transactionIndex, method) : 0 }]
  })
  // By the transaction first: some nodes count logs anew in each.
  logs.sort((a, b) => a.block_number - b.block_number || a.place - b.place || a.log_index - b.log_index)
  return logs.map(({ place: _place, ...log }) => log)
}

function logOf(raw: Record<string, unknown>, method: string): Log {
  const topics = Array.isArray(raw.topics) ? (raw.topics as unknown[]) : [undefined]
  return {
    tx_hash: textOf(raw.transactionHash, HASH, method),
    log_index: numberOf(raw.logIndex, method),
    block_number: numberOf(raw.blockNumber, method),
    block_hash: textOf(raw.blockHash, HASH, method),
    block_timestamp: raw.blockTimestamp ? numberOf(raw.blockTimestamp, method) : undefined,
    topics: topics.map((topic) => textOf(topic, HASH, method)),
    data: textOf(raw.data, BYTES, method),
  }
}

/** Lower case. */
export function textOf(value: unknown, form: RegExp, method: string): string {
  const text = typeof value === 'string' ? value.toLowerCase() : ''
  if (!form.test(text)) throw new ChainError('nonsense', method)
  return text
}

export function numberOf(value: unknown, method: string): number {
  const number = Number(textOf(value, QUANTITY, method))
  if (!Number.isSafeInteger(number)) throw new ChainError('nonsense', method)
  return number
}
