/**
 * Takes coins out, from the sign-in to `confirmed`, and deposits them first where the balance is too small. Without options it
 * is the first account of the local stack:
 *
 *     npm run dev                                # in another terminal
 *     npx tsx scripts/examples/withdraw.ts [--origin <url> --key <private key> --rpc <node>] [<amount> [<token>]]
 */
import { randomUUID } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import {
  createTestClient,
  formatUnits,
  http,
  parseAbi,
  parseUnits,
  publicActions,
  walletActions,
  type Address,
  type Hash,
  type Hex,
  type TypedDataDefinition,
} from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { createClient, repeated, type Operations } from './client.ts'

const vaultAbi = parseAbi([
  'function deposit(address token, uint256 amount)',
  'function withdraw(address token, uint256 amount, uint256 deadline, bytes signature)',
  'function releaseNonces(address account) view returns (uint256)',
])
const tokenAbi = parseAbi([
  'function balanceOf(address) view returns (uint256)',
  'function approve(address spender, uint256 amount) returns (bool)',
])
/** The local chain makes a block when there is something in it; two more make it final. */
const LOCAL_CHAIN = 31337
const WAIT_MS_MAX = 30 * 60_000
const LOOK_EVERY_MS = 1_000

type Given = Record<'origin' | 'rpc' | 'amount' | 'symbol', string> & { key: Hex }
type Token = Operations['GET /api/v1/wallet/tokens']['answer']['data'][number]
type Session = Awaited<ReturnType<typeof signIn>>

async function run({ origin, key, rpc, amount, symbol }: Given): Promise<void> {
  const me = await signIn(origin, key, rpc)
  console.log(`signed in as ${me.account}`)
  const token = tokenNamed(me, symbol)
  if (parseUnits(amount, token.decimals) < parseUnits(token.min_withdraw, token.decimals))
    throw new Error(`at least ${token.min_withdraw} ${symbol} can be withdrawn`)
  const { balances } = await me.call('GET /api/v1/spot/balances', { query: {} })
  const available = balances.find((balance) => balance.token === symbol)?.available ?? '0'
  const missing = parseUnits(amount, token.decimals) - parseUnits(available, token.decimals)
  if (missing > 0n) await deposit(me, token, missing)

  // The key makes a repeat safe: where no answer comes, the same call again gets the same signature.
  const body = { token: symbol, amount }
  const idempotencyKey = randomUUID()
  const { id, nonce } = await repeated(
    async () => await me.call('POST /api/v1/spot/withdraw/request', { body, idempotencyKey }),
  )
  console.log(`asked for ${amount} ${symbol}: withdrawal ${id} with nonce ${nonce}`)
  await useSignatures(me, nonce)
  const done = await until('the payment to be final', async () => {
    const item = await me.call('GET /api/v1/spot/withdrawals/{id}', { params: { id } })
    return item.status === 'signed' ? undefined : item
  })
  console.log(`${done.status} by ${done.tx_hash} in block ${done.block_number}`)
}

async function signIn(origin: string, key: Hex, rpc: string) {
  const wallet = privateKeyToAccount(key)
  const guest = createClient(origin)
  const { typed_data } = await guest.call('GET /api/v1/auth/nonce/{address}', {
    params: { address: wallet.address },
  })
  const toSign = typed_data as unknown as TypedDataDefinition & { message: { timestamp: number } }
  const signature = await wallet.signTypedData(toSign)
  const { timestamp } = toSign.message
  const { token } = await guest.call('POST /api/v1/auth/login', {
    body: { address: wallet.address, signature, timestamp },
  })
  const chain = createTestClient({ mode: 'anvil', account: wallet, transport: http(rpc) })
    .extend(publicActions)
    .extend(walletActions)
  const { chainId, verifyingContract: vault } = toSign.domain as {
    chainId: number
    verifyingContract: Address
  }
  const answered = await chain.getChainId()
  if (answered !== chainId) throw new Error(`${rpc} is on chain ${answered}, and the vault on ${chainId}`)
  const { data } = await guest.call('GET /api/v1/wallet/tokens', {})
  const tokens = data.filter((one) => one.withdrawable && one.chainId === chainId)
  return { ...createClient(origin, { token }), account: wallet.address, chain, chainId, vault, tokens }
}

function tokenNamed({ tokens }: Session, symbol: string): Token & { contract: Address } {
  const token = tokens.find((one) => one.symbol === symbol)
  if (token) return { ...token, contract: token.contract as Address }
  throw new Error(
    `${symbol} cannot be withdrawn here; there is ${tokens.map((one) => one.symbol).join(', ')}`,
  )
}

