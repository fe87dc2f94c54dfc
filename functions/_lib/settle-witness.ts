/** The beginning of a run: is this still the ledger that the last run saw, or was the database set back since? */
import { raiseAlert } from '../../db/ledger/alerts.ts'
import { markRun } from '../../db/ledger/restores.ts'
import { logFailure } from './log.ts'
import type { Run } from './settle-run.ts'

/**
 * What the witness remembers is looked for in the ledger before he is told anything new: so a run that dies in between has
 * overwritten nothing, and the next one finds the same. A witness that does not answer is an alert; the run goes on.
 */
export async function markWithWitness(run: Run): Promise<void> {
  const { witness, db, env } = run
  if (!witness) return
  const seen = await asked(run, async () => await witness.seen())
  if (!seen) return
  const { mark } = await markRun(db, seen)
  const told = await asked(run, async () => {
    await witness.remember(mark, env.SIGNER_ADDRESS)
    return true
  })
  if (told) run.cleared.add('witness_unavailable')
}

async function asked<T>(run: Run, question: () => Promise<T>): Promise<T | undefined> {
  run.witnessCalls += 1
  try {
    return await question()
  } catch (error) {
    logFailure('settle', error)
    await raiseAlert(run.db, 'witness_unavailable', {})
    return undefined
  }
}
