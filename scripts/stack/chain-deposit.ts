/** `npm run chain -- deposit …`: what somebody who holds coins does to have them credited. */
import { getAddress, isAddress, parseEther, type Address, type Hash } from 'viem'
import { amountFault, toUnits } from '../../functions/_lib/money/amount.ts'
import { UsageError } from './command.ts'
import { tokenAbi, vaultAbi } from './contract-abi.ts'
import { succeed, type ChainClient } from './deploy.ts'

export const NATIVE: Address = '0x0000000000000000000000000000000000000000'

export interface Token {
  address: Address
  decimals: number
}
/** The local stack as these commands reach it. */
export interface ChainStack {
  client: ChainClient
  baseUrl: string
  chainId: number
  vault: Address
  tokens: Map<string, Token>
  accounts: Address[]
}
/** Tokens are minted and ether is set as needed, so any address can deposit; the deposit itself is a real one. */
export async function deposit(
  stack: ChainStack,
  [who = '', symbol = '', text = '']: string[],
): Promise<void> {
  const { client, vault } = stack
  const account = accountOf(stack, who)
  const token = tokenOf(stack, symbol)
  const amount = exactUnits(text, token.decimals)
  await client.impersonateAccount({ address: account })
  const from = { account, chain: client.chain } as const
  const isNative = token.address === NATIVE
  await topUpEther(client, account, isNative ? amount : 0n)
  const call = { ...from, address: vault, abi: vaultAbi } as const
  if (isNative) {
    const hash = await client.writeContract({ ...call, functionName: 'depositNative', value: amount })
    await confirm(stack, hash, symbol, text, account)
    return
  }
  const erc20 = { ...from, address: token.address, abi: tokenAbi } as const
  const held = await client.readContract({ ...erc20, functionName: 'balanceOf', args: [account] })
  if (held < amount) {
    await succeed(
      client,
      await client.writeContract({ ...erc20, functionName: 'mint', args: [account, amount - held] }),
    )
  }
  await succeed(
    client,
    await client.writeContract({ ...erc20, functionName: 'approve', args: [vault, amount] }),
  )
  const hash = await client.writeContract({ ...call, functionName: 'deposit', args: [token.address, amount] })
  await confirm(stack, hash, symbol, text, account)
}

async function topUpEther(client: ChainClient, account: Address, spend: bigint): Promise<void> {
  const wanted = spend + parseEther('1')
  const held = await client.getBalance({ address: account })
  if (held < wanted) await client.setBalance({ address: account, value: wanted })
}

async function confirm(
  stack: ChainStack,
  hash: Hash,
  symbol: string,
  amount: string,
  account: Address,
): Promise<void> {
  const { blockNumber } = await succeed(stack.client, hash)
  console.log(`deposited ${amount} ${symbol} for ${account} in block ${blockNumber}: ${hash}`)
  console.log(whatFollows(symbol, await isListed(stack, symbol)))
}

function whatFollows(symbol: string, listed: boolean | undefined): string {
  const final = 'once the block is final (npm run chain -- mine 2) and settle has run (npm run settle)'
  if (listed) return `It is credited ${final}.`
  return listed === undefined
    ? `It is credited ${final}, if ${symbol} is listed: the functions do not answer which tokens are.`
    : `It is not credited: this ledger does not list ${symbol}. It is recorded ${final}, and npm run alerts shows it.`
}

/** Does the ledger credit this token? Undefined where the functions do not answer. */
async function isListed(
  { baseUrl, chainId, tokens }: ChainStack,
  symbol: string,
): Promise<boolean | undefined> {
  const answer = await fetch(`${baseUrl}/wallet/tokens`).catch(() => undefined)
  if (!answer?.ok) return undefined
  const { data } = (await answer.json()) as { data: { chainId: number | null; contract: string | null }[] }
  const contract = tokens.get(symbol)?.address.toLowerCase()
  return data.some((token) => token.chainId === chainId && token.contract === contract)
}

function accountOf({ accounts }: ChainStack, who: string): Address {
  if (/^\d{1,4}$/.test(who)) {
    const account = accounts[Number(who)]
    if (account === undefined)
      throw new UsageError(`account: there are dev accounts 0 to ${accounts.length - 1}`)
    return account
  }
  if (!isAddress(who))
    throw new UsageError(`account: ${who} is neither a number nor an address with a right checksum`)
  return getAddress(who)
}

function tokenOf({ tokens }: ChainStack, symbol: string): Token {
  const token = tokens.get(symbol)
  if (token === undefined)
    throw new UsageError(`token: ${symbol} is not one of ${[...tokens.keys()].join(', ')}`)
  return token
}

function exactUnits(text: string, decimals: number): bigint {
  const fault = amountFault(text, decimals)
  if (fault === 'INVALID_AMOUNT')
    throw new UsageError(`amount: ${text} is not an amount with at most ${decimals} decimals`)
  if (fault === 'AMOUNT_NON_POSITIVE') throw new UsageError('amount: must be more than zero')
  return toUnits(text, decimals)
}
