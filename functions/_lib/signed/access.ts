/** Who signed the body: the access of the wallet-signed family. */
import type { SignedCaller } from '../../../db/ledger/signed.ts'
import type { Access, Envelope, Rates } from '../http/access.ts'
import { perpEnvelope, readEnvelope, signedEnvelope } from '../http/signed-envelope.ts'
import { type SignedErrorId, SignedRefusal } from '../http/signed-errors.ts'
import { type MessageRefusal, type SignedOperation, type Verified, verifySignedBody } from './message.ts'
import { parseAccount } from '../wallet/accounts.ts'

/** What every endpoint of the family can answer, with when. */
export const SIGNATURE_ERRORS: Partial<Record<SignedErrorId, string>> = {
  invalid_request: 'malformed body, missing or unknown field',
  invalid_signature: 'not in the form of a signature',
  invalid_public_key: 'an account or agent that is not a usable public key',
  invalid_message: 'expired, from the future, or its window is too long',
  signature_verification_failed:
    'not a signature of this key over this text; `data` has `{canonical_text, checked_key}`',
  request_timeout: 'the body did not arrive; nothing was done',
  not_found: 'there is no such route',
  method_not_allowed: 'the route has other methods; `Allow` names them',
  payload_too_large: 'over 16 KiB',
  unsupported_media_type: 'not JSON',
  rate_limited:
    'too many calls from this address or by the key that signed; `Retry-After` says when to come back',
  internal_server_error: 'something went wrong on our side; the log has the details',
  service_busy: 'the database is busy or unavailable; nothing was done, send it again',
}

/** The key that signed is counted, never the account it names: that is only proved by the ledger. */
export const SIGNED_RATES: Rates = {
  address: 'RATE_SIGNED_ADDRESS',
  identity: { reads: 'RATE_SIGNED_KEY', writes: 'RATE_SIGNED_KEY' },
}

interface Operation extends SignedOperation {
  /** What it does where that changes how errors are told: it reads only, or it takes from perp margin. */
  readonly nature?: 'reads' | 'perp'
}
const ENVELOPES: Record<NonNullable<Operation['nature']> | 'moves', Envelope> = {
  reads: readEnvelope,
  perp: perpEnvelope,
  moves: signedEnvelope,
}

export interface Signed<Input> extends SignedCaller {
  /** What `inputOf` read of the body. */
  readonly input: Input
}

/**
 * An access by the signature over one operation. `inputOf` reads of the body what must be right by its form before a
 * signature is looked at. The order: that form, the signature's form, the times, the keys, the curve, the count.
 */
export const signed = <Input = undefined, Body = unknown>(
  operation: Operation,
  inputOf?: (body: Body) => Input,
): Access<Signed<Input>, SignedErrorId> => ({
  kind: 'signed',
  env: {},
  rates: SIGNED_RATES,
  envelope: ENVELOPES[operation.nature ?? 'moves'],
  errors: SIGNATURE_ERRORS,
  identify: async (incoming) => {
    const body = await incoming.body()
    const input = inputOf?.(body as Body) as Input
    const message = verified(
      await verifySignedBody(body as Record<string, unknown>, operation, incoming.nowMs),
    )
    await incoming.admit({ account: message.account.id, countedAs: message.signer })
    return { ...callerOf(message), input }
  },
})

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
