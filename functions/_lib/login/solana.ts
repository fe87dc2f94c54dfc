/** What a Solana account signs to log in: the content of the typed data, as canonical JSON text. */
import { utf8ToBytes } from '@noble/hashes/utils.js'
import { canonicalText } from '../wallet/canonical-text.ts'
import { decodeKeyText, decodeSignatureText, type StrictPublicKey, verifyStrict } from '../wallet/ed25519.ts'
import type { LoginDomain } from './typed-data.ts'
import { envelopeLayoutSigned } from '../wallet/offchain-envelope.ts'

/** A base58 signature, or the object that hardware wallets send. */
export type LoginSignature = string | { readonly type: string; readonly value: string }

export interface ParsedLoginSignature {
  hardware: boolean
  bytes: Uint8Array
}

/**
 * The text, UTF-8, keys sorted, no spaces; `timestamp` is unix seconds. No wallet-signed operation has the type `login`, so
 * neither can be used for the other.
 */
export const loginMessage = (domain: LoginDomain, wallet: string, nonce: number, timestamp: number): string =>
  canonicalText(
    'login',
    {
      chain_id: domain.chainId,
      domain: domain.name,
      nonce,
      verifying_contract: domain.verifyingContract,
      version: domain.version,
      wallet,
    },
    timestamp,
    undefined,
  )

/** The bytes of the signature, or null when it is not base58 of 64 bytes in a form we know. */
export function parseLoginSignature(signature: LoginSignature): ParsedLoginSignature | null {
  const { type, value } = typeof signature === 'string' ? { type: 'ed25519', value: signature } : signature
  const bytes = decodeSignatureText(value)
  return bytes && ['ed25519', 'raw', 'hardware'].includes(type)
    ? { hardware: type === 'hardware', bytes }
    : null
}

/** Did the account's key sign this login? `wallet` has passed parseAccount, so its key is a strict one. */
export async function loginMessageSignedBy(
  message: string,
  wallet: string,
  signature: ParsedLoginSignature,
): Promise<boolean> {
  const key = decodeKeyText(wallet) as StrictPublicKey
  return signature.hardware
    ? (await envelopeLayoutSigned(signature.bytes, message, key)) !== null
    : await verifyStrict(signature.bytes, utf8ToBytes(message), key)
}
