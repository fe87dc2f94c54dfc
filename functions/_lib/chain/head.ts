/** The head and the final block, as one node says them or enough nodes agree. */
import { blockCall, blockOf, blocksOf, CHAIN_ID_CALL, numberOf, type Block } from './answers.ts'
import { ChainError, type ChainFault } from './fault.ts'
import type { Nodes } from './nodes.ts'
import type { RpcNode } from './node.ts'

/** The node's own word, or so many blocks below the head. */
export type Finality = 'finalized' | number
export interface Head {
  reason?: never
  latest: Block
  /** The newest block that counts. */
  safe: Block
  /** Nodes that were asked and had none. */
  without: NoHead[]
}
/** The nodes answered, and none with a block that counts. */
export type NoHead =
  | { reason: 'wrong_chain_id'; node: number; answered: number }
  | {
      reason: 'finality_unknown'
      node: number
      fault: ChainFault | 'above_latest'
      final?: number
      latest: number
    }
  | { reason: 'chain_too_young'; node: number; latest: number }
type Said = (Omit<Head, 'without'> | NoHead) & { by: RpcNode }

/**
 * Where one node is enough, the first that names a block that counts. Else the newest block that so many nodes count, once they
 * all have the same one at its height. Each other node is then asked for it before anything that it says counts.
 *
 * @throws ChainError, NodesDisagree, BudgetSpent
 */
export async function readHead(nodes: Nodes, finality: Finality, chainId: number): Promise<Head | NoHead> {
  const said = await ask(nodes, finality, chainId)
  const heads = said.filter((one) => 'safe' in one).sort((a, b) => b.safe.number - a.safe.number)
  const without = said.flatMap(({ by: _by, ...one }) => ('safe' in one ? [] : [one]))
  const number = heads[nodes.quorum - 1]?.safe.number
  if (number === undefined) {
    if (without[0]) return without[0]
    throw nodes.firstFailure()
  }
  const agreed: { safe?: Block } = {}
  nodes.trust(
    heads.map(({ by }) => by),
    async (node) => {
      const [id, raw] = await node.ask([CHAIN_ID_CALL, blockCall(number)])
      if (numberOf(id, 'eth_chainId') !== chainId) throw new ChainError('nonsense', 'eth_chainId')
      const { hash } = blockOf(raw, number)
      if (agreed.safe && hash !== agreed.safe.hash) throw new ChainError('nonsense', 'eth_getBlockByNumber')
    },
  )
  const known = new Map(heads.map((head) => [head.by, head.safe]))
  const safe = await nodes.agree(`the final block ${number}`, async (node) => {
    const own = known.get(node)
    return own?.number === number ? own : ((await blocksOf(node, [number]))[0] as Block)
  })
  agreed.safe = safe
  const latest = heads.map((head) => head.latest).reduce((a, b) => (b.number > a.number ? b : a))
  return { latest, safe, without }
}

/** What each node that had to be asked said. One without a block that counts is used last from here on. */
async function ask(nodes: Nodes, finality: Finality, chainId: number): Promise<Said[]> {
  const said: Said[] = []
  const one = async (node: RpcNode) => {
    try {
      const head = await headOf(node, finality, chainId)
      said.push({ ...head, by: node })
      if (head.reason === 'wrong_chain_id') throw new ChainError('nonsense', 'eth_chainId')
      if (head.reason) throw new ChainError('nonsense', 'eth_getBlockByNumber')
    } catch (error) {
      if (!(error instanceof ChainError)) throw error
      nodes.failed(error, node)
    }
  }
  if (nodes.quorum === 1) {
    for (const node of nodes.all) {
      await one(node)
      if (said.some((each) => 'safe' in each)) return said
    }
    return said
  }
  for (const result of await Promise.allSettled(nodes.all.map(one)))
    if (result.status === 'rejected') throw result.reason as Error
  return said
}

async function headOf(
  node: RpcNode,
  finality: Finality,
  chainId: number,
): Promise<Omit<Head, 'without'> | NoHead> {
  // The final block is asked for first: one that comes while the node answers must not put it above the head.
  const calls = [CHAIN_ID_CALL, blockCall('latest')]
  const asked = async () => {
    if (finality !== 'finalized') return [undefined, ...(await node.ask(calls))]
    return await node.ask([blockCall('finalized'), ...calls])
  }
  let fault: ChainFault | undefined
  const [final, id, newest] = await asked().catch(async (error: unknown) => {
    const silent = !(error instanceof ChainError) || error.fault === 'down' || error.fault === 'slow'
    if (silent || error.method !== 'eth_getBlockByNumber') throw error
    // Only the tag, or the whole node? Without it the others are answered.
    fault = error.fault
    return [undefined, ...(await node.ask(calls))]
  })
  const latest = blockOf(newest, undefined)
  const about = { node: node.number, latest: latest.number }
  const from = numberOf(id, 'eth_chainId')
  if (from !== chainId) return { reason: 'wrong_chain_id', node: node.number, answered: from }
  if (finality !== 'finalized') {
    if (latest.number < finality) return { reason: 'chain_too_young', ...about }
    return { latest, safe: (await blocksOf(node, [latest.number - finality]))[0] as Block }
  }
  if (fault) return { reason: 'finality_unknown', ...about, fault }
  return judged(final, latest, node.number)
}

/** Anything else than a block is no answer, and a block above the head, or another one at its height, is nonsense. */
function judged(raw: unknown, latest: Block, node: number): Omit<Head, 'without'> | NoHead {
  const unknown = { reason: 'finality_unknown', node, latest: latest.number } as const
  try {
    const safe = blockOf(raw, undefined)
    const above = safe.number > latest.number || (safe.number === latest.number && safe.hash !== latest.hash)
    return above ? { ...unknown, fault: 'above_latest' as const, final: safe.number } : { latest, safe }
  } catch (error) {
    if (!(error instanceof ChainError)) throw error
    return { ...unknown, fault: error.fault }
  }
}
