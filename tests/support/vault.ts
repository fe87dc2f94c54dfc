import { fileURLToPath } from 'node:url'
import { BaseError, decodeErrorResult, encodeFunctionData, getContractAddress, hashDomain } from 'viem'
import type { Address, Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { startChain, type LocalChain } from '../../scripts/stack/chain.ts'
import { compileContracts, contractNamed } from '../../scripts/stack/compile.ts'
import { tokenAbi, vaultAbi } from '../../scripts/stack/contract-abi.ts'
import { chainClient, succeed, type ChainClient } from '../../scripts/stack/deploy.ts'

export const NATIVE: Address = '0x0000000000000000000000000000000000000000'
export const DOMAIN_NAME = 'ZTDX Spot Vault'

/** What the signer signs, written out here once more: the tests must not share a mistake with the code. */
export const AUTHORIZATION_TYPES = {
  SpotReleaseFunds: [
    { name: 'account', type: 'address' },
    { name: 'token', type: 'address' },
    { name: 'value', type: 'uint256' },
    { name: 'nonce', type: 'uint256' },
    { name: 'deadline', type: 'uint256' },
  ],
} as const
export const DOMAIN_TYPES = [
  { name: 'name', type: 'string' },
  { name: 'version', type: 'string' },
  { name: 'chainId', type: 'uint256' },
  { name: 'verifyingContract', type: 'address' },
] as const

export interface Release {
  account: Address
  token: Address
  value: bigint
  nonce: bigint
  deadline: bigint
}

/** A chain of its own with the vault, and the key the vault trusts. */
export interface VaultStage {
  chain: LocalChain
  client: ChainClient
  signer: PrivateKeyAccount
  owner: PrivateKeyAccount
  /** The n-th funded user. */
  user(n: number): PrivateKeyAccount
}

export async function startStage(): Promise<VaultStage> {
  const signer = privateKeyToAccount(generatePrivateKey())
  const chain = await startChain({ signerAddress: signer.address })
  const client = chainClient(chain.rpcUrl, chain.chainId)
  const user = (n: number): PrivateKeyAccount => {
    const account = chain.accounts[n]
    if (account === undefined) throw new Error(`there is no user ${n}`)
    return privateKeyToAccount(account.privateKey)
  }
  return { chain, client, signer, owner: privateKeyToAccount(chain.owner.privateKey), user }
}

export function domainOf({ chain }: VaultStage, name = DOMAIN_NAME) {
  return { name, version: '1', chainId: chain.chainId, verifyingContract: chain.vault } as const
}

type VaultDomain = { name: string; version: string; chainId: number; verifyingContract: Address }
export function separatorOf(domain: VaultDomain): Hex {
  return hashDomain({
    domain: { ...domain, chainId: BigInt(domain.chainId) },
    types: { EIP712Domain: [...DOMAIN_TYPES] },
  })
}

/** A release of `value` USDT units for the account's current nonce, good for an hour of chain time. */
export async function nextRelease(stage: VaultStage, account: Address, value = 1_500_000n): Promise<Release> {
  const { timestamp } = await stage.client.getBlock()
  const nonce = await nonceOf(stage, account)
  return { account, token: stage.chain.tokens.USDT.address, value, nonce, deadline: timestamp + 3600n }
}

export async function sign(
  stage: VaultStage,
  release: Release,
  by = stage.signer,
  name?: string,
): Promise<Hex> {
  const typed = { types: AUTHORIZATION_TYPES, primaryType: 'SpotReleaseFunds', message: release } as const
  return await by.signTypedData({ ...typed, domain: domainOf(stage, name) })
}

/** Sends the withdrawal as a transaction; a refusal arrives as viem's error with the contract's reason in it. */
export async function withdraw(stage: VaultStage, from: PrivateKeyAccount, release: Release, signature: Hex) {
  const args = [release.token, release.value, release.deadline, signature] as const
  return await send(stage, from, encodeFunctionData({ abi: vaultAbi, functionName: 'withdraw', args }))
}

/**
 * Sends for real, with fixed gas, since an estimate would keep a refused call from reaching the chain: what the chain
 * keeps of a refused call is part of what is tested. A revert is thrown as the name of the contract's error.
 */
export async function send(
  stage: VaultStage,
  from: PrivateKeyAccount,
  data: Hex,
  to = stage.chain.vault,
  value = 0n,
) {
  const { client } = stage
  const hash = await client.sendTransaction({ account: from, to, data, value, gas: 1_000_000n })
  const receipt = await client.waitForTransactionReceipt({ hash })
  if (receipt.status === 'success') return receipt
  // A receipt has no reason: the call is replayed on the state before its block, at its block's own time.
  const { number, timestamp } = await client.getBlock({ blockNumber: receipt.blockNumber })
  const replay = { blockNumber: number - 1n, blockOverrides: { number, time: timestamp } }
  const error: unknown = await client
    .call({ account: from, to, data, value, ...replay })
    .catch((e: unknown) => e)
  throw new Error(revertName(error))
}

function revertName(error: unknown): string {
  const hasData = (e: unknown): boolean => typeof (e as { data?: unknown }).data === 'string'
  const cause = error instanceof BaseError ? error.walk(hasData) : undefined
  if (!cause) throw new Error('refused in its block, but not in the replay', { cause: error })
  return decodeErrorResult({
    abi: [...vaultAbi, ...tokenAbi],
    data: (cause as unknown as { data: Hex }).data,
  }).errorName
}

export async function ownerCalls(stage: VaultStage, data: Hex): Promise<void> {
  await send(stage, stage.owner, data)
}

export async function nonceOf({ client, chain }: VaultStage, account: Address): Promise<bigint> {
  return await client.readContract({
    address: chain.vault,
    abi: vaultAbi,
    functionName: 'releaseNonces',
    args: [account],
  })
}

export async function held({ client }: VaultStage, token: Address, account: Address): Promise<bigint> {
  if (token === NATIVE) return await client.getBalance({ address: account })
  return await client.readContract({
    address: token,
    abi: tokenAbi,
    functionName: 'balanceOf',
    args: [account],
  })
}

/** Deploys one of the tokens that misbehave. */
export async function deployHostile(
  stage: VaultStage,
  name: 'ReentrantToken' | 'FeeToken',
): Promise<Address> {
  const file = fileURLToPath(new URL('./contracts/HostileTokens.sol', import.meta.url))
  const { abi, bytecode } = contractNamed(await compileContracts([file]), name)
  const account = stage.owner
  const nonce = await stage.client.getTransactionCount({ address: account.address })
  await succeed(stage.client, await stage.client.deployContract({ account, abi, bytecode }))
  return getContractAddress({ from: account.address, nonce: BigInt(nonce) })
}