async function deposit(me: Session, token: Token & { contract: Address }, units: bigint): Promise<void> {
  const { chain, vault, account } = me
  const contract = { address: token.contract, abi: tokenAbi } as const
  const held = await chain.readContract({ ...contract, functionName: 'balanceOf', args: [account] })
  const text = (value: bigint) => `${formatUnits(value, token.decimals)} ${token.symbol}`
  if (held < units)
    throw new Error(`${text(units)} would have to be deposited, and the wallet holds ${text(held)}`)
  const approve = { ...contract, chain: null, functionName: 'approve', args: [vault, units] } as const
  await mined(me, await chain.writeContract(approve))
  const args = [token.contract, units] as const
  const call = { address: vault, abi: vaultAbi, chain: null, functionName: 'deposit', args } as const
  const hash = await chain.writeContract(call)
  await mined(me, hash)
  console.log(`deposited ${text(units)}: ${hash}`)
  await until('the deposit to be final and credited', async () => {
    const deposits = await me.call('GET /api/v1/spot/deposits', { query: {} })
    return deposits.find((one) => one.tx_hash === hash)
  })
}

/** The vault takes an account's signatures in the order of their nonces: those that wait before ours go first. */
async function useSignatures(me: Session, last: number): Promise<void> {
  const { chain, vault, account, tokens } = me
  const contract = { address: vault, abi: vaultAbi } as const
  const next = await chain.readContract({ ...contract, functionName: 'releaseNonces', args: [account] })
  const signed = await me.call('GET /api/v1/spot/withdrawals', { query: { status: 'signed', limit: 200 } })
  const due = signed.filter(({ nonce }) => nonce >= next && nonce <= last).sort((a, b) => a.nonce - b.nonce)
  for (const { token, amount, nonce, amount_in_wei, deadline, signature } of due) {
    const address = tokens.find((one) => one.symbol === token)?.contract as Address
    const args = [address, BigInt(amount_in_wei), BigInt(deadline), signature as Hex] as const
    const hash = await chain.writeContract({ ...contract, chain: null, functionName: 'withdraw', args })
    await mined(me, hash)
    console.log(`the vault paid ${amount} ${token} for nonce ${nonce}: ${hash}`)
  }
}

async function mined({ chain, chainId }: Session, hash: Hash): Promise<void> {
  const { status } = await chain.waitForTransactionReceipt({ hash })
  if (status !== 'success') throw new Error(`transaction ${hash} was reverted`)
  if (chainId === LOCAL_CHAIN) await chain.mine({ blocks: 2 })
}

async function until<T>(what: string, look: () => Promise<T | undefined>): Promise<T> {
  console.log(`waiting for ${what} …`)
  for (const end = Date.now() + WAIT_MS_MAX; Date.now() < end; await pause(LOOK_EVERY_MS)) {
    const found = await look()
    if (found !== undefined) return found
  }
  throw new Error(`gave up waiting for ${what}`)
}

const USAGE =
  'usage: npx tsx scripts/examples/withdraw.ts [--origin <url> --key <private key> --rpc <node>] [<amount> [<token>]]'

function fail(message: string, code: number): never {
  console.error(message)
  process.exit(code)
}

function given(): Given {
  const text = { type: 'string' } as const
  const { values, positionals } = (() => {
    try {
      return parseArgs({ options: { origin: text, key: text, rpc: text }, allowPositionals: true })
    } catch {
      return fail(USAGE, 2)
    }
  })()
  const [amount = '5', symbol = 'DF', ...more] = positionals
  const named = Object.keys(values).length
  if (more.length > 0 || ![0, 3].includes(named) || !/^\d{1,20}(\.\d{1,18})?$/.test(amount)) fail(USAGE, 2)
  const { origin = '', key = '', rpc = '' } = named === 0 ? ofLocalStack() : values
  if (!URL.canParse(origin) || !URL.canParse(rpc) || !/^0x[0-9a-f]{64}$/i.test(key)) fail(USAGE, 2)
  return { origin, key: key as Hex, rpc, amount, symbol }
}

function ofLocalStack() {
  const file = join(import.meta.dirname, '../../.local/dev.json')
  try {
    const stack = JSON.parse(readFileSync(file, 'utf8')) as {
      baseUrl: string
      rpcUrl: string
      accounts: { privateKey: string }[]
    }
    return { origin: new URL(stack.baseUrl).origin, key: stack.accounts[0]?.privateKey, rpc: stack.rpcUrl }
  } catch {
    return fail(`${file} cannot be read; is \`npm run dev\` running?`, 1)
  }
}

const wanted = given()
await run(wanted).catch(({ message, shortMessage }: Error & { shortMessage?: string }) => {
  if (message === 'fetch failed') fail(`${wanted.origin} does not answer; is \`npm run dev\` running?`, 1)
  fail(shortMessage === undefined ? message : `the chain at ${wanted.rpc}: ${shortMessage}`, 1)
})
