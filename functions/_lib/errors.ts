/** The closed list of error codes of the exchange family, and how the ledger's refusals map to them. */
import { DatabaseError, LedgerRefusal, type Refusal } from '../../db/errors.ts'
import { BUSY_RETRY_AFTER_SECONDS, SIGNER_RETRY_AFTER_SECONDS } from './limits.ts'

export const ERROR_STATUS = {
  INVALID_REQUEST: 400,
  INVALID_AMOUNT: 400,
  AMOUNT_NON_POSITIVE: 400,
  INVALID_DIRECTION: 400,
  INVALID_ADDRESS: 400,
  INVALID_RECIPIENT: 400,
  INVALID_SIGNATURE_FORMAT: 400,
  TIMESTAMP_EXPIRED: 400,
  UNSUPPORTED_TOKEN: 400,
  UNSUPPORTED_ACCOUNT: 400,
  INSUFFICIENT_BALANCE: 400,
  LIMIT_REACHED: 400,
  'amount below minimum': 400,
  'invalid id': 400,
  UNAUTHORIZED: 401,
  SIGNATURE_INVALID: 401,
  'API Key permission denied': 403,
  NOT_FOUND: 404,
  DISABLED: 404,
  WITHDRAWAL_NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  REQUEST_TIMEOUT: 408,
  REQUEST_IN_PROGRESS: 409,
  WITHDRAWAL_IN_PROGRESS: 409,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
  IDEMPOTENCY_KEY_REUSED: 422,
  UPGRADE_REQUIRED: 426,
  RATE_LIMITED: 429,
  'internal error': 500,
  internal: 500,
  DB_ERROR: 500,
  'sign failed': 500,
  SERVICE_BUSY: 503,
  'spot subsystem disabled': 503,
  WITHDRAWALS_PAUSED: 503,
  SIGNER_UNAVAILABLE: 503,
  ISSUER_UNAVAILABLE: 503,
  CHAIN_UNAVAILABLE: 503,
} as const
export type ErrorCode = keyof typeof ERROR_STATUS

/** An answer that refuses. `message` is for a person; `suffix` ends a code that carries a number. */
export class ApiError extends Error {
  readonly suffix: string
  readonly headers: Record<string, string>
  constructor(
    readonly code: ErrorCode,
    message: string,
    options: { suffix?: string; headers?: Record<string, string>; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.suffix = options.suffix ?? ''
    this.headers = options.headers ?? {}
  }
}

export const unauthorized = () => new ApiError('UNAUTHORIZED', 'the credential is missing or not valid')

export const chainUnavailable = (message: string, cause?: unknown) =>
  new ApiError('CHAIN_UNAVAILABLE', message, {
    headers: { 'Retry-After': String(SIGNER_RETRY_AFTER_SECONDS) },
    cause,
  })

const REFUSAL_ANSWERS: Record<Refusal, [ErrorCode, string]> = {
  unsupported_token: ['UNSUPPORTED_TOKEN', 'this token is not enabled here'],
  invalid_amount: ['INVALID_AMOUNT', 'more decimals than the token has, or too large'],
  amount_not_positive: ['AMOUNT_NON_POSITIVE', 'amount must be greater than zero'],
  insufficient_balance: ['INSUFFICIENT_BALANCE', 'the source has less than that available'],
  idempotency_key_reused: ['IDEMPOTENCY_KEY_REUSED', 'this key was used with another request'],
  request_in_progress: ['REQUEST_IN_PROGRESS', 'the first request with this key is still running'],
  invalid_direction: ['INVALID_DIRECTION', 'direction must be perp_to_spot or spot_to_perp'],
  withdrawals_paused: ['WITHDRAWALS_PAUSED', 'withdrawals are paused; nothing was reserved'],
  withdrawal_in_progress: ['WITHDRAWAL_IN_PROGRESS', 'another withdrawal of this account is being signed'],
  below_minimum: ['amount below minimum', 'the token has a minimum withdrawal'],
  reservation_gone: ['SIGNER_UNAVAILABLE', 'signing took too long; the funds are back'],
  invalid_recipient: [
    'INVALID_RECIPIENT',
    'recipient must be an EVM address other than the vault or a token contract',
  ],
  unsupported_account: ['UNSUPPORTED_ACCOUNT', 'only an EVM account can withdraw to this chain'],
  invalid_relationship: ['INVALID_REQUEST', 'the accounts are not parent and subaccount'],
  agent_not_authorized: ['UNAUTHORIZED', 'the agent is not bound to the account'],
  duplicate_idempotency_key: ['IDEMPOTENCY_KEY_REUSED', 'this key was used before'],
  duplicate_signature: ['IDEMPOTENCY_KEY_REUSED', 'this signed message was used before'],
  limit_reached: ['LIMIT_REACHED', 'the account has reached its limit'],
  already_exists: ['INVALID_REQUEST', 'it already exists'],
  main_is_subaccount: ['INVALID_REQUEST', 'the main account is a subaccount'],
  sub_is_subaccount: ['INVALID_REQUEST', 'the subaccount has a main account already'],
  account_in_use: ['INVALID_REQUEST', 'the account has a balance or a history'],
  agent_bound_elsewhere: ['INVALID_REQUEST', 'the agent key is bound to another account'],
  not_found: ['NOT_FOUND', 'no such item'],
  session_ended: ['UNAUTHORIZED', 'the credential is missing or not valid'],
}

/** How a caller gets out of not knowing: what only reads is asked again, a change by its key, any other one is looked for first. */
export type Repeat = 'read' | 'key' | 'look'
export const NO_ANSWER: Record<Repeat, string> = {
  read: 'this only reads, so nothing was changed: ask again',
  key: 'the request may have been carried out; repeat it with its Idempotency-Key',
  look: 'the request may have been carried out; look before you repeat it',
}

/**
 * Any error as an `ApiError`. What is not expected becomes `internal`, whose text tells nothing but that the outcome
 * must be looked up; the cause is for the log.
 */
export function asApiError(error: unknown, internal: ErrorCode, repeat: Repeat): ApiError {
  if (error instanceof ApiError) return error
  if (error instanceof LedgerRefusal) {
    const [code, message] = REFUSAL_ANSWERS[error.reason]
    return new ApiError(code, message, error.reason === 'below_minimum' ? { suffix: ` ${error.detail}` } : {})
  }
  if (error instanceof DatabaseError && error.nothingDone) {
    return new ApiError('SERVICE_BUSY', 'the database is busy or unavailable; nothing was done, try again', {
      headers: { 'Retry-After': String(BUSY_RETRY_AFTER_SECONDS) },
      cause: error,
    })
  }
  const message =
    error instanceof DatabaseError && error.outcome === 'unknown'
      ? `no answer came from the ledger: ${NO_ANSWER[repeat]}`
      : 'something went wrong on our side; quote the request id'
  return new ApiError(internal, message, { cause: error })
}
