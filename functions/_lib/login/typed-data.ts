/** What an EVM account signs to log in (EIP-712). */
import { keccak_256 } from '@noble/hashes/sha3.js'
import { concatBytes, hexToBytes, utf8ToBytes } from '@noble/hashes/utils.js'
import { parsePersonalSignature, recoverSigner } from '../wallet/personal-sign.ts'

// noble and not viem's hashTypedData, which brings a second copy of the curves: 14 KB gzipped. A test compares the two.

export interface LoginDomain {
  name: string
  version: string
  chainId: number
  verifyingContract: `0x${string}`
}

export const LOGIN_TYPES = {
  Login: [
    { name: 'wallet', type: 'address' },
    { name: 'nonce', type: 'uint256' },
    { name: 'timestamp', type: 'uint256' },
  ],
} as const

const DOMAIN_TYPE = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
] as const

/** Ready for `eth_signTypedData_v4`. */
export function loginTypedData(domain: LoginDomain, wallet: string, nonce: number, timestamp: number) {
  return {
    domain,
    types: { EIP712Domain: DOMAIN_TYPE, ...LOGIN_TYPES },
    primaryType: 'Login' as const,
    message: { wallet, nonce, timestamp },
  }
}

/** The digest of that typed data. */
export function loginHash(domain: LoginDomain, wallet: string, nonce: number, timestamp: number): Uint8Array {
  const separator = struct(
    typeText('EIP712Domain', DOMAIN_TYPE),
    keccak_256(utf8ToBytes(domain.name)),
    keccak_256(utf8ToBytes(domain.version)),
    word(BigInt(domain.chainId)),
    word(BigInt(domain.verifyingContract)),
  )
  const login = struct(
    typeText('Login', LOGIN_TYPES.Login),
    word(BigInt(wallet)),
    word(BigInt(nonce)),
    word(BigInt(timestamp)),
  )
  return keccak_256(concatBytes(Uint8Array.of(0x19, 0x01), separator, login))
}

/** Did `wallet` sign this login? A signature that recovers to nothing is a no, not an error. */
export function loginSignedBy(
  domain: LoginDomain,
  wallet: string,
  nonce: number,
  timestamp: number,
  signature: string,
): boolean {
  const parsed = parsePersonalSignature(signature)
  return (
    !('problem' in parsed) && recoverSigner(parsed, loginHash(domain, wallet, nonce, timestamp)) === wallet
  )
}

const typeText = (name: string, members: readonly { name: string; type: string }[]) =>
  `${name}(${members.map((member) => `${member.type} ${member.name}`).join()})`
const struct = (type: string, ...words: Uint8Array[]) =>
  keccak_256(concatBytes(keccak_256(utf8ToBytes(type)), ...words))
const word = (value: bigint) => hexToBytes(value.toString(16).padStart(64, '0'))
