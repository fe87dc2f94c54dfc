import { sql } from 'drizzle-orm'
import { callVerb, type Database, type VerbResult } from '../client.ts'

/** The answer of a withdrawal request. */
export interface SignedWithdrawal {
  id: string
  token: string
  amount: string
  amount_in_wei: string
  recipient: string
  nonce: number
  signature: string
  /** Unix seconds. */
  deadline: number
  vault_address: string
  chain_id: number
  status: 'signed'
}

/**
 * reserved → signed. Only what this returns may leave the process. The same call again gives the same answer.
 *
 * @throws LedgerRefusal reservation_gone: the funds are back, throw the signature away. withdrawals_paused: still
 *   reserved, give it back.
 */
export async function storeSignature(
  db: Database,
  id: string,
  signature: string,
): Promise<VerbResult<SignedWithdrawal>> {
  return await callVerb(db, sql`select ledger.store_signature(${id}::uuid, ${signature}) as result`)
}
