import { sql } from 'drizzle-orm'
import { callVerb, type Database, type Push } from '../client.ts'
import type { IdempotencyInput } from './transfer.ts'
import type { SignedWithdrawal } from './store-signature.ts'
import { orNull, type Readable } from './unreadable.ts'

export interface ReserveInput {
  account: string
  token: Readable
  /** Decimal text. */
  amount: Readable
  /** Lower-case EVM address. */
  recipient: Readable
  chainId: number
  vault: string
  /** How long the vault shall take the signature. */
  ttlSeconds: number
  idempotency: IdempotencyInput | undefined
}

/** What will be signed, fixed on the row. */
export interface Reservation {
  id: string
  account: string
  /** Of the token. */
  contract: string
  amount_in_wei: string
  nonce: number
  /** Unix seconds. */
  deadline: number
}

/**
 * - `reserved`: the funds are frozen; sign, then store or give back.
 * - `replayed`: the key's first answer again; nothing moved.
 */
export type ReserveResult =
  | { outcome: 'reserved'; reservation: Reservation; pushes: Push[] }
  | { outcome: 'replayed'; answer: SignedWithdrawal; pushes: Push[] }

/**
 * Freezes the amount and fixes nonce and deadline, in one transaction and one round trip.
 *
 * @throws LedgerRefusal idempotency_key_reused, request_in_progress, withdrawals_paused, unsupported_token,
 *   invalid_amount, amount_not_positive, below_minimum (detail: the minimum), invalid_recipient, unsupported_account,
 *   insufficient_balance, withdrawal_in_progress: nothing moved.
 */
export async function reserve(db: Database, input: ReserveInput): Promise<ReserveResult> {
  return await callVerb(
    db,
    sql`select ledger.reserve(${input.account}, ${orNull(input.token)}, ${orNull(input.amount)}::numeric, ${orNull(input.recipient)},
      ${input.chainId}, ${input.vault}, ${input.ttlSeconds},
      ${input.idempotency?.key ?? null}, decode(${input.idempotency?.requestHash ?? null}, 'hex')) as result`,
  )
}
