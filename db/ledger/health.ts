import { sql } from 'drizzle-orm'
import { run, type Database } from '../client.ts'

/** One `select 1` through the same path as every verb. */
export async function ping(db: Database): Promise<void> {
  await run(db, (query) => query.execute(sql`select 1 as ok`))
}
