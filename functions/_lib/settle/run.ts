/**
 * One run of settle. Every step commits by itself and looks at its conditions again in the database, so a run may be cut off
 * anywhere, run twice or beside another: the next one goes on from what is stored. The order is in `settle` below.
 */
import * as z from 'zod/mini'
import { connect, type Database, type Push } from '../../../db/client.ts'
import { DatabaseError } from '../../../db/errors.ts'
import { otherVaults } from '../../../db/ledger/other-vaults.ts'
import type { BlockMark, VaultKey } from '../../../db/ledger/record-logs.ts'
import { settleEvents } from '../../../db/ledger/settle-events.ts'
import { upkeep } from '../../../db/ledger/settle-run.ts'
import { checkHoldings } from '../../../db/ledger/coins.ts'
import { checkOpenWithdrawals, type tokensToCheck } from '../../../db/ledger/solvency.ts'
import { connectChain, type Chain } from './chain.ts'
import type { Block } from '../chain/answers.ts'
import { BudgetSpent, ChainError, NodesDisagree } from '../chain/fault.ts'
import { chainEnv, reservationEnv, rpcEnv, settleEnv, vaultEnv } from '../env.ts'
import {
  SETTLE_RPC_TIMEOUT_MS,
  SETTLE_EVENTS_BATCH,
  SETTLE_PUSHES_MAX,
  SETTLE_REQUESTS_MAX,
  SETTLE_REQUESTS_RESERVED,
} from '../limits.ts'
import type { Witness } from '../witness/witness.ts'
import { settle as settleLedger, urlOf } from '../ledgers.ts'
import { logFailure } from '../log.ts'
import { connectNodes, type Nodes } from '../chain/nodes.ts'
import { settleDoubts } from './counters.ts'
import { end, failed } from './end.ts'
import { concludeNodes, keyOf, NOTHING_ASKED, raiseOfNodes, type NodeMark } from './alerts.ts'
import { creditListed } from './deposits.ts'
import { expireDue } from './expiry.ts'
import { readUpToFinalBlock } from './logs.ts'
import { compareVault, type Holdings } from './vault-state.ts'
import { followOthers, TURN_REQUESTS } from './vaults.ts'
import { endStale, markWithWitness } from './witness.ts'

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
  /** Said at the end: what is final stays so, and is settled all the same. */
  standstill: Standstill | undefined
  /** Keys of alerts that this run has proved to be over. */
  readonly cleared: Set<string>
  /** A vault that the configuration named before, beside the one that it names now: its alerts are its own. */
  readonly isOther: boolean
  /** Requests kept back for the turn of such a vault: one that has much to read must not take it from those. */
  keptBack: number
  /** Such vaults that have had their turn. */
  readonly turns: string[]
  /** What the nodes had done before this vault was read. */
  readonly since: NodeMark
  /** The first step that a row held by somebody else has kept from being done: the run says so at its end. */
  heldUp: DatabaseError | undefined
  /** Listed tokens, once they were read: the same for every vault. */
  listed: Awaited<ReturnType<typeof tokensToCheck>> | undefined
}

/** How many more requests the budget has room for. */
export const roomFor = ({ nodes, db, witnessCalls, keptBack }: Run): number =>
  SETTLE_REQUESTS_MAX -
  SETTLE_REQUESTS_RESERVED -
  keptBack -
  nodes.spent.requests -
  db.spent.roundTrips -
  witnessCalls

/** Is there room in the budget for so many more requests? */
export function room(run: Run, requests: number): boolean {
  if (roomFor(run) >= requests) return true
  if (run.summary.outcome === 'ok') run.summary.outcome = 'budget'
  return false
}

/**
 * One run, ended in any case: a row in `settle_runs`, and the alerts that are to be told.
 *
 * @param push tells the accounts' streams, after the commits; its failure harms nobody
 * @param witness remembers what was in the ledger; without one nobody notices that it was set back
 * @throws DatabaseError, LedgerRefusal when the run broke off; what was committed before stays, and an alert is open
 */
export async function settle(
  env: SettleEnv,
  push: (pushes: Push[]) => Promise<void>,
  witness?: Witness,
): Promise<Summary> {
  const startedAt = Date.now()
  const run = begin(env, witness)
  try {
    await steps(run)
    await end(run, startedAt)
  } catch (error) {
    await failed(run, startedAt, error)
    throw error
  } finally {
    await push(firstAccounts(run.pushes)).catch((error: unknown) => logFailure('settle', error))
  }
  return run.summary
}

/**
 * Ends dead reservations, follows the vault's logs to the final block, settles what they say, expires what the chain
 * proves unused, and checks.
 */
