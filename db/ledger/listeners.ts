import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'

/** From its commit on the account's movements are pushed, for so many seconds: the answer. */
export async function listen(db: Database, account: string): Promise<number> {
  return await callVerb(db, sql`select ledger.listen(${account}) as result`)
}
