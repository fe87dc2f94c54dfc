import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'

/** What was in the ledger when somebody outside Postgres looked last. */
export interface Seen {
  /** Made by the newest run of settle that was remembered; null before the first. */
  mark: string | null
  /** Addresses whose signatures may still be good, in lower case. */
  signers: string[]
  /** Ids of the newest withdrawals that were reserved. */
  reserved: string[]
  /** Ids of the newest withdrawals whose signature the ledger has stored for certain. */
  signed: string[]
}

const arrayOf = (texts: string[]): string => `{${texts.join(',')}}`

/** What the ledger must still know, and what it must still know as signed, as arrays of Postgres. */
export const seenIds = ({ mark, reserved, signed }: Seen): [known: string, signed: string] => [
  arrayOf([...(mark === null ? [] : [mark]), ...reserved]),
  arrayOf(signed),
]

/**
 * Begins a run: looks whether the ledger still has what was seen in it, and makes the mark that is to be seen next.
 *
 * @returns restored: something is gone. Signing is paused then, and cannot be resumed before somebody has reconciled.
 */
export async function markRun(db: Database, seen: Seen): Promise<{ mark: string; restored: boolean }> {
  const [known, signed] = seenIds(seen)
  return await callVerb(
    db,
    sql`select ledger.mark_run(${known}::uuid[], ${signed}::uuid[], ${arrayOf(seen.signers)}::text[]) as result`,
  )
}
