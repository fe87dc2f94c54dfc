import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import { decodeKeyText, strictPublicKey } from './ed25519.ts'

/** An account as it is stored and shown: `id` is lower case for EVM, the text as it came for Solana. */
export type Account = { readonly kind: 'evm' | 'solana'; readonly id: string }

// The longer of the two forms is base58 of 32 bytes (44); an EVM address has 42 characters.
const ACCOUNT_LENGTH_MAX = 44
const EVM_ADDRESS = /^0x[0-9a-fA-F]{40}$/
const ZERO_ADDRESS = '0x0000000000000000000000000000000000000000'

/**
 * Reads an account, or gives null.
 *
 * - EVM: `0x` and 40 hex digits. All-lower and all-upper digits carry no checksum and are taken; mixed case
 *   must be right by EIP-55, because that is how a mistyped digit is found. The zero address is refused.
 * - Solana: base58 of exactly 32 bytes that are a public key somebody can hold. Non-canonical encodings,
 *   off-curve values (program-derived addresses), small-order points (the system program `1111…`) and points
 *   with a torsion part are refused: no signature of theirs would ever be accepted here, so whatever is
 *   credited to them is lost.
 *
 * @example parseAccount('0x00000000219AB540356CBB839CBE05303D7705FA') // { kind: 'evm', id: '0x00000000219ab5…' }
 */
export function parseAccount(text: string): Account | null {
  const account = parseAccountSpelling(text)
  if (account?.kind !== 'solana') return account
  const key = decodeKeyText(text)
  return key && strictPublicKey(key) ? account : null
}

/**
 * Reads an account that somebody answers for already, such as the subject of a verified token: its spelling is
 * checked, not whether a Solana key is a point that can sign. Without the curve a function is 16 KB gzipped lighter.
 */
export function parseAccountSpelling(text: string): Account | null {
  // A body is only typed after it is checked: anything but a short string ends here.
  if (typeof text !== 'string' || text.length > ACCOUNT_LENGTH_MAX) return null
  if (EVM_ADDRESS.test(text)) return parseEvmAccount(text)
  return decodeKeyText(text) ? { kind: 'solana', id: text } : null
}

/** The EIP-55 spelling of a lower-case EVM address. */
export function checksumAddress(lowerCase: string): string {
  const digits = lowerCase.slice(2)
  const hash = bytesToHex(keccak_256(utf8ToBytes(digits)))
  return (
    '0x' + digits.replace(/[a-f]/g, (digit, at: number) => (hash[at]! >= '8' ? digit.toUpperCase() : digit))
  )
}

/** Reads an EVM account by the rules of {@link parseAccount}, or gives null. */
export function parseEvmAccount(text: string): Account | null {
  if (typeof text !== 'string' || !EVM_ADDRESS.test(text)) return null
  const id = text.toLowerCase()
  if (id === ZERO_ADDRESS) return null
  const isMixedCase = /[a-f]/.test(text) && /[A-F]/.test(text)
  return isMixedCase && checksumAddress(id) !== text ? null : { kind: 'evm', id }
}
