import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'

/** Opens an alert: the signature made for this withdrawal is not the configured signer's. */
export async function reportWrongKey(db: Database, id: string): Promise<void> {
  await callVerb(db, sql`select ledger.report_wrong_key(${id}::uuid) as result`)
}
