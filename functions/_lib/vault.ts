/** The vault contract as the request side of withdrawals knows it: what is signed, and the account's counter. */
import type { Address, Hex } from 'viem'
import { hashTypedData } from 'viem/utils'
import { OwnError } from '../../db/errors.ts'
import { ChainError } from './chain-fault.ts'
import { RPC_TIMEOUT_MS } from './limits.ts'
import { connectNodes, type NodesEnv } from './nodes.ts'
import { readVaultCalls, vaultCalls } from './vault-calls.ts'

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

/** What stands at VAULT_ADDRESS is no vault: no contract, or one that does not answer as a vault does. */
export class NotAVault extends OwnError {
  constructor(code: boolean) {
    super(
      `VAULT_ADDRESS is no vault: ${code ? 'its contract does not answer as one' : 'there is no contract'}`,
    )
    this.name = 'NotAVault'
  }
}

/**
 * The nonce of the account's next release, as the newest block has it: one call, answered within RPC_TIMEOUT_MS in all.
 *
 * @throws NotAVault; ChainError, NodesDisagree without the nodes' addresses, which may carry a key
 */
export async function readReleaseNonce(
  env: NodesEnv & { CHAIN_ID: number; VAULT_ADDRESS: Address },
  account: string,
): Promise<number> {
  // What may be asked one after another shares the time.
  const turns = Math.max(1, env.RPC_URL.length - env.RPC_QUORUM + 1)
  const options = {
    timeoutMs: Math.floor(RPC_TIMEOUT_MS / turns),
    spent: { requests: 0 },
    mayAsk: () => true,
  }
  const data = vaultCalls(env.VAULT_ADDRESS, [['releaseNonces', account]])
  const { code, word } = await connectNodes(env, options).agree('counters', async (node) => {
    const [raw] = await node.ask([{ method: 'eth_call', params: [{ data }, 'latest'] }])
    const answers = readVaultCalls(raw, 1)
    if (answers?.chainId !== BigInt(env.CHAIN_ID)) throw new ChainError('nonsense', 'eth_call')
    return { code: answers.code, word: answers.words[0]?.toString() }
  })
  const nonce = Number(word)
  if (!Number.isSafeInteger(nonce)) throw new NotAVault(code)
  return nonce
}
