import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'

/** The nonce an account's next login must sign. Reading it writes nothing. */
export async function nextLoginNonce(db: Database, account: string): Promise<number> {
  return Number(await callVerb<string>(db, sql`select ledger.next_login_nonce(${account}) as result`))
}

/** Uses the nonce up and answers the generation of the new session; undefined when another login was first. */
export async function signIn(db: Database, account: string, nonce: number): Promise<number | undefined> {
  return (
    (await callVerb<number | null>(db, sql`select ledger.sign_in(${account}, ${nonce}) as result`)) ??
    undefined
  )
}
