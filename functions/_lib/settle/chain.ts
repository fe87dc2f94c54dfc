/** What settle asks the nodes: the head, blocks with logs, and the vault's state at one block. */
import { OwnError } from '../../../db/errors.ts'
import { blockCall, blockOf, blocksOf, logsOf, quantity, type Block, type Log } from '../chain/answers.ts'
import { ChainError } from '../chain/fault.ts'
import { readHead, type Finality, type Head, type NoHead } from '../chain/head.ts'
import { SLOW_RANGE_DIVISOR, VAULT_CALLS_MAX } from '../limits.ts'
import type { Nodes } from '../chain/nodes.ts'
import type { RpcCall, RpcNode } from '../chain/node.ts'
import { readVaultCalls, vaultCalls, type VaultAnswers, type VaultCall } from '../vault/calls.ts'
import { VAULT_QUESTIONS, vaultStateOf, type VaultState } from '../vault/state.ts'

/** Thrown when a node refuses a range: what to ask for next time it says itself (`rangeSize`). */
export class RangeRefused extends OwnError {}

export interface Chain {
  /** Two requests at most where one node is enough. */
  head(finality: Finality, chainId: number): Promise<Head | NoHead>
  block(number: number): Promise<Block>
  blocks(numbers: number[]): Promise<Block[]>
  /** Blocks of one eth_getLogs, and how many of them may be asked for together. */
  rangeSize(): { blocks: number; together: number }
  /**
   * Logs of the vault in these ranges, and the named blocks as the same nodes see them.
   *
   * @throws RangeRefused
   */
  logs(ranges: [from: number, to: number][], alongside: number[]): Promise<{ logs: Log[]; blocks: Block[] }>
  /** `releaseNonces` of each account at a block, as decimal text, and that block. One request. */
  counters(accounts: string[], at: number): Promise<{ block: Block; counters: Map<string, string> }>
  /** What the vault is and says, and its `vaultTokenBalance` of each contract as decimal text, at a block. One request. */
  vault(
    contracts: string[],
    at: number | 'latest',
  ): Promise<{ block: Block; vault: VaultState; holdings: Map<string, string> }>
}

export function connectChain(nodes: Nodes, vault: string): Chain {
  const blocks = async (numbers: number[]) =>
    await nodes.agree(between('blocks', numbers), async (node) => await blocksOf(node, numbers))
  return {
    head: async (finality, chainId) => await readHead(nodes, finality, chainId),
    blocks,
    block: async (number) => (await blocks([number]))[0] as Block,
    rangeSize: () => {
      const asked = nodes.order().slice(0, nodes.quorum)
      return {
        blocks: Math.min(...asked.map((node) => node.range.now)),
        together: Math.min(...asked.map((node) => node.batch.now)),
      }
    },
    logs: async (ranges, alongside) =>
      await nodes.agree(
        between('logs of the blocks', ranges.flat()),
        async (node) => await logsFrom(node, vault, ranges, alongside),
        alikeLogs,
      ),
    counters: async (accounts, at) => await countersAt(nodes, vault, [...new Set(accounts)], at),
    vault: async (contracts, at) => await vaultAt(nodes, vault, contracts, at),
  }
}

async function countersAt(nodes: Nodes, vault: string, accounts: string[], at: number) {
  const parts = chunks(accounts, VAULT_CALLS_MAX)
  const calls = parts.map((part) => part.map((account): VaultCall => ['releaseNonces', account]))
  // An account that the vault gives no counter for must not look like one that has never withdrawn.
  const read = ({ words }: VaultAnswers) => (words.includes(undefined) ? undefined : words.map(String))
  const { block, values } = await askVault(nodes, 'counters', vault, calls, at, read)
  const counters = values.flat()
  return { block, counters: new Map(accounts.map((account, n) => [account, counters[n] ?? ''])) }
}

