import { sql } from 'drizzle-orm'
import { callVerb, type Database, type VerbResult } from '../client.ts'
import type { SignedCaller } from './signed.ts'
import { orNull, type Readable } from './unreadable.ts'

export interface SubaccountTransferInput {
  caller: SignedCaller
  to: string
  wallet: 'spot' | 'perp'
  token: Readable
  /** Decimal text. What is none is refused after the relationship. */
  amount: Readable
  /** Lower-case UUID. */
  idempotencyKey: string | null
}

export interface SubaccountTransferAnswer {
  success: true
  error: null
  transfer_id: string
  /** Unix milliseconds. */
  created_at: number
}

/**
 * Moves `amount` between a main account and its subaccount, in one transaction and one round trip.
 *
 * @throws LedgerRefusal in this order: agent_not_authorized, duplicate_idempotency_key, duplicate_signature,
 *   invalid_relationship, invalid_amount, unsupported_token, insufficient_balance: nothing moved. Both duplicates carry
 *   the first movement as JSON in `detail`.
 */
export async function subaccountTransfer(
  db: Database,
  input: SubaccountTransferInput,
): Promise<VerbResult<SubaccountTransferAnswer>> {
  const { account, agent, digest, expiresAt } = input.caller
  return await callVerb(
    db,
    sql`select ledger.transfer_in_family(${account}, ${agent}, ${input.to}, ${input.wallet}, ${orNull(input.token)},
      ${orNull(input.amount)}::numeric, ${input.idempotencyKey}, decode(${digest}, 'hex'), ${expiresAt}) as result`,
  )
}
