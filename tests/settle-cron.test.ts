import pg from 'pg'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient, succeed } from '../scripts/stack/deploy.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import type { Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'

let stack: Stack
let client: Client
let stop: () => Promise<void>
beforeAll(async () => {
  ;({ stack, client, stop } = await ownStack())
})
afterAll(async () => await stop())

/** The cron as the platform fires it; its summary. */
async function cron(): Promise<Record<string, unknown>> {
  const response = await fetch(stack.manifest.settleUrl)
  expect(response.status).toBe(200)
  const [row] = await client.sql<{ summary: Record<string, unknown> }>(
    'select summary from settle_runs order by id desc limit 1',
  )
  return row?.summary ?? {}
}

test('the cron on workerd credits a final deposit, and GET /spot/deposits shows it to its account alone', async () => {
  const chain = chainClient(stack.manifest.rpcUrl, stack.manifest.chainId)
  const wallet = privateKeyToAccount(stack.chain.accounts[1]!.privateKey)
  const { address } = stack.chain.tokens.DF
  const by = { account: wallet } as const
  for (const units of [3n * 10n ** 18n, 5n]) {
    await succeed(
      chain,
      await chain.writeContract({
        ...by,
        address,
        abi: tokenAbi,
        functionName: 'approve',
        args: [stack.chain.vault, units],
      }),
    )
    await succeed(
      chain,
      await chain.writeContract({
        ...by,
        address: stack.chain.vault,
        abi: vaultAbi,
        functionName: 'deposit',
        args: [address, units],
      }),
    )
  }
  const token = await client.sessionFor(wallet.address)
  await chain.mine({ blocks: 2 })
  expect(await cron()).toMatchObject({ outcome: 'ok', deposited: 2, quarantined: 0 })

  const first = await client.call('/spot/deposits?limit=1', { token })
  expect(first.body).toMatchObject([
    {
      ...{ token: 'DF', amount: '0.000000000000000005', amount_in_wei: '5', status: 'confirmed' },
      chain_id: stack.manifest.chainId,
    },
  ])
  const next = /<[^>]*\/api\/v1([^>]+)>; rel="next"/.exec(first.headers.get('link') ?? '')?.[1]
  const second = await client.call(next ?? '', { token })
  expect([second.body[0]?.amount, second.headers.get('link')]).toEqual(['3', null])
  expect((await client.call('/spot/deposits?status=unsupported', { token })).body).toEqual([])
  expect((await client.call('/spot/deposits?status=confirmed', { token })).body).toHaveLength(2)
  expect((await client.call('/spot/deposits?status=credited', { token })).status).toBe(400)
  expect((await client.call('/spot/deposits?token=USDT', { token })).body).toEqual([])
  expect((await client.call('/spot/deposits', { token: (await client.newAccount()).token })).body).toEqual([])
  for (const bad of ['status=pending', 'limit=0', 'limit=201', 'cursor=1', 'kind=x', 'start=-1', 'token=%27'])
    expect((await client.call(`/spot/deposits?${bad}`, { token })).body).toMatchObject({
      error: 'INVALID_REQUEST',
    })
  expect((await client.call('/spot/deposits')).status).toBe(401)
})

test('a deposit of a contract that the ledger does not know is shown with its smallest units alone', async () => {
  const chain = chainClient(stack.manifest.rpcUrl, stack.manifest.chainId)
  const wallet = privateKeyToAccount(stack.chain.accounts[2]!.privateKey)
  const call = { account: wallet, address: stack.chain.vault, abi: vaultAbi } as const
  await succeed(chain, await chain.writeContract({ ...call, functionName: 'depositNative', value: 7n }))
  await chain.mine({ blocks: 2 })
  await cron()
  const token = await client.sessionFor(wallet.address)
  const { body } = await client.call('/spot/deposits?status=unsupported', { token })
  expect(body).toMatchObject([
    { token: null, amount: null, amount_in_wei: '7', status: 'unsupported', confirmed_at: null },
  ])
})

test('the function has no route: nobody can run it or read it from outside', async () => {
  for (const path of ['/settle', '/api/v1/settle', '/scheduled'])
    expect((await client.call(path)).status).toBe(404)
})

test('the settle login may call its own verbs and nothing else: it neither writes tables nor credits nor resumes', async () => {
  const url = new URL(stack.manifest.loginUrls.settle)
  url.port = new URL(stack.manifest.databaseUrl).port
  const login = new pg.Client({ connectionString: url.href })
  await login.connect()
  const refused = [
    `update ledger.balances set available = 1`,
    `delete from alerts`,
    `select ledger.credit('0x', 'DF', 1, null, 'x', null, null)`,
    `select ledger.resume_withdrawals('x')`,
    `select ledger.resolve_log(1, 'x', '', 0, true, 'x')`,
    `select ledger.post('x', 'DF', 1, 'a', 'system', 'b', 'system')`,
  ]
  for (const text of refused) await expect(login.query(text), text).rejects.toMatchObject({ code: '42501' })
  await login.end()
})
