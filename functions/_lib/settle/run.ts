/**
 * One run of settle. Every step commits by itself and looks at its conditions again in the database, so a run may be cut off
 * anywhere, run twice or beside another: the next one goes on from what is stored.
 */
import type { Push } from '../../../db/client.ts'
import { DatabaseError } from '../../../db/errors.ts'
import { otherVaults } from '../../../db/ledger/other-vaults.ts'
import { upkeep, type Upkeep } from '../../../db/ledger/settle-run.ts'
import { checkOpenWithdrawals } from '../../../db/ledger/solvency.ts'
import type { Block } from '../chain/answers.ts'
import { SETTLE_PUSHES_MAX, SETTLE_TURN_REQUESTS } from '../limits.ts'
import { logFailure } from '../log.ts'
import type { Witness } from '../witness/witness.ts'
import { concludeNodes, keyOf } from './alerts.ts'
import { begin, type Run, type SettleEnv, type Summary } from './context.ts'
import { settleDoubts } from './counters.ts'
import { end, failed } from './end.ts'
import { creditListed, settleStored } from './events.ts'
import { expireDue } from './expiry.ts'
import { readUpToFinalBlock } from './logs.ts'
import { followed, waits } from './setbacks.ts'
import { checkVault, compareVault, type Holdings } from './vault-state.ts'
import { followOthers } from './vaults.ts'
import { endStale, markWithWitness } from './witness.ts'

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
  const due = await keepUp(run)
  if (due.others && due.others.length > 0) run.keptBack = SETTLE_TURN_REQUESTS
  const safe = await followed(run, async () => await readUpToFinalBlock(run))
  const settled = await settleStored(run)
  if (due.listed) await creditListed(run)
  const holdings = await readVault(run)
  // An event that waits is no payment the ledger missed: nothing is expired or summed before it is settled.
  if (safe && settled && holdings) await decide(run, safe, holdings, due.doubts)
  await concludeNodes(run)
  await followOthers(run, due.others ?? (await otherVaults(run.db, run.key)))
  await checkOpenWithdrawals(run.db)
  if (run.undone) throw run.undone
}

/**
 * What there is to do beside the logs. Upkeep that Postgres refuses must not keep money waiting: the run looks for everything that
 * it would have told, and fails at its end.
 */
async function keepUp(run: Run): Promise<Pick<Upkeep, 'doubts' | 'listed'> & Partial<Upkeep>> {
  try {
    return await upkeep(run.db, run.key)
  } catch (error) {
    if (!(error instanceof DatabaseError && error.outcome === 'rolled_back')) throw error
    run.undone = error
    return { doubts: true, listed: true }
  }
}

/** After the events, which tell more of what was done to the vault; and also where the cursor lags behind, but not the node. */
async function readVault(run: Run): Promise<Holdings | undefined> {
  const head = run.cleared.has(keyOf(run, 'node_behind')) ? run.safe : undefined
  return head && (await followed(run, async () => await compareVault(run, head)))
}

/** What only the final block can prove, once every event up to it is settled. */
async function decide(run: Run, safe: Block, holdings: Holdings, doubts: boolean): Promise<void> {
  if (doubts) await followed(run, async () => await settleDoubts(run, safe))
  await followed(run, async () => await expireDue(run, safe)).catch((error: unknown) => waits(run, error))
  await checkVault(run, safe, true, holdings)
}

/** Each account's push is a call of its own; beyond the limit `version` tells clients to read again. */
function firstAccounts(pushes: Push[]): Push[] {
  const accounts = new Set([...new Set(pushes.map((push) => push.account))].slice(0, SETTLE_PUSHES_MAX))
  return pushes.filter((push) => accounts.has(push.account))
}
