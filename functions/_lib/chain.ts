/** What settle asks a node: the head, blocks with logs, and the vault's state at one block. */
import { createClient, http, type Hex } from 'viem'
import { ChainError, faultOf, type ChainFault } from './chain-fault.ts'
import { COUNTERS_PER_CALL, SETTLE_RPC_TIMEOUT_MS } from './limits.ts'
import { countersCall, readCounters } from './release-counters.ts'

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
export interface Chain {
  /** HTTP requests made so far; a batch is one. */
  readonly spent: { requests: number }
  /**
   * Chain id, head and, when asked for, the block that the node calls final, or why it named none: never a guess. One request.
   */
  head(askFinal: boolean): Promise<{ chainId: number; latest: Block; final: Block | ChainFault | undefined }>
  block(number: number): Promise<Block>
  blocks(numbers: number[]): Promise<Block[]>
  /** Logs of the vault, and the named blocks as the same node sees them. One request. */
  logs(from: number, to: number, alongside: number[]): Promise<{ logs: Log[]; blocks: Block[] }>
  /** `releaseNonces` of each account at a block, as decimal text, and that block. One request. */
  counters(accounts: string[], at: number): Promise<{ block: Block; counters: Map<string, string> }>
  /** `vaultTokenBalance` of each contract at a block, as decimal text, and that block. One request. */
  holdings(contracts: string[], at: number): Promise<{ block: Block; holdings: Map<string, string> }>
}

type Params = readonly unknown[]
type Ask = (method: string, params: Params) => Promise<unknown>

const HASH = /^0x[0-9a-f]{64}$/
const QUANTITY = /^0x[0-9a-f]{1,64}$/
const VAULT_TOKEN_BALANCE = '0x222d176c'
const quantity = (value: number): Hex => `0x${value.toString(16)}`

export function connectChain(url: string, vault: string): Chain {
  const spent = { requests: 0 }
  const transport = http(url, {
    batch: { batchSize: 1_000 },
    retryCount: 0,
    timeout: SETTLE_RPC_TIMEOUT_MS,
    onFetchRequest: () => void (spent.requests += 1),
  })
  const client = createClient({ transport })
  const request = client.request as (call: { method: string; params: Params }) => Promise<unknown>
  const ask: Ask = async (method, params) => {
    try {
      return await request({ method, params })
    } catch (error) {
      throw new ChainError(faultOf(error), method)
    }
  }
  const block = async (at: number | string) => {
    const tag = typeof at === 'number' ? quantity(at) : at
    return blockOf(await ask('eth_getBlockByNumber', [tag, false]), typeof at === 'number' ? at : undefined)
  }
  return {
    spent,
    block,
    blocks: async (numbers) => (await together(numbers.map(block))) as Block[],
    head: async (askFinal) => {
      const finalized = async () =>
        await block('finalized').catch((error: unknown) => {
          if (error instanceof ChainError) return error.fault
          throw error
        })
      // Asked first: a block that comes while the node answers must not put the final one above the head.
      const [final, id, latest] = await together([
        askFinal ? finalized() : Promise.resolve(undefined),
        ask('eth_chainId', []),
        block('latest'),
      ])
      return {
        chainId: numberOf(id, 'eth_chainId'),
        latest: latest as Block,
        final: final as Block | ChainFault | undefined,
      }
    },
    logs: async (from, to, alongside) => {
      const filter = { address: vault, fromBlock: quantity(from), toBlock: quantity(to) }
      const [raw, ...blocks] = await together([ask('eth_getLogs', [filter]), ...alongside.map(block)])
      return { logs: logsOf(raw, vault, from, to), blocks: blocks as Block[] }
    },
    counters: async (accounts, at) => {
      const distinct = [...new Set(accounts)]
      const parts = chunks(distinct, COUNTERS_PER_CALL)
      const calls = parts.map((part) => ask('eth_call', [{ data: countersCall(vault, part) }, quantity(at)]))
      const [seen, ...answers] = await together([block(at), ...calls])
      const counters = new Map<string, string>()
      for (const [index, part] of parts.entries()) {
        const values = readCounters(answers[index], part.length)
        if (!values) throw new ChainError('nonsense', 'eth_call')
        for (const [place, account] of part.entries()) counters.set(account, String(values[place]))
      }
      return { block: seen as Block, counters }
    },
    holdings: async (contracts, at) => {
      const data = (contract: string) => `${VAULT_TOKEN_BALANCE}${contract.slice(2).padStart(64, '0')}`
      const calls = contracts.map((contract) =>
        ask('eth_call', [{ to: vault, data: data(contract) }, quantity(at)]),
      )
      const [seen, ...answers] = await together([block(at), ...calls])
      const holdings = contracts.map((contract, index) => [contract, wordOf(answers[index])] as const)
      return { block: seen as Block, holdings: new Map(holdings) }
    },
  }
}

