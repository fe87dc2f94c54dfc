/**
 * `npm run demo`: against the running local stack, one withdrawal from login to the vault's payment, and one that nobody
 * uses and that comes back.
 */
import './stack/forget-shell.ts'
import { parseAbi, type Address, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { fromUnits } from '../functions/_lib/money/amount.ts'
import { chainClient, succeed, type ChainClient } from './stack/deploy.ts'
import { readFunctionsEnv, readManifest, type Manifest } from './stack/manifest.ts'
import { secondsTooLate, withdrawTtl } from './stack/chain-clock.ts'
import { argumentsOf, command, notAnswering } from './stack/command.ts'
import { settleNow } from './settle.ts'

const abi = parseAbi([
  'function withdraw(address token, uint256 amount, uint256 deadline, bytes signature)',
  'function balanceOf(address) view returns (uint256)',
])
interface Withdrawal {
  id: string
  amount: string
  amount_in_wei: string
  nonce: number
  signature: Hex
  deadline: number
  vault_address: Address
}
type Call = <T>(path: string, options?: { json?: unknown; headers?: Record<string, string> }) => Promise<T>

function caller(manifest: Manifest): Call {
  return async <T>(
    path: string,
    { json, headers }: { json?: unknown; headers?: Record<string, string> } = {},
  ) => {
    const response = await fetch(manifest.baseUrl + path, {
      method: json === undefined ? 'GET' : 'POST',
      headers: { ...(json === undefined ? {} : { 'Content-Type': 'application/json' }), ...headers },
      ...(json === undefined ? {} : { body: JSON.stringify(json) }),
    }).catch(() => {
      throw notAnswering('functions')
    })
    const text = await response.text()
    if (!response.ok) throw new Error(`${path} answered ${response.status} ${text}`)
    return JSON.parse(text) as T
  }
}

/** @throws Error with what to do where the story cannot be told on this stack */
async function checkStack(chain: Pick<ChainClient, 'getBlock'>): Promise<void> {
  const env = readFunctionsEnv()
  for (const name of ['TESTNET_ONLY', 'SPOT_ENABLED'])
    if (env[name] !== 'true')
      throw new Error(
        `the demo needs ${name}=true, and the local stack runs with ${name}=${env[name] ?? ''}: stop it and start it without`,
      )
  const { timestamp } = await chain.getBlock().catch(() => {
    throw notAnswering('chain')
  })
  const late = secondsTooLate(timestamp, withdrawTtl(env))
  if (late >= 0)
    throw new Error(
      `the chain's clock is ${late} s past the deadlines of new withdrawals: start anew with npm run dev -- --reset`,
    )
}

await command(async () => {
  argumentsOf({ usage: 'usage: npm run demo' })
  const manifest = readManifest()
  const call = caller(manifest)
  const chain = chainClient(manifest.rpcUrl, manifest.chainId)
  await checkStack(chain)
  const df = manifest.tokens.DF?.address as Address
  const wallet = privateKeyToAccount(generatePrivateKey())
  const account = wallet.address.toLowerCase()
  await chain.setBalance({ address: wallet.address, value: 10n ** 18n })

  const { typed_data: typed } = await call<{ typed_data: Parameters<typeof wallet.signTypedData>[0] }>(
    `/auth/nonce/${wallet.address}`,
  )
  const { timestamp } = typed.message as { timestamp: number | string }
  const signature = await wallet.signTypedData(typed)
  const { token } = await call<{ token: string }>('/auth/login', {
    json: { address: wallet.address, signature, timestamp: Number(timestamp) },
  })
  const session = { Authorization: `Bearer ${token}` }

  const say = async (step: string) => {
    const { balances } = await call<{ balances: { token: string; available: string; frozen: string }[] }>(
      '/spot/balances',
      { headers: session },
    )
    const row = balances.find((balance) => balance.token === 'DF')
    const held = await chain.readContract({
      address: df,
      abi,
      functionName: 'balanceOf',
      args: [wallet.address],
    })
    const ledger = `${row?.available ?? '0'} available, ${row?.frozen ?? '0'} frozen`
    console.log(`${step.padEnd(62)} ledger: ${ledger.padEnd(27)} chain: ${fromUnits(held, 18)} DF`)
  }
  const request = async (amount: string) =>
    await call<Withdrawal>('/spot/withdraw/request', { json: { token: 'DF', amount }, headers: session })
  const settle = async () => {
    await chain.mine({ blocks: 2 })
    await settleNow(manifest.settleUrl)
  }

  await say(`1  ${account.slice(0, 10)}… signed in with its wallet`)
  await call('/admin/spot/balances/credit', {
    json: { user_address: account, token: 'DF', amount: '100', reason: 'demo' },
    headers: { 'X-API-Key': manifest.adminApiKey },
  })
  await say('2  the faucet credited 100 DF')
  const first = await request('40')
  await say(`3  asked for 40 DF: signed for nonce ${first.nonce}, so frozen`)
  const hash = await chain.writeContract({
    account: wallet,
    address: first.vault_address,
    abi,
    functionName: 'withdraw',
    args: [df, BigInt(first.amount_in_wei), BigInt(first.deadline), first.signature],
  })
  await succeed(chain, hash)
  await say('4  the vault accepted the signature and paid; not final yet')
  await settle()
  await say('5  two blocks later settle saw it: the 40 left the ledger')

  const second = await request('25')
  await say(`6  asked for 25 DF more: nonce ${second.nonce}, never sent to the vault`)
  const now = Number((await chain.getBlock()).timestamp)
  await chain.setNextBlockTimestamp({ timestamp: BigInt(Math.max(second.deadline, now) + 1) })
  await chain.mine({ blocks: 1 })
  await settle()
  // The chain's clock is ahead of ours now, and deadlines are set by ours: it stands still, so that later withdrawals
  // still have time, until the next jump.
  await chain.setBlockTimestampInterval({ interval: 0 })
  await say('7  its deadline passed on chain, unpaid: the 25 are back')
  for (const { id } of [first, second]) {
    const { status } = await call<{ status: string }>(`/spot/withdrawals/${id}`, { headers: session })
    console.log(`   ${id}  ${status}`)
  }
})
