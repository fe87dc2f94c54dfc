import './stack/forget-shell.ts'
import { existsSync, readFileSync } from 'node:fs'
import { getAddress, isAddress, parseEther, type Address, type Hash } from 'viem'
import { amountFault, fromUnits, toUnits } from '../functions/_lib/amount.ts'
import { tokenAbi, vaultAbi } from './stack/contract-abi.ts'
import { moveClock, secondsTooLate, withdrawTtl } from './stack/chain-clock.ts'
import { argumentsOf, command, notAnswering, UsageError } from './stack/command.ts'
import { chainClient, succeed, type ChainClient } from './stack/deploy.ts'
import { readFunctionsEnv } from './stack/manifest.ts'

const USAGE = `usage: npm run chain -- <command>
  status                              head, finalized block, chain time, vault balances
  mine <blocks>                       mines empty blocks, which makes earlier ones final
  time +<seconds>                     moves the chain's clock on and mines one block
  deposit <account> <token> <amount>  account: number of a dev account, or any address; token: a symbol, or ETH`

const MANIFEST = new URL('../.local/dev.json', import.meta.url)
const NATIVE: Address = '0x0000000000000000000000000000000000000000'
const NOT_RUNNING = 'The local stack is not running; start it with `npm run dev`.'
const WORDS_MAX = 4
const MAX_BLOCKS = 10_000
const MAX_SECONDS = 10 * 365 * 86_400

interface Token {
  address: Address
  decimals: number
}
interface Stack {
  client: ChainClient
  vault: Address
  tokens: Map<string, Token>
  accounts: Address[]
}
interface Manifest {
  rpcUrl: string
  chainId: number
  vault: string
  tokens: Record<string, string | { address: string; decimals: number }>
  accounts: { address: string }[]
}

async function main(): Promise<void> {
  // Moving the clock back is no option of it, and what begins with a minus is one to the parser.
  const [name = '', ...rest] = argumentsOf({ usage: USAGE, words: [1, WORDS_MAX] }).words
  const run = COMMANDS.get(name)
  if (run === undefined || rest.length !== run.arguments) throw new UsageError(USAGE)
  await run.go(await connect(), rest)
}

const COMMANDS = new Map<string, { arguments: number; go: (stack: Stack, args: string[]) => Promise<void> }>([
  ['status', { arguments: 0, go: status }],
  ['mine', { arguments: 1, go: mine }],
  ['time', { arguments: 1, go: time }],
  ['deposit', { arguments: 3, go: deposit }],
])

async function status({ client, vault, tokens }: Stack): Promise<void> {
  const [head, finalized] = await Promise.all([client.getBlock(), client.getBlock({ blockTag: 'finalized' })])
  const ahead = Number(head.timestamp) - Math.floor(Date.now() / 1000)
  console.log(`head       ${head.number}`)
  console.log(`finalized  ${finalized.number}`)
  console.log(`time       ${at(head.timestamp)} (${ahead >= 0 ? '+' : ''}${ahead} s from the wall clock)`)
  console.log(`vault      ${vault}`)
  for (const [symbol, token] of tokens) {
    const call = {
      address: vault,
      abi: vaultAbi,
      functionName: 'vaultTokenBalance',
      args: [token.address],
    } as const
    console.log(`  ${symbol.padEnd(8)} ${fromUnits(await client.readContract(call), token.decimals)}`)
  }
}

async function mine({ client }: Stack, [text = '']: string[]): Promise<void> {
  const blocks = wholeNumber(text, 'blocks', MAX_BLOCKS)
  await client.mine({ blocks })
  await report(client)
}

async function time({ client }: Stack, [text = '']: string[]): Promise<void> {
  if (!text.startsWith('+'))
    throw new UsageError('time: give the seconds to move on with a plus, such as +3600')
  await moveClock(client, wholeNumber(text.slice(1), 'seconds', MAX_SECONDS))
  await report(client)
  await warnOfLate(client)
}

