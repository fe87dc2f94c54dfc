/** The vault contract as it is configured here: where it is, and what is signed for it. */
import type { Address, Hex } from 'viem'
import { hashTypedData } from 'viem/utils'

export interface VaultDomain {
  name: string
  version: string
  chainId: number
  verifyingContract: Address
}

/** The variables that name the vault. */
export interface VaultNames {
  VAULT_DOMAIN_NAME: string
  VAULT_DOMAIN_VERSION: string
  CHAIN_ID: number
  VAULT_ADDRESS: Address
}

export const vaultDomainOf = (env: VaultNames): VaultDomain => ({
  name: env.VAULT_DOMAIN_NAME,
  version: env.VAULT_DOMAIN_VERSION,
  chainId: env.CHAIN_ID,
  verifyingContract: env.VAULT_ADDRESS,
})

/** Mirrors RELEASE_TYPEHASH of the contract, member by member: another order or name is another hash. */
export const AUTHORIZATION_TYPES = {
  SpotReleaseFunds: [
    { name: 'account', type: 'address' },
    { name: 'token', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const

/** What the vault lets `account` take. */
export interface Authorization {
  account: string
  /** Contract of the token; the zero address is the native coin. */
  contract: string
  /** Whole number text in the token's smallest unit. */
  amount_in_wei: string
  nonce: number
  /** Unix seconds; the second itself is still good. */
  deadline: number
}

/** The 32 bytes the signer signs: EIP-712 over the domain and what is authorized. */
export function authorizationDigest(domain: VaultDomain, authorized: Authorization): Hex {
  return hashTypedData({
    domain,
    types: AUTHORIZATION_TYPES,
    primaryType: 'SpotReleaseFunds',
    message: {
      account: authorized.account as Address,
      token: authorized.contract as Address,
      value: BigInt(authorized.amount_in_wei),
      nonce: BigInt(authorized.nonce),
      deadline: BigInt(authorized.deadline),
    },
  })
}
