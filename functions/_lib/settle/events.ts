/** Settles stored events of final blocks, and deposits whose token has been listed since. It needs no chain for that. */
import { creditListedDeposits } from '../../../db/ledger/listed-deposits.ts'
import { settleEvents } from '../../../db/ledger/settle-events.ts'
import { SETTLE_EVENTS_BATCH } from '../limits.ts'
import { room, type Run } from './context.ts'
import { waits } from './setbacks.ts'

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

/** Credits deposits whose token was listed since they came. */
export async function creditListed(run: Run): Promise<void> {
  let after: string | null = null
  do {
    if (!room(run, 1)) return
    const batch = await creditedAfter(run, after)
    if (!batch) return
    run.summary.deposited += batch.deposited
    run.pushes.push(...batch.pushes)
    after = batch.last
  } while (after !== null)
}

/** Undefined: somebody holds an account's rows for long, and the batch waits a minute. */
async function creditedAfter(run: Run, after: string | null) {
  try {
    return await creditListedDeposits(run.db, run.key.chainId, SETTLE_EVENTS_BATCH, after)
  } catch (error) {
    waits(run, error)
    return undefined
  }
}