/** A jump of the clock is past the deadlines that requests of now get, until the world has caught up with it. */
async function warnOfLate(client: ChainClient): Promise<void> {
  const late = secondsTooLate((await client.getBlock()).timestamp, withdrawTtl(readFunctionsEnv()))
  if (late < 0) return
  console.log(
    `The vault pays no withdrawal that is requested now: the chain's clock is ${late} s past its deadline. ` +
      'Withdrawals can be paid again when this machine has caught up, or at once after `npm run dev -- --reset`.',
  )
}

/** Tokens are minted and ether is set as needed, so any address can deposit; the deposit itself is a real one. */
async function deposit(stack: Stack, [who = '', symbol = '', text = '']: string[]): Promise<void> {
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
    await confirm(client, hash, symbol, text, account)
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
  await confirm(client, hash, symbol, text, account)
}

async function topUpEther(client: ChainClient, account: Address, spend: bigint): Promise<void> {
  const wanted = spend + parseEther('1')
  const held = await client.getBalance({ address: account })
  if (held < wanted) await client.setBalance({ address: account, value: wanted })
}

async function confirm(
  client: ChainClient,
  hash: Hash,
  symbol: string,
  amount: string,
  account: Address,
): Promise<void> {
  const { blockNumber } = await succeed(client, hash)
  console.log(`deposited ${amount} ${symbol} for ${account} in block ${blockNumber}: ${hash}`)
  console.log('It is credited once the block is final: npm run chain -- mine 2')
}

async function report(client: ChainClient): Promise<void> {
  const [head, finalized] = await Promise.all([client.getBlock(), client.getBlock({ blockTag: 'finalized' })])
  console.log(`head ${head.number}, finalized ${finalized.number}, time ${at(head.timestamp)}`)
}

async function connect(): Promise<Stack> {
  if (!existsSync(MANIFEST)) throw new Error(NOT_RUNNING)
  const manifest = JSON.parse(readFileSync(MANIFEST, 'utf8')) as Manifest
  const client = chainClient(manifest.rpcUrl, manifest.chainId)
  const chainId = await client.getChainId().catch(() => undefined)
  if (chainId === undefined) throw notAnswering('chain')
  if (chainId !== manifest.chainId) {
    throw new Error(
      `${manifest.rpcUrl} is chain ${chainId}, not ${manifest.chainId}: restart the local stack`,
    )
  }
  const tokens = new Map<string, Token>()
  for (const [symbol, token] of Object.entries(manifest.tokens))
    tokens.set(symbol, await readToken(client, token))
  tokens.set('ETH', { address: NATIVE, decimals: 18 })
  const accounts = manifest.accounts.map(({ address }) => getAddress(address))
  return { client, vault: getAddress(manifest.vault), tokens, accounts }
}

async function readToken(
  client: ChainClient,
  token: string | { address: string; decimals: number },
): Promise<Token> {
  if (typeof token !== 'string') return { address: getAddress(token.address), decimals: token.decimals }
  const address = getAddress(token)
  return {
    address,
    decimals: await client.readContract({ address, abi: tokenAbi, functionName: 'decimals' }),
  }
}

function accountOf({ accounts }: Stack, who: string): Address {
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

function tokenOf({ tokens }: Stack, symbol: string): Token {
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

function wholeNumber(text: string, what: string, max: number): number {
  if (!/^[1-9]\d{0,9}$/.test(text) || Number(text) > max) {
    throw new UsageError(`${what}: ${text} is not a whole number from 1 to ${max}`)
  }
  return Number(text)
}

function at(timestamp: bigint): string {
  return `${new Date(Number(timestamp) * 1000).toISOString()} (${timestamp})`
}

await command(async () => {
  await main().catch((error: Error & { shortMessage?: string }) => {
    throw error.shortMessage === undefined ? error : new Error(error.shortMessage)
  })
})
