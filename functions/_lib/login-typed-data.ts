/** What an EVM account signs to log in (EIP-712). */
import { recoverTypedDataAddress } from 'viem/utils'

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

/** Did `wallet` sign this login? A signature that recovers to nothing is a no, not an error. */
export async function loginSignedBy(
  domain: LoginDomain,
  wallet: string,
  nonce: number,
  timestamp: number,
  signature: `0x${string}`,
): Promise<boolean> {
  try {
    const signer = await recoverTypedDataAddress({
      domain,
      types: LOGIN_TYPES,
      primaryType: 'Login',
      message: { wallet: wallet as `0x${string}`, nonce: BigInt(nonce), timestamp: BigInt(timestamp) },
      signature,
    })
    return signer.toLowerCase() === wallet
  } catch {
    return false
  }
}
