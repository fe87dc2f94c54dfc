/** What the endpoints of the wallet-signed family share: the body's fields, and the way from a body to who signed it. */
import * as z from 'zod/mini'
import type { SignedCaller } from '../../../db/ledger/signed.ts'
import { parseAccount } from '../wallet/accounts.ts'
import type { Call } from '../http/endpoint.ts'
import { commonEnv } from '../env.ts'
import { signed } from '../ledgers.ts'
import { accountOut, field, signatureParts } from '../schemas.ts'
import { renderSignedError, type SignedErrorId, SignedRefusal } from './envelope.ts'
import { type MessageRefusal, type SignedOperation, type Verified, verifySignedBody } from './message.ts'

/** Keys of the reference's examples: those of the seeds 32×0x01, 32×0x02 and 32×0x03. */
export const EXAMPLE = {
  main: 'AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9',
  sub: '9hSR6S7WPtxmTojgo6GG3k4yDPecgJY292j7xrsUGWBu',
  agent: 'GyGKxMyg1p9SsHfm15MkNUu1u9TN2JtTspcdmrtGUdse',
  signature: '4MLr7BeLE1XgWpzBsduNb7K8vyMzptFYmbnGmEjT9FpTZ9R8eJt3J46afUqo4AePUX3V5EzUhv5WtWwKPF2Czhy5',
} as const

/** Every endpoint of the family begins with this. */
export const signedFamily = {
  method: 'POST' as const,
  access: 'signature' as const,
  env: z.object(commonEnv),
  ledger: signed,
  renderError: renderSignedError,
  errors: {},
  internal: 'internal error' as const,
}

export const signatureIn = (description: string) =>
  field(
    z.union([z.string(), z.looseObject(signatureParts)]),
    `${description}, by a key and never a contract wallet: base58 of 64 bytes, 0x hex of 65 for an EVM key, or {type, value} (\`hardware\`, \`ed25519\`, \`raw\`)`,
    EXAMPLE.signature,
  )

export const timesIn = {
  timestamp: field(z.number(), 'When it was signed; unix milliseconds', 1_760_000_000_000),
  expiry_window: field(
    z.optional(z.nullable(z.number())),
    'How long it is good, milliseconds; 30000 without it, at most 300000',
    30_000,
  ),
}

/** The signature fields of a body that one account signs. */
export const signedFields = {
  account: accountOut('The account that acts', EXAMPLE.main),
  signature: signatureIn('Over the canonical text'),
  ...timesIn,
}

export const agentIn = {
  agent_wallet: field(
    z.optional(z.nullable(z.string())),
    'The agent that signed; null or absent when the account did',
    null,
  ),
}

/** Where only the account itself may sign: null equals absent, anything else is refused. */
export const noAgentIn = {
  agent_wallet: field(z.optional(z.null()), 'Null or absent: an agent cannot act here', null),
}

export const envelopeOut = <S extends z.ZodMiniType>(data: S) =>
  z.object({
    success: field(z.literal(true), 'Always true', true),
    data: field(data, 'What was done or found'),
    error: field(z.null(), 'Always null', null),
    code: field(z.null(), 'Always null', null),
  })

export const unixMilliseconds = (description: string) =>
  field(z.number(), `${description}; unix milliseconds`, 1_760_000_000_000)

/** What every endpoint of the family can answer, with when. */
export const SIGNATURE_ERRORS: Partial<Record<SignedErrorId, string>> = {
  invalid_request: 'malformed body, missing or unknown field',
  invalid_signature: 'not a signature by its form',
  invalid_public_key: 'an account or agent that is not a key somebody can hold',
  invalid_message: 'expired, from the future, or its window is too long',
  signature_verification_failed: 'not over this text by this key; `data` has `{canonical_text, checked_key}`',
  request_timeout: 'the body did not come; nothing was done',
  not_found: 'there is no such route',
  method_not_allowed: 'the route has other methods; `Allow` names them',
  payload_too_large: 'over 16 KiB',
  unsupported_media_type: 'not JSON',
  rate_limited:
    'too many calls of this address or of the key that signed; `Retry-After` says when to come back',
  internal_server_error: 'the log has the rest',
  service_busy: 'the database is busy or away; nothing was done, send it again',
}

interface SignedCall extends Pick<Call<z.ZodMiniType, undefined, undefined, undefined>, 'nowMs' | 'proved'> {
  readonly body: object
}

/**
 * Who signed the body, counted for the key that did. The order: a key by form, the signature by form, the times, the curve,
 * the count.
 * @throws SignedRefusal; ApiError RATE_LIMITED
 */
export async function signedCaller(call: SignedCall, operation: SignedOperation): Promise<SignedCaller> {
  const message = verified(
    await verifySignedBody(call.body as Record<string, unknown>, operation, call.nowMs),
  )
  await call.proved(message.account.id, message.signer)
  return callerOf(message)
}

const callerOf = (message: Verified): SignedCaller => ({
  account: message.account.id,
  agent: message.viaAgent ? message.signer : null,
  digest: message.digest,
  expiresAt: message.expiresAt,
})

/** @throws SignedRefusal; a signature that does not match comes with what it was checked against. */
export function verified(result: Verified | MessageRefusal): Verified {
  if (result.ok) return result
  if (result.reason !== 'verification_failed') throw new SignedRefusal(result.reason, result.detail)
  throw new SignedRefusal('signature_verification_failed', result.detail, {
    canonical_text: result.canonicalText,
    checked_key: result.checkedKey,
  })
}

/** An address field as it is stored. @throws SignedRefusal naming the field */
export function keyIn(value: string, name: string): string {
  const account = parseAccount(value)
  if (!account) throw new SignedRefusal('invalid_public_key', `${name} is not an EVM or Solana address`)
  return account.id
}
