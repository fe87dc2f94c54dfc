/** Credits deposits whose token was listed since they came. It needs no chain: their events are final and stored. */
import { creditListedDeposits } from '../../../db/ledger/listed-deposits.ts'
import { SETTLE_EVENTS_BATCH } from '../limits.ts'
import { room, waits, type Run } from './run.ts'

export async function creditListed(run: Run): Promise<void> {
  let after: string | null = null
  do {
    if (!room(run, 1)) return
    const batch = await batchAfter(run, after)
    if (!batch) return
    run.summary.deposited += batch.deposited
    run.pushes.push(...batch.pushes)
    after = batch.last
  } while (after !== null)
}

/** Undefined: somebody holds an account's rows for long, and the batch waits a minute. */
async function batchAfter(run: Run, after: string | null) {
  try {
    return await creditListedDeposits(run.db, run.key.chainId, SETTLE_EVENTS_BATCH, after)
  } catch (error) {
    waits(run, error)
    return undefined
  }
}
