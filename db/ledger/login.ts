import { sql } from 'drizzle-orm'
import { callVerb, execute, type Database } from '../client.ts'

/** The nonce an account's next login must sign. Reading it writes nothing. */
export async function nextLoginNonce(db: Database, account: string): Promise<number> {
  const rows = await execute<{ nonce: string }>(
    db,
    sql`select next_nonce as nonce from public.login_nonces where account = ${account}`,
  )
  return Number(rows[0]?.nonce ?? 0)
}

/** Uses the nonce up and answers the generation of the new session; undefined when another login was first. */
export async function signIn(db: Database, account: string, nonce: number): Promise<number | undefined> {
  return (
    (await callVerb<number | null>(db, sql`select ledger.sign_in(${account}, ${nonce}) as result`)) ??
    undefined
  )
}
