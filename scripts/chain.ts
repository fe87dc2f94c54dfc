/** `npm run chain`: the local chain, as a person plays with it. */
import './stack/forget-shell.ts'
import { existsSync, readFileSync } from 'node:fs'
import { getAddress } from 'viem'
import { fromUnits } from '../functions/_lib/money/amount.ts'
import { tokenAbi, vaultAbi } from './stack/contract-abi.ts'
import { deposit, NATIVE, type ChainStack, type Token } from './stack/chain-deposit.ts'
import { moveClock, secondsTooLate, withdrawTtl } from './stack/chain-clock.ts'
import { argumentsOf, checkWords, command, notAnswering, UsageError } from './stack/command.ts'
import { chainClient, type ChainClient } from './stack/deploy.ts'
import { readFunctionsEnv } from './stack/manifest.ts'

const USAGE = `usage: npm run chain -- <command>
  status                              head, finalized block, chain time, vault balances
  mine <blocks>                       mines empty blocks, which makes earlier ones final
  time +<seconds>                     moves the chain's clock on and mines one block
  deposit <account> <token> <amount>  account: number of a dev account, or any address; token: a symbol, or ETH`

const MANIFEST = new URL('../.local/dev.json', import.meta.url)
const NOT_RUNNING = 'The local stack is not running; start it with `npm run dev`.'
const MAX_BLOCKS = 10_000
const MAX_SECONDS = 10 * 365 * 86_400

interface Manifest {
  baseUrl: string
  rpcUrl: string
  chainId: number
  vault: string
  tokens: Record<string, string | { address: string; decimals: number }>
  accounts: { address: string }[]
}

async function main(): Promise<void> {
  const [name = '', ...rest] = argumentsOf({ usage: USAGE, words: [1, Infinity] }).words
  const run = COMMANDS.get(name)
  if (run === undefined)
    throw new UsageError(`${name}: no such command; there are ${[...COMMANDS.keys()].join(', ')}\n${USAGE}`)
  checkWords(name, run.words, rest, USAGE)
  await run.go(await connect(), rest)
}

const COMMANDS = new Map<
  string,
  { words: string[]; go: (stack: ChainStack, args: string[]) => Promise<void> }
>([
  ['status', { words: [], go: status }],
  ['mine', { words: ['<blocks>'], go: mine }],
  ['time', { words: ['+<seconds>'], go: time }],
  ['deposit', { words: ['<account>', '<token>', '<amount>'], go: deposit }],
])

async function status({ client, vault, tokens }: ChainStack): Promise<void> {
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

async function mine({ client }: ChainStack, [text = '']: string[]): Promise<void> {
  const blocks = wholeNumber(text, 'blocks', MAX_BLOCKS)
  await client.mine({ blocks })
  await report(client)
}

async function time({ client }: ChainStack, [text = '']: string[]): Promise<void> {
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

async function report(client: ChainClient): Promise<void> {
  const [head, finalized] = await Promise.all([client.getBlock(), client.getBlock({ blockTag: 'finalized' })])
  console.log(`head ${head.number}, finalized ${finalized.number}, time ${at(head.timestamp)}`)
}

async function connect(): Promise<ChainStack> {
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
  const { baseUrl } = manifest
  return { client, baseUrl, chainId, vault: getAddress(manifest.vault), tokens, accounts }
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
