/** Whatever moves a spot balance tells its account's sockets, and nothing depends on whether they heard it. */
import { encodeFunctionData, type Address, type Hex } from 'viem'
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { parseEnv } from '../functions/_lib/env-read.ts'
import { settleSchema } from '../functions/_lib/settle/context.ts'
import { settle } from '../functions/_lib/settle/run.ts'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient, succeed, type ChainClient } from '../scripts/stack/deploy.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import type { Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { openStream, type StreamClient } from './support/stream.ts'
import { idOf, newEvm, signedCalls } from './support/subaccounts.ts'
import { until } from './support/until.ts'
import { requestWithdrawal, takeFromVault } from './support/withdrawals.ts'
import { witnessBinding } from './support/witness.ts'

let stack: Stack
let client: Client
let stop: () => Promise<void>
let chain: ChainClient
const opened: StreamClient[] = []
beforeAll(async () => {
  ;({ stack, client, stop } = await ownStack())
  chain = chainClient(stack.manifest.rpcUrl, stack.manifest.chainId)
})
afterEach(async () => {
  stack.proxy.control({ rates: [], next: [] })
  await Promise.all(opened.splice(0).map(async (stream) => await stream.close()))
})
afterAll(async () => await stop())

const DF = () => stack.chain.tokens.DF.address
async function subscribed(bearer: string, token?: string): Promise<StreamClient> {
  const stream = await openStream(stack.manifest.wsUrl, { bearer })
  opened.push(stream)
  await stream.subscribe(token)
  return stream
}
/** `available+frozen` of each push of the token, in the order they came; the first is the snapshot. */
const seen = (stream: StreamClient, token: string) =>
  stream.balances(token).map(({ available, frozen, version }) => `${version}: ${available}+${frozen}`)
const told = async (stream: StreamClient, token: string, version: number) =>
  await until(() => stream.balances(token).some((push) => push.version === version), `version ${version}`)
const cron = async () => expect((await fetch(stack.manifest.settleUrl)).status).toBe(200)

async function deposit(holder: PrivateKeyAccount, units: bigint): Promise<void> {
  const calls: [Address, Hex][] = [
    [DF(), encodeFunctionData({ abi: tokenAbi, functionName: 'approve', args: [stack.chain.vault, units] })],
    [stack.chain.vault, encodeFunctionData({ abi: vaultAbi, functionName: 'deposit', args: [DF(), units] })],
  ]
  for (const [to, data] of calls)
    await succeed(chain, await chain.sendTransaction({ account: holder, to, data, gas: 300_000n }))
}

describe('an account’s socket is told', () => {
  test('that a withdrawal was reserved, confirmed or expired and a deposit credited, each version once and nobody else’s', async () => {
    const [payer, sleeper, stranger] = [
      await client.newAccount({ DF: '5' }),
      await client.newAccount({ DF: '5' }),
      await client.newAccount({ DF: '5' }),
    ]
    const holder = privateKeyToAccount(stack.chain.accounts[1]!.privateKey)
    const depositor = await subscribed(await client.sessionFor(holder.address))
    const [paying, sleeping, other] = [
      await subscribed(payer.token, 'DF'),
      await subscribed(sleeper.token, 'DF'),
      await subscribed(stranger.token, 'DF'),
    ]
    const paid = await requestWithdrawal(client, payer, '2')
    const unused = await requestWithdrawal(client, sleeper, '3')
    await told(paying, 'DF', 2)
    await told(sleeping, 'DF', 2)
    expect(await takeFromVault(stack.manifest, payer.wallet, DF(), paid.body)).toBe('success')
    await deposit(holder, 7n * 10n ** 18n)
    await chain.setNextBlockTimestamp({ timestamp: BigInt(unused.body.deadline) + 1n })
    await chain.mine({ blocks: 3 })
    await cron()
    await told(paying, 'DF', 3)
    await told(sleeping, 'DF', 3)
    await told(depositor, 'DF', 1)
    expect(seen(paying, 'DF')).toEqual(['1: 5+0', '2: 3+2', '3: 3+0'])
    expect(seen(sleeping, 'DF')).toEqual(['1: 5+0', '2: 2+3', '3: 5+0'])
    expect(seen(depositor, 'DF')).toEqual(['1: 7+0'])
    await client.credit(stranger.account, 'DF', '1')
    await told(other, 'DF', 2)
    expect(seen(other, 'DF')).toEqual(['1: 5+0', '2: 6+0'])
  })

  test('that a dead reservation came back', async () => {
    const account = await client.newAccount({ DF: '5' })
    const stream = await subscribed(account.token, 'DF')
    const [row] = await client.sql<{ result: { reservation: { id: string } } }>(
      `select ledger.reserve($1, 'DF', 2, $1, $2, $3, 3600, null, null) as result`,
      [account.account, stack.manifest.chainId, stack.manifest.vault.toLowerCase()],
    )
    await client.sql(`update withdrawals set requested_at = now() - interval '121 seconds' where id = $1`, [
      row?.result.reservation.id,
    ])
    await cron()
    await told(stream, 'DF', 3)
    expect(stream.balances('DF').at(-1)).toMatchObject({ available: '5', frozen: '0', version: 3 })
  })

  test('of a subaccount transfer on both sides, each of its own balance alone', async () => {
    const { family, spot } = signedCalls(client)
    const { main, sub } = await family({ SOL: '10' }, newEvm)
    const [upper, lower] = [
      await subscribed(await client.sessionFor(idOf(main)), 'SOL'),
      await subscribed(await client.sessionFor(idOf(sub))),
    ]
    expect((await spot(main, { to_account: sub.address, amount: '4' })).status).toBe(200)
    await told(upper, 'SOL', 2)
    await told(lower, 'SOL', 1)
    expect((await spot(sub, { to_account: main.address, amount: '1' })).status).toBe(200)
    await told(upper, 'SOL', 3)
    await told(lower, 'SOL', 2)
    expect([seen(upper, 'SOL'), seen(lower, 'SOL')]).toEqual([
      ['1: 10+0', '2: 6+0', '3: 7+0'],
      ['1: 4+0', '2: 3+0'],
    ])
  })

  test('with 1013 to come again when its balances cannot be read, and then gets them', async () => {
    const { token } = await client.newAccount({ DF: '5' })
    const stream = await openStream(stack.manifest.wsUrl, { bearer: token })
    opened.push(stream)
    stack.proxy.control({
      next: [{ kind: 'cutBeforeSend', match: 'from ledger.accounts a join (ledger.balances b' }],
    })
    stream.say({ type: 'subscribe', channel: 'spot:user:balances' })
    expect(await stream.closed).toEqual({
      code: 1013,
      reason: 'the balances cannot be read now: connect again',
    })
    expect(stream.balances()).toEqual([])
    expect(seen(await subscribed(token, 'DF'), 'DF')).toEqual(['1: 5+0'])
  })
})