/** All calls of a batch end before an error of one is thrown, so that none is left to fail unheard. */
async function together(calls: Promise<unknown>[]): Promise<unknown[]> {
  const results = await Promise.allSettled(calls)
  return results.map((result) => {
    if (result.status === 'rejected') throw result.reason as Error
    return result.value
  })
}

function blockOf(value: unknown, wanted: number | undefined): Block {
  const raw = (value ?? {}) as { number?: unknown; hash?: unknown; timestamp?: unknown }
  // A node that does not know the block answers null: it is behind, which is a refusal to answer.
  if (value === null) throw new ChainError('refused', 'eth_getBlockByNumber')
  const number = numberOf(raw.number, 'eth_getBlockByNumber')
  const hash = textOf(raw.hash, HASH, 'eth_getBlockByNumber')
  if (wanted !== undefined && number !== wanted) throw new ChainError('nonsense', 'eth_getBlockByNumber')
  return { number, hash, timestamp: numberOf(raw.timestamp, 'eth_getBlockByNumber') }
}

/** Logs in the order of the chain. One of another contract, or outside the range, spoils the whole answer. */
function logsOf(value: unknown, vault: string, from: number, to: number): Log[] {
  if (!Array.isArray(value)) throw new ChainError('nonsense', 'eth_getLogs')
  // A log that its node calls removed is one of a block that is not in the chain.
  const there = value.filter((item: unknown) => (item as { removed?: unknown } | null)?.removed !== true)
  const logs = there.map((item: unknown): Log => {
    const raw = (item ?? {}) as Record<string, unknown>
    const topics = Array.isArray(raw.topics) ? (raw.topics as unknown[]) : []
    const log = {
      tx_hash: textOf(raw.transactionHash, HASH, 'eth_getLogs'),
      log_index: numberOf(raw.logIndex, 'eth_getLogs'),
      block_number: numberOf(raw.blockNumber, 'eth_getLogs'),
      block_hash: textOf(raw.blockHash, HASH, 'eth_getLogs'),
      block_timestamp: raw.blockTimestamp ? numberOf(raw.blockTimestamp, 'eth_getLogs') : undefined,
      topics: topics.map((topic) => textOf(topic, HASH, 'eth_getLogs')),
      data: textOf(raw.data, /^0x([0-9a-f]{2})*$/, 'eth_getLogs'),
    }
    const ours = typeof raw.address === 'string' && raw.address.toLowerCase() === vault
    if (!ours || log.block_number < from || log.block_number > to)
      throw new ChainError('nonsense', 'eth_getLogs')
    return log
  })
  return logs.sort((a, b) => a.block_number - b.block_number || a.log_index - b.log_index)
}

function textOf(value: unknown, form: RegExp, method: string): string {
  const text = typeof value === 'string' ? value.toLowerCase() : ''
  if (!form.test(text)) throw new ChainError('nonsense', method)
  return text
}

function numberOf(value: unknown, method: string): number {
  const number = Number(textOf(value, QUANTITY, method))
  if (!Number.isSafeInteger(number)) throw new ChainError('nonsense', method)
  return number
}

function wordOf(value: unknown): string {
  return BigInt(textOf(value, HASH, 'eth_call')).toString()
}

function chunks<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  )
}
