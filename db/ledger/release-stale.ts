import { sql } from 'drizzle-orm'
import { callVerb, type Database, type Push } from '../client.ts'

/** Gives back reservations whose request died before its signature was stored; by the database's clock. */
export async function releaseStale(
  db: Database,
  ttlSeconds: number,
  limit: number,
): Promise<{ released: number; pushes: Push[] }> {
  return await callVerb(db, sql`select ledger.release_stale(${ttlSeconds}, ${limit}) as result`)
}
