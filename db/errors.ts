/** What a call of the ledger throws. It imports nothing that runs: functions without a database know these errors too. */
import type { Outcome } from './outcome.ts'

/** The SQLSTATE of every refusal; why is the message. */
export const REFUSED = 'TG000'
/** Why the ledger refuses: `ledger.refuse('…')` in `db/ledger/*.sql`. */
export const REFUSALS = [
  'unsupported_token',
  'invalid_amount',
  'amount_not_positive',
  'insufficient_balance',
  'idempotency_key_reused',
  'request_in_progress',
  'invalid_direction',
  'withdrawals_paused',
  'withdrawal_in_progress',
  'below_minimum',
  'reservation_gone',
  'invalid_recipient',
  'unsupported_account',
  'invalid_relationship',
  'agent_not_authorized',
  'duplicate_idempotency_key',
  'duplicate_signature',
  'limit_reached',
  'already_exists',
  'main_is_subaccount',
  'sub_is_subaccount',
  'account_in_use',
  'agent_bound_elsewhere',
  'not_found',
  'session_ended',
] as const
export type Refusal = (typeof REFUSALS)[number]

/**
 * An error of ours. Its message is written in this repository and repeats nothing that a caller, a configuration or a
 * library said, so it may stand in a log as it is.
 */
export class OwnError extends Error {}

export class LedgerRefusal extends OwnError {
  constructor(
    readonly reason: Refusal,
    /** Data of the refusal (a minimum, an earlier transfer as JSON), when it has any. */
    readonly detail: string | undefined,
  ) {
    super(reason)
  }
}

export class DatabaseError extends OwnError {
  constructor(
    readonly outcome: Outcome,
    /** True where a lock, a conflict or a shortage was the cause: the same call may succeed at once. */
    readonly busy: boolean,
    readonly sqlstate: string | undefined,
    cause: unknown,
  ) {
    super(`database error ${sqlstate ?? 'without an answer'}`, { cause })
  }

  /** True where it is known that nothing happened and the same call may succeed soon. */
  get nothingDone(): boolean {
    return this.outcome === 'not_begun' || (this.outcome === 'rolled_back' && this.busy)
  }
}
