/** The envelope of the wallet-signed family: its closed list of errors, and how refusals map to them. */
import { DatabaseError, LedgerRefusal, type Refusal as LedgerReason } from '../../db/errors.ts'
import { ApiError, type ErrorCode } from './errors.ts'
import { BUSY_RETRY_AFTER_SECONDS } from './limits.ts'

interface SignedError {
  /** How the error text begins. */
  error: string
  code: number
  status: number
}

/** `code` is the API's own number where it has one, else the HTTP status. */
export const SIGNED_ERRORS = {
  invalid_request: { error: 'Invalid request', code: 400, status: 400 },
  invalid_signature: { error: 'Invalid signature', code: 400, status: 400 },
  invalid_public_key: { error: 'Invalid public key', code: 400, status: 400 },
  invalid_message: { error: 'Invalid message', code: 400, status: 400 },
  signature_verification_failed: { error: 'Verification failed', code: 400, status: 400 },
  agent_not_authorized: { error: 'Agent not authorized for account', code: 400, status: 400 },
  invalid_transfer_relationship: { error: 'Invalid transfer relationship', code: 33, status: 400 },
  invalid_amount: { error: 'Invalid amount', code: 59, status: 400 },
  asset_not_found: { error: 'Asset not found', code: 55, status: 422 },
  insufficient_spot_balance: { error: 'Insufficient spot balance', code: 62, status: 400 },
  insufficient_perp_balance: { error: 'Insufficient perp balance', code: 62, status: 400 },
  duplicate_idempotency_key: { error: 'Duplicate idempotency key', code: 409, status: 409 },
  duplicate_signature: { error: 'Duplicate signature', code: 409, status: 409 },
  subaccount_exists: { error: 'Subaccount already exists', code: 2, status: 409 },
  main_is_subaccount: { error: 'Main account is a subaccount', code: 35, status: 400 },
  already_subaccount: { error: 'Account is already a subaccount', code: 40, status: 400 },
  account_in_use: { error: 'Account in use', code: 400, status: 400 },
  agent_bound_elsewhere: { error: 'Agent bound to another account', code: 409, status: 409 },
  agent_not_found: { error: 'Agent not found', code: 404, status: 404 },
  limit_reached: { error: 'Limit reached', code: 400, status: 400 },
  payload_too_large: { error: 'Invalid request', code: 413, status: 413 },
  unsupported_media_type: { error: 'Invalid request', code: 415, status: 415 },
  internal_server_error: { error: 'Internal server error', code: 500, status: 500 },
  service_busy: { error: 'Service busy', code: 503, status: 503 },
} as const satisfies Record<string, SignedError>
export type SignedErrorId = keyof typeof SIGNED_ERRORS

/** A refusal of the wallet-signed family. `data` is the caller's own input, or what was done before. */
export class SignedRefusal extends ApiError {
  constructor(
    readonly id: SignedErrorId,
    detail?: string,
    readonly data: object | null = null,
  ) {
    super('INVALID_REQUEST', detail ?? '')
  }
}

const LEDGER_REFUSALS: Partial<Record<LedgerReason, [SignedErrorId, string?]>> = {
  agent_not_authorized: ['agent_not_authorized'],
  invalid_relationship: ['invalid_transfer_relationship', 'one must be the subaccount of the other'],
  invalid_amount: ['invalid_amount', 'a positive decimal string with no more decimals than the token has'],
  amount_not_positive: [
    'invalid_amount',
    'a positive decimal string with no more decimals than the token has',
  ],
  unsupported_token: ['asset_not_found'],
  insufficient_balance: ['insufficient_spot_balance'],
  duplicate_idempotency_key: [
    'duplicate_idempotency_key',
    'the account has used it before; data has the movement',
  ],
  duplicate_signature: ['duplicate_signature', 'this message was carried out before'],
  already_exists: ['subaccount_exists'],
  main_is_subaccount: ['main_is_subaccount'],
  sub_is_subaccount: ['already_subaccount'],
  account_in_use: ['account_in_use', 'it has a balance, a history, subaccounts or agents'],
  agent_bound_elsewhere: ['agent_bound_elsewhere'],
  limit_reached: ['limit_reached'],
  not_found: ['agent_not_found', 'it is not bound to the account'],
}

const API_ERRORS: Partial<Record<ErrorCode, SignedErrorId>> = {
  INVALID_REQUEST: 'invalid_request',
  PAYLOAD_TOO_LARGE: 'payload_too_large',
  UNSUPPORTED_MEDIA_TYPE: 'unsupported_media_type',
}

/** The 200 answer. */
export const succeeded = (data: object) => ({ success: true, data, error: null, code: null })

/** Any error as an answer of this family; what is not expected tells nothing. */
export function renderSignedError(
  error: unknown,
  requestId: string,
): { response: Response; outcome: string } {
  const refusal = refusalOf(error)
  const { error: text, code, status } = SIGNED_ERRORS[refusal.id]
  const body = {
    success: false,
    data: refusal.data,
    error: refusal.message ? `${text}: ${refusal.message}` : text,
    code,
    error_id: refusal.id,
    request_id: requestId,
  }
  const headers = refusal.id === 'service_busy' ? { 'Retry-After': String(BUSY_RETRY_AFTER_SECONDS) } : {}
  return { response: Response.json(body, { status, headers }), outcome: refusal.id }
}

/** For perp margin, whose "not enough" has a name of its own. */
export const renderPerpError: typeof renderSignedError = (error, requestId) =>
  renderSignedError(
    error instanceof LedgerRefusal && error.reason === 'insufficient_balance'
      ? new SignedRefusal('insufficient_perp_balance')
      : error,
    requestId,
  )

function refusalOf(error: unknown): SignedRefusal {
  if (error instanceof SignedRefusal) return error
  if (error instanceof LedgerRefusal) {
    const [id, detail] = LEDGER_REFUSALS[error.reason] ?? ['internal_server_error']
    return new SignedRefusal(id, detail, error.detail ? (JSON.parse(error.detail) as object) : null)
  }
  if (error instanceof ApiError) {
    const id = API_ERRORS[error.code]
    return id ? new SignedRefusal(id, error.message) : new SignedRefusal('internal_server_error')
  }
  if (error instanceof DatabaseError && error.busy)
    return new SignedRefusal('service_busy', 'too many requests for the same rows at once; nothing changed')
  return error instanceof DatabaseError && error.outcome === 'unknown'
    ? new SignedRefusal(
        'internal_server_error',
        'it may have been carried out; send the same message again to know',
      )
    : new SignedRefusal('internal_server_error')
}