describe('a stream that cannot be told', () => {
  /** Durable Objects that are all down. */
  const broken = {
    idFromName: (name: string) => name,
    get: () => ({ fetch: () => Promise.reject(new Error('the object is overloaded')) }),
  }
  const after: Promise<unknown>[] = []
  const context = {
    waitUntil: (work: Promise<unknown>) => void after.push(work.catch(() => {})),
    passThroughOnException: () => {},
    props: {},
  }
  const post = async (file: string, path: string, token: string, body: object) => {
    // By a name only known here: the types of Workers must not reach the tests.
    const { default: worker } = (await import(`../functions/${file}.ts`)) as {
      default: { fetch: (request: Request, bindings: object, execution: object) => Promise<Response> }
    }
    const headers = { Authorization: `Bearer ${token}`, 'Content-Type': 'application/json' }
    const request = new Request(`https://x/api/v1${path}`, {
      method: 'POST',
      headers,
      body: JSON.stringify(body),
    })
    const response = await worker.fetch(
      request,
      { ...stack.env, RATE_LIMITS: 'off', STREAM: broken, WITNESS: witnessBinding() },
      context,
    )
    await Promise.all(after)
    return response.status
  }

  test('fails no transfer and no withdrawal request: both are carried out and answered', async () => {
    const { account, token } = await client.newAccount({ USDT: '5', DF: '5' })
    const transfer = { token: 'USDT', direction: 'spot_to_perp', amount: '2' }
    await client.sql('select ledger.listen($1)', [account])
    expect(await post('spot-transfer', '/spot/transfer', token, transfer)).toBe(200)
    expect(
      await post('spot-withdraw-request', '/spot/withdraw/request', token, { token: 'DF', amount: '2' }),
    ).toBe(200)
    expect(after.length).toBeGreaterThan(1)
    expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '2', 'spot DF': '3+2', 'spot USDT': '3' })
  })

  test('fails no run of settle: the money is settled and the summary kept', async () => {
    const holder = privateKeyToAccount(stack.chain.accounts[2]!.privateKey)
    await deposit(holder, 10n ** 18n)
    await chain.mine({ blocks: 3 })
    await client.sql('select ledger.listen($1)', [holder.address.toLowerCase()])
    let asked = 0
    const summary = await settle(parseEnv(settleSchema, stack.env), async () => {
      asked += 1
      throw new Error('the object is overloaded')
    })
    expect([summary.outcome, summary.deposited, asked]).toEqual(['ok', 1, 1])
    expect(await client.balancesOf(holder.address.toLowerCase())).toEqual({ 'spot DF': '1' })
  })
})
