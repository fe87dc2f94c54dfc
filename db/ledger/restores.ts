import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'

/** What was in the ledger when somebody outside Postgres looked last. */
export interface Seen {
  /** Made by the newest run of settle that was remembered; null before the first. */
  mark: string | null
  /** Address whose signatures were given out then, in lower case. */
  signer: string | null
  /** Ids of the newest withdrawals that were reserved. */
  reserved: string[]
}

/** Everything that the ledger must still know, as an array of Postgres. */
export const seenIds = ({ mark, reserved }: Seen): string =>
  `{${[...(mark === null ? [] : [mark]), ...reserved].join(',')}}`

/**
 * Begins a run: looks whether the ledger still has what was seen in it, and makes the mark that is to be seen next.
 *
 * @returns restored: something is gone. Signing is paused then, and cannot be resumed before somebody has reconciled.
 */
export async function markRun(db: Database, seen: Seen): Promise<{ mark: string; restored: boolean }> {
  return await callVerb(db, sql`select ledger.mark_run(${seenIds(seen)}::uuid[], ${seen.signer}) as result`)
}
