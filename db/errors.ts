/** What a call of the ledger throws. It imports nothing: functions without a database know these errors too. */

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
} as const
export type Refusal = (typeof REFUSALS)[keyof typeof REFUSALS]

export class LedgerRefusal extends Error {
  constructor(
    readonly reason: Refusal,
    /** Data of the refusal (a minimum, an earlier transfer as JSON), when it has any. */
    readonly detail: string | undefined,
  ) {
    super(reason)
  }
}

export class DatabaseError extends Error {
  constructor(
    /** `rolled_back`: Postgres said so. `unknown`: no answer came, so it may have been committed. */
    readonly outcome: 'rolled_back' | 'unknown',
    /** True where waiting for a lock or a conflict was the cause: the same call may succeed at once. */
    readonly busy: boolean,
    readonly sqlstate: string | undefined,
    cause: unknown,
  ) {
    super(`database error ${sqlstate ?? 'without an answer'}`, { cause })
  }
}
