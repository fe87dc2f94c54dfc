import { sql } from 'drizzle-orm'
import { callVerb, type Database, type Push } from '../client.ts'
import { seenIds, type Seen } from './restores.ts'

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
 * - `signed`: only this answer may leave the process.
 * - `unexplained`: the chain has used a nonce that the ledger knows no signature of. Nothing changed: ask the chain once more,
 *   then call `refuseCounter`.
 * - `behind`: the node knows less of the vault than the ledger. The funds are back.
 * - `restored`: the database was set back. The funds are back, and signing is paused for everybody.
 */
export type StoreResult =
  | { outcome: 'signed'; answer: SignedWithdrawal; pushes: Push[] }
  | { outcome: 'unexplained'; pushes: Push[] }
  | { outcome: 'behind'; pushes: Push[] }
  | { outcome: 'restored'; pushes: Push[] }

/**
 * reserved → signed. The same call again gives the same answer.
 *
 * @param counter the vault's counter for the account, asked after the reservation was made
 * @param seen what was in the ledger, by the word of its witness; where nobody was asked, nothing
 * @throws LedgerRefusal reservation_gone: the funds are back, throw the signature away. withdrawals_paused: still
 *   reserved, give it back.
 */
export async function storeSignature(
  db: Database,
  id: string,
  signature: string,
  counter: number,
  seen: Seen = { mark: null, signers: [], reserved: [], signed: [] },
): Promise<StoreResult> {
  const [known, signed] = seenIds(seen)
  return await callVerb(
    db,
    sql`select ledger.store_signature(${id}::uuid, ${signature}, ${counter}::bigint, ${known}::uuid[], ${signed}::uuid[]) as result`,
  )
}
