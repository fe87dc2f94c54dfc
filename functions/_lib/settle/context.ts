/** What the steps of a run share: the configuration, the connections, the budget of requests, and what was found so far. */
import * as z from 'zod/mini'
import { connect, type Database, type Push } from '../../../db/client.ts'
import type { DatabaseError } from '../../../db/errors.ts'
import type { VaultKey } from '../../../db/ledger/record-logs.ts'
import type { tokensToCheck } from '../../../db/ledger/solvency.ts'
import type { Block } from '../chain/answers.ts'
import type { ChainError } from '../chain/fault.ts'
import { connectNodes, type Nodes } from '../chain/nodes.ts'
import { chainEnv, reservationEnv, rpcEnv, settleEnv, vaultEnv } from '../env.ts'
import { settle as settleLedger, urlOf } from '../ledgers.ts'
import { SETTLE_REQUESTS_MAX, SETTLE_REQUESTS_RESERVED, SETTLE_RPC_TIMEOUT_MS } from '../limits.ts'
import type { Witness } from '../witness/witness.ts'
import { connectChain, type Chain } from './chain.ts'

export const settleSchema = z
  .object({ ...settleLedger.env, ...settleEnv, ...chainEnv, ...vaultEnv, ...rpcEnv, ...reservationEnv })
  // To trust the head is to credit what the next block may undo.
  .check(z.refine((env) => env.FINALITY !== 0 || env.TESTNET_ONLY, { path: ['FINALITY'] }))
export type SettleEnv = z.output<typeof settleSchema>

/** `ok`, or why the chain was not followed to the final block; `failed` when the run broke off, most likely at Postgres. */
export type Outcome =
  | 'ok'
  | 'failed'
  | 'rpc_unavailable'
  | 'nodes_disagree'
  | 'wrong_chain_id'
  | 'finality_unknown'
  | 'node_behind'
  | 'no_vault'
  | 'state_missing'
  | 'hash_break'
  | 'budget'
  | 'taken'
  | Standstill
/** The chain was followed as far as it goes, and does not go on. */
export type Standstill = 'head_stands_still' | 'finality_stands_still'

/** One line a run, in the log and in `settle_runs`. */
export interface Summary {
  outcome: Outcome
  logs: number
  confirmed: number
  deposited: number
  expired: number
  released: number
  quarantined: number
  /** Open alerts at the end. */
  alerts: number
  final_block: number | null
  cursor: number | null
  /** As the vault has it at the final block; null where it was not read. */
  vault_signer: string | null
  subrequests: number
  rpc_requests: number
  ms: number
}

/** What the nodes had done at some moment of the run. */
export interface NodeMark {
  requests: number
  failures: ReadonlyMap<number, ChainError>
  disagreements: number
}
export const NOTHING_ASKED: NodeMark = { requests: 0, failures: new Map(), disagreements: 0 }

export interface Run {
  readonly env: SettleEnv
  readonly key: VaultKey
  readonly db: Database
  readonly nodes: Nodes
  readonly chain: Chain
  readonly witness: Witness | undefined
  /** Requests to the witness. */
  witnessCalls: number
  readonly summary: Summary
  readonly pushes: Push[]
  /** The lowest block that may have logs. */
  readonly firstBlock: number
  /** The final block, once it is known: the same for every vault of this run. */
  safe: Block | undefined
  /** Raised at the end of the run: what is final stays final, and is settled all the same. */
  standstill: Standstill | undefined
  /** Keys of alerts that this run has proved to be over. */
  readonly cleared: Set<string>
  /** A vault that the configuration named before, beside the one that it names now: its alerts are its own. */
  readonly isOther: boolean
  /** Requests kept back for the turn of such a vault: one that has much to read must not take it from those. */
  keptBack: number
  /** Vaults of before that have had their turn. */
  readonly turns: string[]
  /** What the nodes had done before this vault was read. */
  readonly since: NodeMark
  /** Why a step could not be done although the run went on: thrown at its end, so that a person hears of it. */
  undone: DatabaseError | undefined
  /** Listed tokens, once they were read: the same for every vault. */
  listed: Awaited<ReturnType<typeof tokensToCheck>> | undefined
}

/** @param witness remembers what was in the ledger; without one nobody notices that it was set back */
export function begin(env: SettleEnv, witness: Witness | undefined): Run {
  const summary: Summary = {
    outcome: 'ok',
    ...{ logs: 0, confirmed: 0, deposited: 0, expired: 0, released: 0, quarantined: 0, alerts: 0 },
    ...{ final_block: null, cursor: null, vault_signer: null, subrequests: 0, rpc_requests: 0, ms: 0 },
  }
  const db = connect(urlOf(settleLedger, env), settleLedger.timeoutMs)
  const spent = { requests: 0 }
  const mayAsk = () => roomFor(run) > 0
  const nodes = connectNodes(env, { timeoutMs: SETTLE_RPC_TIMEOUT_MS, spent, mayAsk })
  const run: Run = {
    env,
    key: { chainId: env.CHAIN_ID, vault: env.VAULT_ADDRESS },
    db,
    nodes,
    chain: connectChain(nodes, env.VAULT_ADDRESS),
    firstBlock: env.VAULT_DEPLOY_BLOCK,
    safe: undefined,
    witness,
    witnessCalls: 0,
    summary,
    pushes: [],
    standstill: undefined,
    cleared: new Set(),
    isOther: false,
    keptBack: 0,
    turns: [],
    since: NOTHING_ASKED,
    undone: undefined,
    listed: undefined,
  }
  return run
}

/** How many more requests the budget has room for. */
export const roomFor = ({ nodes, db, witnessCalls, keptBack }: Run): number =>
  SETTLE_REQUESTS_MAX -
  SETTLE_REQUESTS_RESERVED -
  keptBack -
  nodes.spent.requests -
  db.spent.roundTrips -
  witnessCalls

/** Is there room in the budget for so many more requests? The summary says where there is not. */
export function room(run: Run, requests: number): boolean {
  if (roomFor(run) >= requests) return true
  if (run.summary.outcome === 'ok') run.summary.outcome = 'budget'
  return false
}
