import { sql } from 'drizzle-orm'
import { callVerb, type Database, type Push } from '../client.ts'

/** Ids of reservations whose request died before its signature was stored, the oldest first; by the database's clock. */
export async function staleReservations(db: Database, ttlSeconds: number, limit: number): Promise<string[]> {
  return await callVerb(db, sql`select ledger.stale_reservations(${ttlSeconds}, ${limit}) as result`)
}

/**
 * Ends reservations that are stale: with a signature that may have left they are signed, without one their funds go back.
 *
 * @param signatures all that the ledger's witness has of them, by id
 * @returns signed: the ids of those that are signed now
 */
export async function endReservations(
  db: Database,
  ids: string[],
  signatures: Record<string, string>,
): Promise<{ released: number; signed: string[]; pushes: Push[] }> {
  return await callVerb(
    db,
    sql`select ledger.end_reservations(${`{${ids.join(',')}}`}::uuid[], ${JSON.stringify(signatures)}::jsonb) as result`,
  )
}
