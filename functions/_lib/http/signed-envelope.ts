/** The envelope of the wallet-signed family: its closed list of errors, and how refusals map to them. */
import { DatabaseError, LedgerRefusal } from '../../../db/errors.ts'
import { ApiError, NO_ANSWER } from '../errors.ts'
import type { Envelope } from './access.ts'
import { BUSY_RETRY_AFTER_SECONDS } from '../limits.ts'
import { API_ERRORS, LEDGER_REFUSALS } from './signed-refusals.ts'

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
  subaccount_exists: { error: 'Subaccount already exists', code: 2, status: 400 },
  main_is_subaccount: { error: 'Main account is a subaccount', code: 35, status: 400 },
  already_subaccount: { error: 'Account is already a subaccount', code: 40, status: 400 },
  account_in_use: { error: 'Account in use', code: 400, status: 400 },
  agent_bound_elsewhere: { error: 'Agent bound to another account', code: 409, status: 409 },
  agent_not_found: { error: 'Agent not found', code: 404, status: 404 },
  limit_reached: { error: 'Limit reached', code: 400, status: 400 },
  not_found: { error: 'Not found', code: 404, status: 404 },
  method_not_allowed: { error: 'Method not allowed', code: 405, status: 405 },
  request_timeout: { error: 'Request timeout', code: 408, status: 408 },
  payload_too_large: { error: 'Invalid request', code: 413, status: 413 },
  unsupported_media_type: { error: 'Invalid request', code: 415, status: 415 },
  rate_limited: { error: 'Rate limited', code: 429, status: 429 },
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
    headers: Record<string, string> = {},
  ) {
    super('INVALID_REQUEST', detail ?? '', { headers })
  }
}

/** The 200 answer. */
export const succeeded = (data: object) => ({ success: true, data, error: null, code: null })

/** What is below these speaks this envelope, also where there is no such route. */
export const SIGNED_FAMILY = /^\/api\/v1\/(account|agent)(\/|$)/

/** Any error as an answer of this family; what is not expected tells nothing. */
export const signedEnvelope = {
  render(error: unknown, _known: ApiError, requestId: string) {
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
    return { response: Response.json(body, { status, headers: refusal.headers }), outcome: refusal.id }
  },
} satisfies Envelope

/** The same where some errors have other names. */
const renamed = (rename: (error: unknown) => unknown): Envelope => ({
  ...signedEnvelope,
  render: (error, known, requestId) => signedEnvelope.render(rename(error), known, requestId),
})

/** For perp margin, whose "not enough" has a name of its own. */
export const perpEnvelope = /* @__PURE__ */ renamed((error) =>
  error instanceof LedgerRefusal && error.reason === 'insufficient_balance'
    ? new SignedRefusal('insufficient_perp_balance')
    : error,
)

/** For what only reads: nothing can have been carried out. */
export const readEnvelope = /* @__PURE__ */ renamed((error) =>
  error instanceof DatabaseError && error.outcome === 'unknown'
    ? new SignedRefusal('internal_server_error', NO_ANSWER.read)
    : error,
)

function refusalOf(error: unknown): SignedRefusal {
  if (error instanceof SignedRefusal) return error
  if (error instanceof LedgerRefusal) {
    const [id, detail] = LEDGER_REFUSALS[error.reason]
    return new SignedRefusal(id, detail, error.detail ? (JSON.parse(error.detail) as object) : null)
  }
  if (error instanceof ApiError) {
    const id = API_ERRORS[error.code]
    return id === 'internal_server_error'
      ? new SignedRefusal(id)
      : new SignedRefusal(id, error.message, null, error.headers)
  }
  if (error instanceof DatabaseError && error.nothingDone)
    return new SignedRefusal(
      'service_busy',
      'the database is busy or away; nothing was done, try again',
      null,
      { 'Retry-After': String(BUSY_RETRY_AFTER_SECONDS) },
    )
  return error instanceof DatabaseError && error.outcome === 'unknown'
    ? new SignedRefusal(
        'internal_server_error',
        'it may have been carried out; send the same message again to know',
      )
    : new SignedRefusal('internal_server_error')
}
