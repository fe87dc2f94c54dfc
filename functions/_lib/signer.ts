import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { Address, Hex } from 'viem'
import { OwnError } from '../../db/errors.ts'

/** Whatever holds the key that authorizes withdrawals. */
export interface Signer {
  /**
   * Signs a 32-byte digest.
   *
   * @returns 65 bytes r‖s‖v: s in the lower half of the order (EIP-2), v 27 or 28, already seen to recover to
   * the configured address.
   * @throws SignerError; nothing is retried, so one call asks the key holder at most once.
   */
  signDigest(digest: Hex): Promise<Hex>
}

/**
 * - `unavailable`: no answer in time, or a refusal (throttled, 5xx, credentials). Trying later may help.
 * - `malformed`: an answer that is no signature.
 * - `wrong_key`: a signature, but not by the configured address.
 */
export type SignerFailure = 'unavailable' | 'malformed' | 'wrong_key'

/**
 * Carries a short code instead of the cause: AWS repeats the signed headers, session token included, in some of
 * its messages, and this error ends in a log.
 */
export class SignerError extends OwnError {
  override readonly name = 'SignerError'
  readonly reason: SignerFailure
  readonly code: string

  constructor(reason: SignerFailure, code: string) {
    super(`signer ${reason}: ${code}`)
    this.reason = reason
    this.code = code
  }
}

/**
 * Reads a strict DER signature and puts s in the lower half of the order.
 *
 * About half of what KMS answers has a high s. (r, s) and (r, n − s) verify alike, so the vault takes only the
 * lower one (EIP-2).
 */
export function derToLowS(der: Uint8Array): { r: bigint; s: bigint } {
  const signature = parseDer(der)
  const s = signature.hasHighS() ? secp256k1.Point.Fn.neg(signature.s) : signature.s
  return { r: signature.r, s }
}

/**
 * Finds the recovery id that DER does not carry.
 *
 * The result is what the vault will compute, so a signature that this accepts cannot be refused there for its key.
 */
export function recoverableSignature(digest: Hex, der: Uint8Array, expectedAddress: Address): Hex {
  const message = digestBytes(digest)
  const { r, s } = derToLowS(der)
  const expected = expectedAddress.toLowerCase()
  for (const parity of [0, 1]) {
    const signature = new secp256k1.Signature(r, s, parity)
    if (recoveredAddress(signature, message) === expected) {
      return `0x${signature.toHex('compact')}${(27 + parity).toString(16)}`
    }
  }
  throw new SignerError('wrong_key', 'SignatureByAnotherKey')
}

/** A digest of another length would be a bug of ours, not of the signer: it is refused before anyone is asked. */
export function digestBytes(digest: Hex): Uint8Array<ArrayBuffer> {
  if (!/^0x[0-9a-fA-F]{64}$/.test(digest)) throw new TypeError('digest must be 0x and 64 hex digits')
  return Uint8Array.from(hexToBytes(digest.slice(2)))
}

type EcdsaSignature = ReturnType<typeof secp256k1.Signature.fromBytes>

function parseDer(der: Uint8Array): EcdsaSignature {
  try {
    return secp256k1.Signature.fromBytes(der, 'der')
  } catch {
    throw new SignerError('malformed', 'NotDer')
  }
}

function recoveredAddress(signature: EcdsaSignature, message: Uint8Array): string | undefined {
  try {
    const publicKey = signature.recoverPublicKey(message).toBytes(false)
    // The address leaves out the 0x04 that marks an uncompressed point.
    return `0x${bytesToHex(keccak_256(publicKey.subarray(1)).subarray(12))}`
  } catch {
    // Not every r is the x of a point, so a parity may have no key at all.
    return undefined
  }
}
