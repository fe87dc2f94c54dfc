/** The vault contract as the request side of withdrawals knows it: what is signed, and the account's counter. */
import { createClient, http, type Address, type Hex } from 'viem'
import { decodeFunctionResult, encodeFunctionData, hashTypedData } from 'viem/utils'
import { OwnError } from '../../db/errors.ts'
import { RPC_TIMEOUT_MS } from './limits.ts'

export interface VaultDomain {
  name: string
  version: string
  chainId: number
  verifyingContract: Address
}

/** From the variables that name the vault. */
export const vaultDomainOf = (env: {
  VAULT_DOMAIN_NAME: string
  VAULT_DOMAIN_VERSION: string
  CHAIN_ID: number
  VAULT_ADDRESS: Address
}): VaultDomain => ({
  name: env.VAULT_DOMAIN_NAME,
  version: env.VAULT_DOMAIN_VERSION,
  chainId: env.CHAIN_ID,
  verifyingContract: env.VAULT_ADDRESS,
})

/** Mirrors RELEASE_TYPEHASH of the contract, member by member: another order or name is another hash. */
export const RELEASE_TYPES = {
  SpotReleaseFunds: [
    { name: 'account', type: 'address' },
    { name: 'token', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const

const RELEASE_NONCES_ABI = [
  {
    type: 'function',
    name: 'releaseNonces',
    stateMutability: 'view',
    inputs: [{ name: 'account', type: 'address' }],
    outputs: [{ name: 'nonce', type: 'uint256' }],
  },
] as const

/** What the vault lets `account` take. */
export interface Release {
  account: string
  /** Contract of the token; the zero address is the native coin. */
  contract: string
  /** Whole number text in the token's smallest unit. */
  amount_in_wei: string
  nonce: number
  /** Unix seconds; the second itself is still good. */
  deadline: number
}

/** The 32 bytes the signer signs: EIP-712 over the domain and the release. */
export function releaseDigest(domain: VaultDomain, release: Release): Hex {
  return hashTypedData({
    domain,
    types: RELEASE_TYPES,
    primaryType: 'SpotReleaseFunds',
    message: {
      account: release.account as Address,
      token: release.contract as Address,
      value: BigInt(release.amount_in_wei),
      nonce: BigInt(release.nonce),
      deadline: BigInt(release.deadline),
    },
  })
}

/**
 * The nonce of the account's next release, as the newest block has it.
 *
 * @throws Error without the node's address, which may carry a key, when the node does not answer or has no such vault.
 */
export async function readReleaseNonce(rpcUrl: string, vault: Address, account: string): Promise<number> {
  const client = createClient({ transport: http(rpcUrl, { timeout: RPC_TIMEOUT_MS, retryCount: 0 }) })
  // One raw call: viem's `readContract` would bring 12 KB of code for reads this function never makes.
  const data = encodeFunctionData({ abi: RELEASE_NONCES_ABI, args: [account as Address] })
  try {
    const result = await client.request({ method: 'eth_call', params: [{ to: vault, data }, 'latest'] })
    const nonce = decodeFunctionResult({ abi: RELEASE_NONCES_ABI, data: result })
    if (nonce > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('beyond any real vault')
    return Number(nonce)
  } catch (error) {
    throw new OwnError(`releaseNonces could not be read: ${error instanceof Error ? error.name : 'unknown'}`)
  }
}
