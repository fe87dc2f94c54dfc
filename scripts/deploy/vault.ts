/** `npm run deploy -- vault`: looks whether a vault is what deploy.json says it is, or deploys ours. */
import {
  createPublicClient,
  createWalletClient,
  domainSeparator,
  isAddressEqual,
  type Address,
  type Hex,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import * as z from 'zod/mini'
import { vaultEnv } from '../../functions/_lib/env.ts'
import { compileContracts, contractNamed } from '../stack/compile.ts'
import { vaultAbi } from '../stack/contract-abi.ts'
import { nodesOf } from './nodes.ts'
import { plainVariables, type ChainSettings } from './values.ts'

/** EIP-712 name and version of the vault, as the withdrawal function reads them. */
function domainOf(settings: ChainSettings): { name: string; version: string } {
  const { VAULT_DOMAIN_NAME, VAULT_DOMAIN_VERSION } = plainVariables(settings)
  return {
    name: z.parse(vaultEnv.VAULT_DOMAIN_NAME, VAULT_DOMAIN_NAME),
    version: z.parse(vaultEnv.VAULT_DOMAIN_VERSION, VAULT_DOMAIN_VERSION),
  }
}

/** One line for each thing that is not as the settings say; none where the vault can be used. */
export async function vaultProblems(settings: ChainSettings, rpcUrl: string): Promise<string[]> {
  const client = createPublicClient({ transport: nodesOf(rpcUrl) })
  const { chain, signer } = settings
  const address = chain.vault as Address
  const chainId = await client.getChainId()
  if (chainId !== chain.id) return [`the node is of chain ${chainId}, chain.id is ${chain.id}`]
  const code = await client.getCode({ address })
  if (code === undefined) return [`there is no contract at chain.vault ${address}`]
  const contract = { address, abi: vaultAbi } as const
  const read = async <T>(ask: Promise<T>, what: string): Promise<T | string> =>
    await ask.catch(() => `the contract at chain.vault does not answer ${what}: it is no vault`)
  const signerNow = await read(
    client.readContract({ ...contract, functionName: 'authorizationSigner' }),
    'authorizationSigner()',
  )
  const separator = await read(
    client.readContract({ ...contract, functionName: 'domainSeparator' }),
    'domainSeparator()',
  )
  const paused = await read(client.readContract({ ...contract, functionName: 'paused' }), 'paused()')
  const { name, version } = domainOf(settings)
  const domain = { name, version, chainId, verifyingContract: address }
  const expected = domainSeparator({ domain })
  return [
    ...(!signerNow.startsWith('0x')
      ? [signerNow]
      : isAddressEqual(signerNow as Address, signer.address as Address)
        ? []
        : [`the vault's signer is ${signerNow}, signer.address is ${signer.address}`]),
    ...(!separator.startsWith('0x')
      ? [separator]
      : separator === expected
        ? []
        : [
            `the vault's domain is not "${name}", version "${version}": set VAULT_DOMAIN_NAME and VAULT_DOMAIN_VERSION`,
          ]),
    ...(paused === false ? [] : [paused === true ? 'the vault is paused' : paused]),
  ]
}

export interface NewVault {
  address: Address
  block: bigint
  hash: Hex
}

/** The constructor's arguments, by name, for a person to look at before anything is sent. */
export function vaultArguments(settings: ChainSettings, owner: Address) {
  const { name, version } = domainOf(settings)
  return { name, version, signer: settings.signer.address as Address, owner }
}

/** @throws Error where the chain is another one, or the transaction was reverted */
export async function deployVault(
  settings: ChainSettings,
  rpcUrl: string,
  deployerKey: Hex,
  owner: Address,
): Promise<NewVault> {
  const account = privateKeyToAccount(deployerKey)
  const reader = createPublicClient({ transport: nodesOf(rpcUrl, 'first') })
  const chainId = await reader.getChainId()
  if (chainId !== settings.chain.id)
    throw new Error(`the node is of chain ${chainId}, chain.id is ${settings.chain.id}: nothing was sent`)
  const { abi, bytecode } = contractNamed(await compileContracts(), 'SpotVault')
  const { name, version, signer } = vaultArguments(settings, owner)
  const wallet = createWalletClient({ account, transport: nodesOf(rpcUrl, 'first') })
  const hash = await wallet.deployContract({
    abi,
    bytecode,
    args: [name, version, signer, owner],
    chain: null,
  })
  const { status, contractAddress, blockNumber } = await reader.waitForTransactionReceipt({ hash })
  if (status !== 'success' || !contractAddress) throw new Error(`transaction ${hash} was reverted`)
  return { address: contractAddress, block: blockNumber, hash }
}
