import { sql } from 'drizzle-orm'
import { execute, type Database } from '../client.ts'

/** The least that shows whether Postgres can do what a verb does. For a session, whose statement takes a lock anyway, `select 1`. */
export async function ping(db: Database): Promise<void> {
  await execute(db, db.session ? sql`select 1 as ok` : sql`select ledger.take_a_lock() as ok`)
}