async function steps(run: Run): Promise<void> {
  await markWithWitness(run)
  await endStale(run).catch((error: unknown) => waits(run, error))
  const kept = await upkeep(run.db, run.key).catch(rolledBack)
  if (!(kept instanceof DatabaseError) && kept.others.length > 0) run.keptBack = TURN_REQUESTS
  const safe = await followed(run, async () => await readUpToFinalBlock(run))
  const settled = await settleStored(run)
  if (kept instanceof DatabaseError || kept.listed) await creditListed(run)
  // After the events, which tell more of what was done to the vault; and also where the cursor lags behind, but not the node.
  const head = run.cleared.has(keyOf(run, 'node_behind')) ? run.safe : undefined
  const holdings = head && (await followed(run, async () => await compareVault(run, head)))
  // An event that waits is no payment the ledger missed: nothing is expired or summed before it is settled.
  if (safe && settled && holdings) {
    if (kept instanceof DatabaseError || kept.doubts)
      await followed(run, async () => await settleDoubts(run, safe))
    await followed(run, async () => await expireDue(run, safe)).catch((error: unknown) => waits(run, error))
    await checkVault(run, safe, true, holdings)
  }
  await concludeNodes(run)
  await followOthers(run, kept instanceof DatabaseError ? await otherVaults(run.db, run.key) : kept.others)
  await checkOpenWithdrawals(run.db)
  for (const one of [kept, run.heldUp]) if (one instanceof DatabaseError) throw one
}

/**
 * Somebody holds an account's rows for long: the batch was rolled back and waits a minute, and the run goes on. Who holds them for
 * ever must be heard of, so it says so at its end.
 */
export function waits(run: Run, error: unknown): void {
  if (!(error instanceof DatabaseError && error.busy)) throw error as Error
  run.heldUp ??= error
}

/** Upkeep that Postgres refuses must not keep money waiting: the run goes on, and fails at its end. */
function rolledBack(error: unknown): DatabaseError {
  if (error instanceof DatabaseError && error.outcome === 'rolled_back') return error
  throw error as Error
}

function begin(env: SettleEnv, witness: Witness | undefined): Run {
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
    heldUp: undefined,
    listed: undefined,
  }
  return run
}

/** A node's fault ends the step and is an alert; nothing was decided on what it did not say. */
export async function followed<T>(run: Run, step: () => Promise<T>): Promise<T | undefined> {
  try {
    return await step()
  } catch (error) {
    if (error instanceof BudgetSpent) {
      if (run.summary.outcome === 'ok') run.summary.outcome = 'budget'
      return undefined
    }
    if (!(error instanceof ChainError || error instanceof NodesDisagree)) throw error
    logFailure('settle', error)
    if (error instanceof NodesDisagree) {
      run.summary.outcome = 'nodes_disagree'
      await raiseOfNodes(run, 'nodes_disagree', { answer: error.answer, nodes: error.nodes })
      return undefined
    }
    run.summary.outcome = 'rpc_unavailable'
    const { fault, method, node } = error
    await raiseOfNodes(run, 'rpc_unavailable', { fault, method, node })
    return undefined
  }
}

/** Settles stored logs until none is left; false when some had to wait. */
export async function settleStored(run: Run): Promise<boolean> {
  while (room(run, 1)) {
    let result
    try {
      result = await settleEvents(run.db, run.key, SETTLE_EVENTS_BATCH)
    } catch (error) {
      waits(run, error)
      return false
    }
    run.summary.confirmed += result.confirmed
    run.summary.deposited += result.deposited
    run.summary.quarantined += result.quarantined
    run.pushes.push(...result.pushes)
    if (result.claimed === 0) return !result.waiting
  }
  return false
}

/** What the vault holds, against its events and, for the configured one, against what is owed. */
export async function checkVault(
  run: Run,
  safe: BlockMark,
  solvency: boolean,
  { listed, inWei, vault }: Holdings,
): Promise<void> {
  const pause = (run.env.SOLVENCY ?? (run.env.TESTNET_ONLY ? 'report' : 'enforce')) === 'enforce'
  // A contract that cannot be read says nothing of what the vault holds; the others are checked all the same.
  const held = listed.map(({ symbol, contract, due }) => ({
    token: symbol,
    in_wei: inWei.get(contract) ?? null,
    due: solvency && due,
  }))
  await checkHoldings(run.db, run.key, safe, run.firstBlock, held, pause, vault.said?.signer)
}

/** Each account's push is a call of its own; beyond the limit `version` tells clients to read again. */
function firstAccounts(pushes: Push[]): Push[] {
  const accounts = new Set([...new Set(pushes.map((push) => push.account))].slice(0, SETTLE_PUSHES_MAX))
  return pushes.filter((push) => accounts.has(push.account))
}
