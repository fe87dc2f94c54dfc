/** Begins a run by asking the witness whether the database has been set back since the last one. */
import { OwnError } from '../../../db/errors.ts'
import { raiseAlert } from '../../../db/ledger/alerts.ts'
import { endReservations, staleReservations } from '../../../db/ledger/stale-reservations.ts'
import { markRun } from '../../../db/ledger/restores.ts'
import { STALE_RESERVATIONS_BATCH } from '../limits.ts'
import { logFailure } from '../log.ts'
import { room, type Run } from './context.ts'

/**
 * What the witness remembers is looked for in the ledger before he is told anything new: so a run that dies in between has
 * overwritten nothing, and the next one finds the same. A witness that does not answer is an alert; the run goes on.
 */
export async function markWithWitness(run: Run): Promise<void> {
  const { witness, db, env } = run
  if (!witness) return
  const seen = await asked(run, async () => await witness.seen())
  if (!seen) return
  // A ledger in which nothing was signed yet has only seen the signer that it has now.
  const signers = seen.signers.length > 0 ? seen.signers : [env.SIGNER_ADDRESS]
  const { mark } = await markRun(db, { ...seen, signers })
  const told = await asked(run, async () => {
    await witness.remember(mark, env.SIGNER_ADDRESS)
    return true
  })
  if (told) run.cleared.add('witness_unavailable')
}

/**
 * Ends reservations whose request died: those of which the witness keeps a signature are signed, for it may have left before the
 * database was set back; the funds of the others go back. Where he does not answer, all of them wait.
 */
export async function endStale(run: Run): Promise<void> {
  const { db, env, witness, summary } = run
  for (;;) {
    const ids = await staleReservations(db, env.RESERVATION_TTL_SECONDS, STALE_RESERVATIONS_BATCH)
    if (ids.length === 0 || !room(run, 2)) return
    const signatures = witness ? await asked(run, async () => await witness.signaturesOf(ids)) : {}
    if (!signatures) return
    const { released, signed, pushes } = await endReservations(db, ids, signatures)
    summary.released += released
    run.pushes.push(...pushes)
    if (released + signed.length < STALE_RESERVATIONS_BATCH || !room(run, 1)) return
  }
}

async function asked<T>(run: Run, question: () => Promise<T>): Promise<T | undefined> {
  run.witnessCalls += 1
  try {
    return await question()
  } catch (error) {
    logFailure('settle', error)
    run.cleared.delete('witness_unavailable')
    const reason = error instanceof OwnError ? error.message : "the ledger's witness failed"
    await raiseAlert(run.db, 'witness_unavailable', { reason })
    return undefined
  }
}
