/** `npm run deploy -- vault`: ours on a real chain, and what is found where the settings say something else. */
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { parseEther, type Address } from 'viem'
import { beforeAll, expect, inject, test } from 'vitest'
import { withoutAddresses } from '../scripts/deploy/nodes.ts'
import type { ChainSettings } from '../scripts/deploy/values.ts'
import { deployVault, vaultProblems } from '../scripts/deploy/vault.ts'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient, succeed } from '../scripts/stack/deploy.ts'

const { rpcUrl, chainId } = inject('stack')
const chain = chainClient(rpcUrl, chainId)
const deployerKey = generatePrivateKey()
const owner = privateKeyToAccount(generatePrivateKey())
const signer = privateKeyToAccount(generatePrivateKey()).address

const settingsOf = (vault: Address, change: Partial<ChainSettings> = {}): ChainSettings => ({
  chain: { id: chainId, vault, vaultDeployBlock: 0 },
  signer: { region: 'eu-central-1', keyId: 'alias/x', address: signer },
  variables: { VAULT_DOMAIN_NAME: 'Tide Vault', VAULT_DOMAIN_VERSION: '2' },
  ...change,
})

let vault: Address
beforeAll(async () => {
  for (const { address } of [privateKeyToAccount(deployerKey), owner])
    await chain.setBalance({ address, value: parseEther('1') })
  const made = await deployVault(settingsOf(signer), rpcUrl, deployerKey, owner.address)
  vault = made.address
  expect(made.block).toBe((await chain.getTransactionReceipt({ hash: made.hash })).blockNumber)
})

test('deploys ours with the signer, the domain and the owner that were said', async () => {
  expect(await vaultProblems(settingsOf(vault), rpcUrl)).toEqual([])
  const contract = { address: vault, abi: vaultAbi } as const
  expect(await chain.readContract({ ...contract, functionName: 'owner' })).toBe(owner.address)
})

test('says which of signer and domain is another', async () => {
  const address = owner.address
  const other = { signer: { region: 'x', keyId: 'x', address }, variables: {} }
  expect(await vaultProblems(settingsOf(vault, other), rpcUrl)).toEqual([
    `the vault's signer is ${signer}, signer.address is ${address}`,
    expect.stringContaining('domain is not "ZTDX Spot Vault", version "1"'),
  ])
})

test('finds no vault where there is no contract, or one of another kind', async () => {
  expect(await vaultProblems(settingsOf(signer), rpcUrl)).toEqual([
    `there is no contract at chain.vault ${signer}`,
  ])
  const { USDT } = inject('stack').tokens
  const found = await vaultProblems(settingsOf(USDT?.address as Address), rpcUrl)
  expect(found).toHaveLength(3)
  for (const line of found) expect(line).toContain('it is no vault')
})

test('says so when the vault is paused', async () => {
  const pause = { address: vault, abi: vaultAbi, functionName: 'pause' } as const
  await succeed(chain, await chain.writeContract({ ...pause, account: owner }))
  expect(await vaultProblems(settingsOf(vault), rpcUrl)).toEqual(['the vault is paused'])
})

test('asks the next node where one does not answer, and no message has the address of any', async () => {
  const dead = 'http://127.0.0.1:1/geheim'
  expect(await vaultProblems(settingsOf(vault), `${dead}, ${rpcUrl}`)).toEqual(['the vault is paused'])
  const failed = withoutAddresses(vaultProblems(settingsOf(vault), dead))
  await expect(failed).rejects.toThrow(/^the node of RPC_URL: (?!.*geheim)/)
})

test('sends nothing to a node of another chain', async () => {
  const other = settingsOf(vault, { chain: { id: 97, vault, vaultDeployBlock: 0 } })
  const { address } = privateKeyToAccount(deployerKey)
  const before = await chain.getTransactionCount({ address })
  await expect(deployVault(other, rpcUrl, deployerKey, owner.address)).rejects.toThrow('nothing was sent')
  expect(await chain.getTransactionCount({ address })).toBe(before)
  expect(await vaultProblems(other, rpcUrl)).toEqual([`the node is of chain ${chainId}, chain.id is 97`])
})
