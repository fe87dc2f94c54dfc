import { eq, sql } from 'drizzle-orm'
import { callVerb, run, type Database } from '../client.ts'
import { loginNonces } from '../schema.ts'

/** The nonce an account's next login must sign. Reading it writes nothing. */
export async function nextLoginNonce(db: Database, account: string): Promise<number> {
  const rows = await run(db, (query) =>
    query.select({ nonce: loginNonces.nextNonce }).from(loginNonces).where(eq(loginNonces.account, account)),
  )
  return rows[0]?.nonce ?? 0
}

/** Uses the nonce up; false when another login was first. */
export async function useLoginNonce(db: Database, account: string, nonce: number): Promise<boolean> {
  return await callVerb(db, sql`select ledger.use_login_nonce(${account}, ${nonce}) as result`)
}
