/** What an alert belongs to: the nodes as a whole, or one vault. One of a vault closes only when that vault is read again. */
import { raiseAlert } from '../../../db/ledger/alerts.ts'
import type { NodesDisagree } from '../chain/fault.ts'
import type { NodeMark, Run } from './context.ts'

/** What the nodes have done so far. */
export const markOf = ({ nodes }: Run): NodeMark => ({
  requests: nodes.spent.requests,
  failures: new Map(nodes.failures),
  disagreements: nodes.disagreements.length,
})

type OfVault = 'node_behind' | 'falling_behind' | 'event_missing' | 'state_missing'
type OfNodes = 'rpc_unavailable' | 'nodes_disagree' | 'node_failing'
/** Of what ended the reading: the nodes have answered all the same. */
const ANSWERED = ['ok', 'budget', 'finality_unknown', 'no_vault', 'state_missing']

/** Vaults take turns: what was found at one is not over because another one is well. */
export const keyOf = ({ key: { chainId, vault } }: Run, kind: OfVault): string =>
  `${kind} ${chainId} ${vault}`

export async function raiseOfVault(run: Run, kind: OfVault, detail: object): Promise<void> {
  await raiseAlert(run.db, kind, { ...placeOf(run), ...detail }, keyOf(run, kind))
}

/** Where the configured vault is read, a fault of the nodes is everybody's. */
export async function raiseOfNodes(run: Run, kind: OfNodes, detail: object): Promise<void> {
  await raiseAlert(run.db, kind, { ...detail, ...(run.isOther && placeOf(run)) }, keyOfNodes(run, kind))
}

/** Nodes that failed or differed at this vault although its reading went on without them: the next failure may be the last one's. */
export async function concludeNodes(run: Run): Promise<void> {
  const { nodes, since, summary, cleared } = run
  if (nodes.spent.requests === since.requests) return
  if (ANSWERED.includes(summary.outcome)) cleared.add(keyOfNodes(run, 'rpc_unavailable'))
  const failed = [...nodes.failures.values()].filter((error) => since.failures.get(error.node) !== error)
  if (failed.length > 0 && nodes.all.length > 1) {
    const told = failed.map(({ node, fault, method }) => ({ node, fault, method }))
    await raiseOfNodes(run, 'node_failing', { nodes: told })
  } else {
    cleared.add(keyOfNodes(run, 'node_failing'))
  }
  const differed: NodesDisagree | undefined = nodes.disagreements.slice(since.disagreements).at(-1)
  if (differed) await raiseOfNodes(run, 'nodes_disagree', { answer: differed.answer, nodes: differed.nodes })
  else cleared.add(keyOfNodes(run, 'nodes_disagree'))
}

const keyOfNodes = ({ isOther, key }: Run, kind: OfNodes) =>
  isOther ? `${kind} ${key.chainId} ${key.vault}` : kind

const placeOf = ({ key: { chainId, vault } }: Run) => ({ chain_id: chainId, vault })
