import { ed25519 } from '@noble/curves/ed25519.js'
import { base58 } from '@scure/base'
import { CheckedKeys } from './checked-keys.ts'

declare const strict: unique symbol

/** 32 bytes that passed {@link strictPublicKey}; {@link verifyStrict} takes nothing else. */
export type StrictPublicKey = Uint8Array & { readonly [strict]: true }

// The two lengths base58 can need for 32 and for 64 bytes. They also bound the quadratic decoder.
const KEY_TEXT = /^[1-9A-HJ-NP-Za-km-z]{32,44}$/
const SIGNATURE_TEXT = /^[1-9A-HJ-NP-Za-km-z]{64,88}$/

/** The bytes of a base58 text of exactly 32 bytes, or null. Says nothing about the point. */
export const decodeKeyText = (text: string): Uint8Array | null => decodeExactly(text, KEY_TEXT, 32)

/** The bytes of a base58 text of exactly 64 bytes, or null. */
export const decodeSignatureText = (text: string): Uint8Array | null =>
  decodeExactly(text, SIGNATURE_TEXT, 64)

/**
 * The key when it is one that an honest wallet can have made: a canonical encoding of a curve point in
 * the prime-order group. Off-curve keys (Solana's program addresses), the identity, small-order points and
 * points with a torsion part give null: nobody signs for them, or they make signatures ambiguous.
 */
export function strictPublicKey(bytes: Uint8Array): StrictPublicKey | null {
  return strictKeys.has(bytes) ? (bytes as StrictPublicKey) : null
}

// Marked pure: functions that read addresses and check no key are bundled without the curve, 13 KB gzipped.
const strictKeys = /* @__PURE__ */ new CheckedKeys(isPrimeOrderPoint)

/**
 * RFC 8032 verification as Solana's validators do it: cofactorless, S below L, canonical R and key.
 *
 * The runtime takes a signature when S < L and the encoding of S·B − k·A is R, byte for byte. That alone says nothing of
 * the key's order, so the key is held to {@link strictPublicKey}'s rule here too. B and A being of prime order, S·B − k·A is,
 * and with it every R that can be equal to it: the only one of small order is the identity, which is refused by its bytes.
 */
export async function verifyStrict(
  signature: Uint8Array,
  message: Uint8Array,
  key: StrictPublicKey,
): Promise<boolean> {
  if (signature.length !== 64 || isIdentity(signature.subarray(0, 32))) return false
  // Copies, made before anything is awaited: what was looked at is what is verified.
  const [signed, text] = [new Uint8Array(signature), new Uint8Array(message)]
  const native = await strictKeys.native(key)
  return native !== null && (await crypto.subtle.verify('Ed25519', native, signed, text))
}

/** The one canonical encoding of the identity. */
const isIdentity = (point: Uint8Array): boolean => point.every((byte, at) => byte === (at === 0 ? 1 : 0))

function isPrimeOrderPoint(bytes: Uint8Array): boolean {
  try {
    const point = ed25519.Point.fromBytes(bytes, false)
    return !point.isSmallOrder() && point.isTorsionFree()
  } catch {
    return false
  }
}

function decodeExactly(text: string, grammar: RegExp, length: number): Uint8Array | null {
  if (!grammar.test(text)) return null
  const bytes = base58.decode(text)
  return bytes.length === length ? bytes : null
}
