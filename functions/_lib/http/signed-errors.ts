/** The wallet-signed family's closed list of errors. */
import { ApiError } from '../errors.ts'

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
