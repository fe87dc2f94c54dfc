import {
  createTestClient,
  getContractAddress,
  http,
  isAddressEqual,
  parseEther,
  publicActions,
  walletActions,
  type Address,
  type Chain,
  type PrivateKeyAccount,
  type TestClient,
  type PublicActions,
  type HttpTransport,
  type WalletActions,
} from 'viem'
import { toUnits } from '../../functions/_lib/money/amount.ts'
import { contractNamed, type Compiled } from './compile.ts'
import { tokenAbi, vaultAbi } from './contract-abi.ts'

export type ChainClient = TestClient<'anvil', HttpTransport, Chain> &
  PublicActions<HttpTransport, Chain> &
  WalletActions<Chain>

export interface Actors {
  deployer: PrivateKeyAccount
  owner: PrivateKeyAccount
  users: readonly Address[]
}
export interface Deployment {
  vault: Address
  tokens: { DF: Address; USDT: Address }
}

export const TOKEN_DECIMALS = { DF: 18, USDT: 6 } as const
/** Whole tokens that the vault holds of each from the start. */
export const VAULT_RESERVE = '1000000000'
const USER_TOKENS = '1000000'
const USER_ETHER = '10000'

export function chainClient(rpcUrl: string, chainId: number): ChainClient {
  const chain = chainDefinition(rpcUrl, chainId)
  const base = createTestClient({ mode: 'anvil', chain, transport: http(rpcUrl), pollingInterval: 50 })
  return base.extend(publicActions).extend(walletActions)
}

/** CREATE addresses depend on the deployer and its nonce alone, so they are the same on every machine. */
export function deploymentOf(deployer: Address): Deployment {
  const at = (nonce: bigint): Address => getContractAddress({ from: deployer, nonce })
  return { vault: at(0n), tokens: { DF: at(1n), USDT: at(2n) } }
}

/**
 * Deploys vault and tokens on an empty chain and funds everybody.
 * The vault's reserve is minted straight to it, not deposited: it backs what the ledger issues, and belongs to no account.
 */
export async function deployAll(
  client: ChainClient,
  compiled: Compiled,
  actors: Actors,
  signer: Address,
): Promise<void> {
  const { deployer, owner, users } = actors
  const { vault, tokens } = deploymentOf(deployer.address)
  const create = async (name: string, args: readonly unknown[], expected: Address): Promise<void> => {
    await deployOne(client, deployer, compiled, name, args, expected)
  }
  await create('SpotVault', ['ZTDX Spot Vault', '1', signer, owner.address], vault)
  await create('TestToken', ['Local DF', 'DF', TOKEN_DECIMALS.DF], tokens.DF)
  await create('TestToken', ['Local USDT', 'USDT', TOKEN_DECIMALS.USDT], tokens.USDT)
  for (const symbol of ['DF', 'USDT'] as const) {
    const units = (amount: string): bigint => toUnits(amount, TOKEN_DECIMALS[symbol])
    await mint(client, deployer, tokens[symbol], vault, units(VAULT_RESERVE))
    for (const user of users) await mint(client, deployer, tokens[symbol], user, units(USER_TOKENS))
  }
  for (const user of users) await client.setBalance({ address: user, value: parseEther(USER_ETHER) })
}

/** A new KMS key after a restart means a new signer: the owner sets it, as in production. */
export async function ensureSigner(
  client: ChainClient,
  vault: Address,
  owner: PrivateKeyAccount,
  signer: Address,
): Promise<void> {
  const contract = { address: vault, abi: vaultAbi } as const
  const current = await client.readContract({ ...contract, functionName: 'authorizationSigner' })
  if (isAddressEqual(current, signer)) return
  const change = { ...contract, account: owner, functionName: 'setAuthorizationSigner' } as const
  await succeed(client, await client.writeContract({ ...change, args: [signer] }))
}

/** Waits for a transaction, and throws when it was reverted. */
export async function succeed(client: ChainClient, hash: `0x${string}`) {
  const receipt = await client.waitForTransactionReceipt({ hash, pollingInterval: 20 })
  if (receipt.status !== 'success') throw new Error(`transaction ${hash} was reverted`)
  return receipt
}

async function deployOne(
  client: ChainClient,
  deployer: PrivateKeyAccount,
  compiled: Compiled,
  name: string,
  args: readonly unknown[],
  expected: Address,
): Promise<void> {
  const { abi, bytecode } = contractNamed(compiled, name)
  const hash = await client.deployContract({ account: deployer, abi, bytecode, args })
  const { contractAddress } = await succeed(client, hash)
  if (contractAddress && isAddressEqual(contractAddress, expected)) return
  throw new Error(`${name} is at ${contractAddress}, not at ${expected}: the deployer was used before`)
}

async function mint(
  client: ChainClient,
  from: PrivateKeyAccount,
  token: Address,
  to: Address,
  amount: bigint,
): Promise<void> {
  const call = { account: from, address: token, abi: tokenAbi } as const
  await succeed(client, await client.writeContract({ ...call, functionName: 'mint', args: [to, amount] }))
}

function chainDefinition(rpcUrl: string, id: number): Chain {
  const nativeCurrency = { name: 'Ether', symbol: 'ETH', decimals: 18 }
  return { id, name: 'Local chain', nativeCurrency, rpcUrls: { default: { http: [rpcUrl] } } }
}
