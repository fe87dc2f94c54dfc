import { sql } from 'drizzle-orm'
import { callVerb, type Database, type VerbResult } from '../client.ts'
import type { IdempotencyInput } from './transfer.ts'
import { orNull, type Readable } from './unreadable.ts'

export interface CreditInput {
  account: string
  token: Readable
  /** Decimal text. */
  amount: string
  reason: string | undefined
  requestId: string
  idempotency: IdempotencyInput | undefined
}

/**
 * Credits an account's spot wallet from issuance and writes the audit row, in one transaction and one round trip.
 *
 * @throws LedgerRefusal unsupported_token, invalid_amount, amount_not_positive, idempotency_key_reused,
 *   request_in_progress: nothing moved.
 */
export async function credit(db: Database, input: CreditInput): Promise<VerbResult<{ ok: true }>> {
  return await callVerb(
    db,
    sql`select ledger.credit(${input.account}, ${orNull(input.token)}, ${input.amount}::numeric, ${input.reason ?? null},
      ${input.requestId}, ${input.idempotency?.key ?? null}, decode(${input.idempotency?.requestHash ?? null}, 'hex')) as result`,
  )
}
