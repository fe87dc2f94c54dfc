import { secp256k1 } from '@noble/curves/secp256k1.js'
import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'

// noble and not viem's recoverMessageAddress: beside the ed25519 code it costs 10 KB gzipped less.

const SIGNATURE_TEXT = /^0x[0-9a-fA-F]{130}$/
// 27 and 28 are Ethereum's own; some hardware wallets and libraries send the bare parity.
const PARITY_OF_V: Readonly<Record<number, 0 | 1>> = { 0: 0, 1: 1, 27: 0, 28: 1 }

export type PersonalSignature = ReturnType<typeof secp256k1.Signature.fromBytes>

/**
 * Reads `r ‖ s ‖ v` from 65 bytes of hex, or says what is wrong with it. A high s is refused: it is the
 * second spelling that anybody can make out of a valid signature.
 */
export function parsePersonalSignature(text: string): PersonalSignature | { problem: string } {
  if (!SIGNATURE_TEXT.test(text)) return { problem: 'expected 0x and the hex of 65 bytes' }
  const bytes = hexToBytes(text.slice(2))
  const parity = PARITY_OF_V[bytes[64]!]
  if (parity === undefined) return { problem: 'v must be 27, 28, 0 or 1' }
  try {
    const signature = secp256k1.Signature.fromBytes(bytes.subarray(0, 64), 'compact').addRecoveryBit(parity)
    return signature.hasHighS() ? { problem: 's must be in the lower half of the order' } : signature
  } catch {
    return { problem: 'r and s must be between zero and the order' }
  }
}

/** The hash that `personal_sign` (EIP-191, version 0x45) signs; the length in it counts bytes. */
export function personalMessageHash(text: string): Uint8Array {
  const body = utf8ToBytes(text)
  return keccak_256(concatBytes(utf8ToBytes(`\x19Ethereum Signed Message:\n${body.length}`), body))
}

/** The lower-case address whose key signed the text, or null when the signature is nobody's. */
export const recoverPersonalSigner = (signature: PersonalSignature, text: string): string | null =>
  recoverSigner(signature, personalMessageHash(text))

/** The same for any 32-byte digest. */
export function recoverSigner(signature: PersonalSignature, digest: Uint8Array): string | null {
  try {
    const key = signature.recoverPublicKey(digest).toBytes(false)
    return '0x' + bytesToHex(keccak_256(key.subarray(1)).subarray(12))
  } catch {
    return null
  }
}
