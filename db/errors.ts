/** What a call of the ledger throws. It imports nothing that runs: functions without a database know these errors too. */
import type { Outcome } from './outcome.ts'

/** SQLSTATE → why the ledger refused. `db/ledger/*.sql` raises these. */
export const REFUSALS = {
  TG001: 'unsupported_token',
  TG002: 'invalid_amount',
  TG003: 'amount_not_positive',
  TG004: 'insufficient_balance',
  TG005: 'idempotency_key_reused',
  TG006: 'request_in_progress',
  TG007: 'invalid_direction',
  TG010: 'withdrawals_paused',
  TG011: 'withdrawal_in_progress',
  TG012: 'below_minimum',
  TG013: 'reservation_gone',
  TG014: 'invalid_recipient',
  TG015: 'unsupported_account',
  TG020: 'invalid_relationship',
  TG021: 'agent_not_authorized',
  TG022: 'duplicate_idempotency_key',
  TG023: 'duplicate_signature',
  TG024: 'limit_reached',
  TG025: 'already_exists',
  TG026: 'main_is_subaccount',
  TG027: 'sub_is_subaccount',
  TG028: 'account_in_use',
  TG029: 'agent_bound_elsewhere',
  TG030: 'not_found',
  TG031: 'session_ended',
} as const
export type Refusal = (typeof REFUSALS)[keyof typeof REFUSALS]

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
