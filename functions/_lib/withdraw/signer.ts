import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, hexToBytes } from '@noble/hashes/utils.js'
import type { Address, Hex } from 'viem'
import { OwnError } from '../../../db/errors.ts'
import { SIGNER_TABLES_AFTER } from '../limits.ts'

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
  const s = signature.hasHighS() ? Fn.neg(signature.s) : signature.s
  return { r: signature.r, s }
}

type Point = typeof secp256k1.Point.BASE
const { BASE, Fn } = secp256k1.Point

/** The public half of the key that signs. */
export class PublicKey {
  #sums = 0

  constructor(private readonly point: Point) {}

  /** Lower case. */
  get address(): Address {
    // It leaves out the 0x04 that marks an uncompressed point.
    return `0x${bytesToHex(keccak_256(this.point.toBytes(false).subarray(1)).subarray(12))}`
  }

  /** a·G + b·key. An isolate that signs often gets tables, which halve its cost: most sign once or twice. */
  sum(a: bigint, b: bigint): Point {
    this.#sums += 1
    if (this.#sums <= SIGNER_TABLES_AFTER) return BASE.mulAddUnsafe(a, this.point, b)
    if (this.#sums === SIGNER_TABLES_AFTER + 1) for (const one of [BASE, this.point]) one.precompute(4, false)
    return BASE.multiplyUnsafe(a).add(this.point.multiplyUnsafe(b))
  }
}

/** SubjectPublicKeyInfo of secp256k1 up to its point, which comes uncompressed: 0x04, x, y. */
const SPKI_HEAD = '3056301006072a8648ce3d020106052b8104000a034200'

/**
 * Reads a DER SubjectPublicKeyInfo, the form in which KMS gives the public half of its key.
 *
 * @throws SignerError malformed: anything but an uncompressed point of secp256k1 in its one DER form
 */
export function publicKeyOf(spki: Uint8Array): PublicKey {
  const at = SPKI_HEAD.length / 2
  try {
    if (spki.length === at + 65 && bytesToHex(spki.subarray(0, at)) === SPKI_HEAD)
      return new PublicKey(secp256k1.Point.fromBytes(spki.subarray(at)))
  } catch {
    // Not on the curve.
  }
  throw new SignerError('malformed', 'NoPublicKey')
}

/**
 * Finds the recovery id that DER does not carry, by verifying the signature once against the key it must be of: what a
 * verification computes is the point whose x is r, and the parity of its y is what is missing. Recovering the key for
 * either parity gives the same for several times the CPU.
 *
 * The vault computes the same point, so a signature that this accepts cannot be refused there for its key.
 *
 * @throws SignerError malformed, wrong_key
 */
export function recoverableSignature(digest: Hex, der: Uint8Array, key: PublicKey): Hex {
  const { r, s } = derToLowS(der)
  const hash = Fn.create(BigInt(`0x${bytesToHex(digestBytes(digest))}`))
  const inverse = Fn.inv(s)
  const { x, y } = key.sum(Fn.mul(hash, inverse), Fn.mul(r, inverse)).toAffine()
  // Not modulo the order, as ECDSA compares: the vault's v has no room for an x beyond it. Infinity is (0, 0), and r is not 0.
  if (x !== r) throw new SignerError('wrong_key', 'SignatureByAnotherKey')
  const signature = new secp256k1.Signature(r, s)
  return `0x${signature.toHex('compact')}${y & 1n ? '1c' : '1b'}`
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
