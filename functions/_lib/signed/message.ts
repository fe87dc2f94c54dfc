import { sha256 } from '@noble/hashes/sha2.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { type Account, parseAccount } from '../wallet/accounts.ts'
import { canonicalCandidates, isCanonical, type JsonObject } from '../wallet/canonical-text.ts'
import { CLOCK_AHEAD_MS_MAX, EXPIRY_WINDOW_MS_DEFAULT, EXPIRY_WINDOW_MS_MAX } from '../limits.ts'
import { firstSigned, parseSignature, type Problem } from './signature.ts'

/** What an endpoint knows of its signed message. `agentMaySign` is false where `agent_wallet` is data. */
export type SignedOperation = {
  readonly type: string
  readonly fields: readonly string[]
  /** Those of the fields that may be left out. */
  readonly optional?: readonly string[]
  readonly agentMaySign: boolean
}

/** A message and who is said to have signed it; the values are as the client sent them. */
export type WalletClaim = {
  readonly account: unknown
  readonly agentWallet?: unknown
  readonly signature: unknown
  readonly timestamp: unknown
  readonly expiryWindow?: unknown
  readonly type: string
  readonly data: Readonly<Record<string, unknown>>
  /** Members that came as null, which equals absent: the signed text may have them as null, or not at all. */
  readonly nulls?: readonly string[]
}

export type MessageRefusal =
  | {
      readonly ok: false
      readonly reason: 'invalid_signature' | 'invalid_public_key' | 'invalid_message'
      readonly detail: string
    }
  | {
      readonly ok: false
      readonly reason: 'verification_failed'
      readonly detail: string
      readonly canonicalText: string
      readonly checkedKey: string
    }

export type Verified = {
  readonly ok: true
  readonly account: Account
  /** The key that signed: the account, or the agent. Whether the agent is bound is not known here. */
  readonly signer: string
  readonly viaAgent: boolean
  /** The text that was signed, without any envelope. */
  readonly text: string
  /** See {@link replayDigest}. Must be unique over all accounts. */
  readonly digest: string
  /** The last millisecond in which this message is good. */
  readonly expiresAt: number
}

/** How the contract's error text begins for each reason. */
export const REFUSAL_TEXT: Readonly<Record<MessageRefusal['reason'], string>> = {
  invalid_signature: 'Invalid signature',
  invalid_public_key: 'Invalid public key',
  invalid_message: 'Invalid message',
  verification_failed: 'Verification failed',
}

/** {@link verifyClaim} for a flat body: the one call most endpoints make. */
export const verifySignedBody = async (
  body: Readonly<Record<string, unknown>>,
  operation: SignedOperation,
  nowMs: number,
): Promise<Verified | MessageRefusal> => await verifyClaim(claimFromBody(body, operation), nowMs)

/** Operation fields absent from the body are absent from the signed data; an optional one that is null equals absent. */
export function claimFromBody(
  body: Readonly<Record<string, unknown>>,
  operation: SignedOperation,
): WalletClaim {
  const nulls = (operation.optional ?? []).filter((field) => body[field] === null)
  const present = operation.fields.filter((field) => Object.hasOwn(body, field) && !nulls.includes(field))
  return {
    account: body['account'],
    agentWallet: operation.agentMaySign ? body['agent_wallet'] : null,
    signature: body['signature'],
    timestamp: body['timestamp'],
    expiryWindow: body['expiry_window'],
    type: operation.type,
    data: Object.fromEntries(present.map((field) => [field, body[field]])),
    nulls,
  }
}

/**
 * Says whether the wallet signed the message and the message is still good. Never throws.
 * The order is cheap to dear: the signature's form, the times, the keys, and only then the curve.
 */
export async function verifyClaim(claim: WalletClaim, nowMs: number): Promise<Verified | MessageRefusal> {
  const signature = parseSignature(claim.signature)
  if ('problem' in signature) return refuse('invalid_signature', signature.problem)

  const times = checkTimes(claim.timestamp, claim.expiryWindow, nowMs)
  if ('problem' in times) return refuse('invalid_message', times.problem)
  const { data } = claim
  if (!isCanonicalObject(data))
    return refuse('invalid_message', 'the data cannot be rebuilt as it was signed')

  const account = parseUnknownAccount(claim.account)
  if (!account) return refuse('invalid_public_key', 'account is not an EVM or Solana address')
  const viaAgent = isGiven(claim.agentWallet)
  const signer = viaAgent ? parseUnknownAccount(claim.agentWallet) : account
  if (!signer) return refuse('invalid_public_key', 'agent_wallet is not an EVM or Solana address')
  if ((signer.kind === 'evm') !== (signature.form === 'personal_sign'))
    return refuse('invalid_signature', `not a signature that the key of an ${signer.kind} account makes`)

  const texts = (signed: JsonObject) =>
    canonicalCandidates(claim.type, signed, times.timestamp, times.expiryWindow)
  const withNulls = Object.fromEntries((claim.nulls ?? []).map((name) => [name, null]))
  const candidates: [string, ...string[]] = texts(data)
  if (claim.nulls?.length) candidates.push(...texts({ ...data, ...withNulls }))
  const text = await firstSigned(signature, candidates, signer.id)
  if (text === null) return mismatch(candidates[0], signer.id)
  const digest = replayDigest(signer.id, text)
  return { ok: true, account, signer: signer.id, viaAgent, text, digest, expiresAt: times.expiresAt }
}

/**
 * Names the act of signing: this key, this text. The signature's bytes are left out, so that an envelope or
 * another v is no second message; the account is left out too, because the text does not name it and an
 * agent's message must not count again for another account the agent acts for. The type is in the text.
 */
export const replayDigest = (signer: string, text: string): string =>
  bytesToHex(sha256(utf8ToBytes(`${signer}\n${text}`)))

type Times = {
  readonly timestamp: number
  readonly expiryWindow: number | null | undefined
  readonly expiresAt: number
}

function checkTimes(timestamp: unknown, expiryWindow: unknown, nowMs: number): Times | Problem {
  if (!isCount(timestamp)) return { problem: 'timestamp must be a whole number of milliseconds' }
  if (isGiven(expiryWindow) && !isCount(expiryWindow))
    return { problem: 'expiry_window must be a whole number of milliseconds' }
  const window = expiryWindow ?? EXPIRY_WINDOW_MS_DEFAULT
  if (window > EXPIRY_WINDOW_MS_MAX) return { problem: `expiry_window is over ${EXPIRY_WINDOW_MS_MAX} ms` }
  const expiresAt = timestamp + window
  if (expiresAt < nowMs) return { problem: `expired ${nowMs - expiresAt} ms ago` }
  if (timestamp > nowMs + CLOCK_AHEAD_MS_MAX)
    return { problem: `timestamp is ${timestamp - nowMs} ms in the future` }
  return { timestamp, expiryWindow, expiresAt }
}

const refuse = (
  reason: 'invalid_signature' | 'invalid_public_key' | 'invalid_message',
  detail: string,
): MessageRefusal => ({ ok: false, reason, detail })

const mismatch = (canonicalText: string, checkedKey: string): MessageRefusal => ({
  ok: false,
  reason: 'verification_failed',
  detail: 'the signature is not over this text by this key',
  canonicalText,
  checkedKey,
})

/** The contract's "null equals absent". */
const isGiven = (value: unknown): value is NonNullable<unknown> => value !== undefined && value !== null
const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
const isCanonicalObject = (data: Readonly<Record<string, unknown>>): data is JsonObject => isCanonical(data)
const parseUnknownAccount = (value: unknown) => (typeof value === 'string' ? parseAccount(value) : null)
