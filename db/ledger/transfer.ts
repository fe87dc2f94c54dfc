import { sql } from 'drizzle-orm'
import { callVerb, type Database, type VerbResult } from '../client.ts'
import { orNull, type Readable } from './unreadable.ts'

export interface TransferInput {
  account: string
  token: Readable
  direction: string
  /** Decimal text. */
  amount: string
  idempotency: IdempotencyInput | undefined
}

/** A caller's key and the SHA-256 (hex) of the request it stands for. */
export interface IdempotencyInput {
  key: string
  requestHash: string
}

export interface TransferAnswer {
  direction: string
  token: string
  amount: string
  perp_balance_after: string
  spot_balance_after: string
  transfer_id: string
  created_at: number
}

/**
 * Moves `amount` between the perp and spot wallets of one account, in one transaction and one round trip.
 *
 * @throws LedgerRefusal unsupported_token, invalid_direction, invalid_amount, amount_not_positive, insufficient_balance,
 *   idempotency_key_reused, request_in_progress: nothing moved.
 */
export async function transfer(db: Database, input: TransferInput): Promise<VerbResult<TransferAnswer>> {
  return await callVerb(
    db,
    sql`select ledger.transfer(${input.account}, ${orNull(input.token)}, ${input.direction}, ${input.amount}::numeric,
      ${input.idempotency?.key ?? null}, decode(${input.idempotency?.requestHash ?? null}, 'hex')) as result`,
  )
}
