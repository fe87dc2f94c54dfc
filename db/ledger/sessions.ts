import { sql } from 'drizzle-orm'
import { callVerb, ungated, type Database } from '../client.ts'
import type { SessionRef } from '../session-gate.ts'

/** What no longer opens anything: tokens of an older generation, and those without one that were issued up to `validFrom`. */
export interface Cutoff {
  generation: number
  /** Unix seconds. */
  validFrom: number
}

export interface SignedOut {
  /** Null where only the one session was ended. */
  cutoff: Cutoff | null
  /** Unix seconds. */
  signedOutAt: number
}

/**
 * Ends the session, or every session of its account; waits for what they have begun.
 * @throws LedgerRefusal session_ended: it had ended before
 */
export async function signOut(
  db: Database,
  session: SessionRef & { expiresAt: number },
  everywhere: boolean,
  clockAheadMaxSeconds: number,
): Promise<SignedOut> {
  const { account, issuedAt, generation, id, expiresAt } = session
  // The verb asks for itself, under the lock that the gate of two at once would hold against each other.
  const result = await callVerb<{
    generation: number | null
    valid_from: number | null
    signed_out_at: number
  }>(
    ungated(db),
    sql`select ledger.sign_out(${account}, ${issuedAt}, ${generation}, decode(${id}, 'hex'), ${expiresAt}, ${everywhere},
      ${clockAheadMaxSeconds}) as result`,
  )
  const { generation: next, valid_from: validFrom } = result
  const cutoff = next === null || validFrom === null ? null : { generation: next, validFrom }
  return { cutoff, signedOutAt: result.signed_out_at }
}

/** Whether a session that the ledger once let in has been cut off. The same rule as ledger.require_session has. */
export const isCutOff = ({ generation, issuedAt }: SessionRef, cutoff: Cutoff): boolean =>
  generation === null ? issuedAt <= cutoff.validFrom : generation < cutoff.generation
