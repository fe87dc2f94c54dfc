/**
 * Maps what the ledger and the shared parts refuse to the errors of the wallet-signed family. Both maps are complete by
 * type: a new refusal does not compile until it has an entry here.
 */
import type { Refusal as LedgerReason } from '../../../db/errors.ts'
import type { ErrorCode } from '../errors.ts'
import type { SignedErrorId } from './signed-errors.ts'

/** What no verb of this family answers: if one does, that is a bug, and the answer tells nothing. */
const NEVER_HERE = ['internal_server_error'] as const
const AMOUNT_RULE = 'a positive decimal string with no more decimals than the token has'

export const LEDGER_REFUSALS = {
  agent_not_authorized: ['agent_not_authorized'],
  invalid_relationship: ['invalid_transfer_relationship', 'one must be the subaccount of the other'],
  invalid_amount: ['invalid_amount', AMOUNT_RULE],
  amount_not_positive: ['invalid_amount', AMOUNT_RULE],
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
  idempotency_key_reused: NEVER_HERE,
  request_in_progress: NEVER_HERE,
  invalid_direction: NEVER_HERE,
  withdrawals_paused: NEVER_HERE,
  withdrawal_in_progress: NEVER_HERE,
  below_minimum: NEVER_HERE,
  reservation_gone: NEVER_HERE,
  invalid_recipient: NEVER_HERE,
  unsupported_account: NEVER_HERE,
  session_ended: NEVER_HERE,
} as const satisfies Record<LedgerReason, readonly [SignedErrorId, string?]>

export const API_ERRORS = {
  INVALID_REQUEST: 'invalid_request',
  INVALID_AMOUNT: 'invalid_amount',
  AMOUNT_NON_POSITIVE: 'invalid_amount',
  INVALID_ADDRESS: 'invalid_public_key',
  INVALID_SIGNATURE_FORMAT: 'invalid_signature',
  TIMESTAMP_EXPIRED: 'invalid_message',
  SIGNATURE_INVALID: 'signature_verification_failed',
  UNSUPPORTED_TOKEN: 'asset_not_found',
  INSUFFICIENT_BALANCE: 'insufficient_spot_balance',
  LIMIT_REACHED: 'limit_reached',
  NOT_FOUND: 'not_found',
  METHOD_NOT_ALLOWED: 'method_not_allowed',
  REQUEST_TIMEOUT: 'request_timeout',
  PAYLOAD_TOO_LARGE: 'payload_too_large',
  UNSUPPORTED_MEDIA_TYPE: 'unsupported_media_type',
  IDEMPOTENCY_KEY_REUSED: 'duplicate_idempotency_key',
  RATE_LIMITED: 'rate_limited',
  REQUEST_IN_PROGRESS: 'service_busy',
  SERVICE_BUSY: 'service_busy',
  'internal error': 'internal_server_error',
  internal: 'internal_server_error',
  DB_ERROR: 'internal_server_error',
  // Of endpoints of the exchange family alone.
  INVALID_DIRECTION: 'internal_server_error',
  INVALID_RECIPIENT: 'internal_server_error',
  UNSUPPORTED_ACCOUNT: 'internal_server_error',
  'amount below minimum': 'internal_server_error',
  'invalid id': 'internal_server_error',
  UNAUTHORIZED: 'internal_server_error',
  ISSUER_UNAVAILABLE: 'internal_server_error',
  'API Key permission denied': 'internal_server_error',
  DISABLED: 'internal_server_error',
  WITHDRAWAL_NOT_FOUND: 'internal_server_error',
  WITHDRAWAL_IN_PROGRESS: 'internal_server_error',
  UPGRADE_REQUIRED: 'internal_server_error',
  'sign failed': 'internal_server_error',
  'spot subsystem disabled': 'internal_server_error',
  WITHDRAWALS_PAUSED: 'internal_server_error',
  SIGNER_UNAVAILABLE: 'internal_server_error',
  CHAIN_UNAVAILABLE: 'internal_server_error',
} as const satisfies Record<ErrorCode, SignedErrorId>
