import { sql } from 'drizzle-orm'
import { execute, type Database } from '../client.ts'

/** One `select 1` through the same path as every verb. */
export async function ping(db: Database): Promise<void> {
  await execute(db, sql`select 1 as ok`)
}