async function vaultAt(nodes: Nodes, vault: string, contracts: string[], at: number | 'latest') {
  const balances = contracts.map((contract): VaultCall => ['vaultTokenBalance', contract])
  const read = (answers: VaultAnswers) => ({
    state: vaultStateOf(answers),
    held: answers.words.slice(VAULT_QUESTIONS.length).map((word) => word?.toString()),
  })
  const calls = [...VAULT_QUESTIONS, ...balances]
  const { block, values } = await askVault(nodes, 'the vault', vault, [calls], at, read)
  const [{ state, held }] = values as [ReturnType<typeof read>]
  const holdings = contracts.flatMap((contract, n) => {
    const value = held[n]
    return value === undefined ? [] : [[contract, value] as const]
  })
  return { block, vault: state, holdings: new Map(holdings) }
}

/**
 * What the vault answers at a block, with that block: each list of calls is one eth_call, and all of them are one request.
 *
 * @param read gives what nodes must agree on, in JSON; undefined where the vault did not answer as it should
 */
async function askVault<T>(
  nodes: Nodes,
  kind: string,
  vault: string,
  lists: VaultCall[][],
  at: number | 'latest',
  read: (answers: VaultAnswers) => T | undefined,
): Promise<{ block: Block; values: T[] }> {
  const place = at === 'latest' ? at : quantity(at)
  const calls = lists.map((list): RpcCall => ({
    method: 'eth_call',
    params: [{ data: vaultCalls(vault, list) }, place],
  }))
  const question = async (node: RpcNode) => {
    const [seen, ...given] = await node.ask([blockCall(at), ...calls])
    const values = given.map((answer, n) => {
      const answers = readVaultCalls(answer, lists[n]?.length ?? 0)
      const value = answers && read(answers)
      if (value === undefined) throw new ChainError('nonsense', 'eth_call')
      return value
    })
    return { block: blockOf(seen, at === 'latest' ? undefined : at), values }
  }
  // Nodes are never level: at their newest blocks they need not say the same.
  return at === 'latest'
    ? await nodes.agree(kind, question, () => kind)
    : await nodes.agree(`${kind} at block ${at}`, question)
}

/** What is asked for, as an alert names it: a person compares the nodes there. */
const between = (what: string, numbers: number[]) =>
  `${what} ${Math.min(...numbers)} to ${Math.max(...numbers)}`

/** The ranges are asked for last: they are what a node refuses. */
async function logsFrom(node: RpcNode, vault: string, ranges: [number, number][], alongside: number[]) {
  const filters = ranges.map(([from, to]) => ({
    address: vault,
    fromBlock: quantity(from),
    toBlock: quantity(to),
  }))
  const calls = filters.map((filter): RpcCall => ({ method: 'eth_getLogs', params: [filter] }))
  const widest = Math.max(...ranges.map(([from, to]) => to - from + 1))
  const answers = await node.ask([...alongside.map(blockCall), ...calls]).catch((error: unknown) => {
    const refused = error instanceof ChainError && ['refused', 'slow'].includes(error.fault)
    if (!refused || error.method !== 'eth_getLogs' || widest === 1) throw error
    node.range.refused(widest)
    if (error.fault === 'slow') node.range.refused(Math.ceil(widest / SLOW_RANGE_DIVISOR))
    throw new RangeRefused(error.message)
  })
  node.range.worked(widest)
  const blocks = alongside.map((number, at) => blockOf(answers[at], number))
  const logs = ranges.flatMap(([from, to], at) => logsOf(answers[alongside.length + at], vault, from, to))
  return { logs, blocks }
}

/** Nodes may number and order logs as they like, and leave the time out: what they say must be the same. */
const alikeLogs = ({ logs, blocks }: { logs: Log[]; blocks: Block[] }) => ({
  blocks,
  logs: logs.map((log) => JSON.stringify([log.block_hash, log.tx_hash, log.topics, log.data])).sort(),
})

function chunks<T>(items: T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(items.length / size) }, (_, n) =>
    items.slice(n * size, (n + 1) * size),
  )
}
