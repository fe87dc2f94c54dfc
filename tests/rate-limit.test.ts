/** Whose calls a flood uses up: those of the one who floods. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import agentRevoke from '../functions/agent-revoke.ts'
import spotBalances from '../functions/spot-balances.ts'
import subaccountCreate from '../functions/subaccount-create.ts'
import type { Worker } from '../functions/_lib/http/serve.ts'
import type { Answer, Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { anAddress, expectRateLimited, from, inOneWindow } from './support/rates.ts'
import { freshTime, newSolana, signedCalls } from './support/subaccounts.ts'
import type { Wallet } from './support/wallets.ts'
import { until } from './support/until.ts'

const LIMITS = { RATE_SIGNED_KEY: 5, RATE_READ: 5, RATE_WRITE: 20, RATE_AUTH_FAILURES: 5 }
const endpointOf = (worker: Worker) => worker.endpoints[0]!

let client: Client
let stop: () => Promise<void>
beforeAll(async () => ({ client, stop } = await ownStack({}, LIMITS)))
afterAll(async () => await stop?.())

const repeated = async (n: number, call: (at: number) => Promise<Answer>): Promise<Answer[]> =>
  await Promise.all(Array.from({ length: n }, async (_, at) => await call(at)))
const statuses = (answers: Answer[]) => [...new Set(answers.map((answer) => answer.status))].sort()
const revoke = async (account: Wallet, agent: Wallet, ip: string) =>
  await client.call('/agent/revoke', {
    headers: from(ip),
    json: await account.body(
      'revoke_agent_wallet',
      { agent_wallet: agent.address },
      { timestamp: freshTime() },
    ),
  })

test('a stolen agent floods, its owner revokes it all the same, and the thief’s next transfer is refused', async () => {
  const { bind, family } = signedCalls(client)
  const { main: owner, sub } = await family({ SOL: '100' })
  const stolen = newSolana()
  expect((await bind(owner, stolen)).status).toBe(200)
  const transfer = async () =>
    await client.call('/account/subaccount/spot_asset/transfer', {
      headers: from(anAddress()),
      json: await stolen.body(
        'transfer_spot_asset',
        { to_account: sub.address, symbol: 'SOL', amount: '1' },
        { timestamp: freshTime(), account: owner.address },
      ),
    })
  const flood = await repeated(40, transfer)
  expect(statuses(flood)).toEqual([200, 429])
  for (const answer of flood.filter(({ status }) => status === 429))
    expect(answer.body).toMatchObject({ success: false, error_id: 'rate_limited', code: 429 })
  expect((await revoke(owner, stolen, anAddress())).status).toBe(200)
  const moved = await client.balancesOf(sub.address)

  const after = await until(
    async () => {
      const answer = await transfer()
      return answer.status === 429 ? undefined : answer
    },
    'the minute of the flood to end',
    90_000,
  )
  expect([after.status, after.body.error_id]).toEqual([400, 'agent_not_authorized'])
  expect(await client.balancesOf(sub.address)).toEqual(moved)
}, 150_000)

describe('what only names a victim uses up nothing of the victim’s:', () => {
  const floods: [string, (victim: Wallet) => Promise<[string, object]>][] = [
    [
      'junk signatures in its name',
      async (victim) => {
        const agent = newSolana()
        const body = await agent.body(
          'revoke_agent_wallet',
          { agent_wallet: agent.address },
          { timestamp: freshTime() },
        )
        return ['/agent/revoke', { ...body, account: victim.address }]
      },
    ],
    [
      'right signatures of a key that claims to be its agent',
      async (victim) => [
        '/account/subaccount/list',
        await newSolana().body('list_subaccounts', {}, { timestamp: freshTime(), account: victim.address }),
      ],
    ],
    [
      'subaccounts that offer themselves to it',
      async (victim) => {
        const sub = newSolana()
        const body = await signedCalls(client).createBody(newSolana(), sub)
        const times = { timestamp: body.timestamp }
        const offer = await sub.sign('subaccount_initiate', { account: victim.address }, times)
        return ['/account/subaccount/create', { ...body, main_account: victim.address, sub_signature: offer }]
      },
    ],
  ]
  test.each(floods)('%s', async (_name, shot) => {
    const [victim, agent] = [newSolana(), newSolana()]
    expect((await signedCalls(client).bind(victim, agent)).status).toBe(200)
    const answers = await repeated(30, async () => {
      const [path, json] = await shot(victim)
      return await client.call(path, { json, headers: from(anAddress()) })
    })
    expect(statuses(answers)).toEqual([400])
    const own = await client.call('/agent/list', {
      json: await victim.body('list_agent_wallets', {}, { timestamp: freshTime() }),
    })
    expect(own.status, own.text).toBe(200)
    expect((await revoke(victim, agent, anAddress())).status).toBe(200)
  })

  test('a message of its own, played again and again: it can still revoke', async () => {
    const { bind, createBody } = signedCalls(client)
    const [main, sub, agent] = [newSolana(), newSolana(), newSolana()]
    expect((await bind(main, agent)).status).toBe(200)
    // The subaccount was given it to send, and has kept it.
    const json = await createBody(main, sub, { expiryWindow: 300_000 })
    const answers = await repeated(
      20,
      async () => await client.call('/account/subaccount/create', { json, headers: from(anAddress()) }),
    )
    expect(statuses(answers)).toContain(429)
    expect((await revoke(main, agent, anAddress())).status).toBe(200)
  })
})

test('subaccount/create counts for both who signed', async () => {
  const { createBody } = signedCalls(client)
  for (const repeats of ['main', 'sub'] as const) {
    const { within, beyond } = await inOneWindow(async () => {
      const busy = newSolana()
      const create = async () =>
        await client.call('/account/subaccount/create', {
          json: await createBody(
            ...((repeats === 'main' ? [busy, newSolana()] : [newSolana(), busy]) as [Wallet, Wallet]),
          ),
          headers: from(anAddress()),
        })
      const within: Answer[] = []
      for (let n = 0; n < LIMITS.RATE_SIGNED_KEY; n += 1) within.push(await create())
      return { within, beyond: await create() }
    })
    expect(statuses(within).every((status) => status === 200 || status === 400)).toBe(true)
    expectRateLimited(endpointOf(subaccountCreate), beyond, 'RATE_SIGNED_KEY')
  }
})

test('an API key that leaked floods, and its owner still reads, finds the key and revokes it', async () => {
  const { token } = await client.newAccount()
  const { api_key: apiKey, id } = (await client.call('/api-keys', { token, json: {} })).body
  const answers = await repeated(
    30,
    async () => await client.call('/spot/balances', { apiKey, headers: from(anAddress()) }),
  )
  expect(statuses(answers)).toEqual([200, 429])
  expect((await client.call('/api-keys', { token })).status).toBe(200)
  expect((await client.call(`/api-keys/${id}`, { token, method: 'DELETE' })).status).toBe(200)
})

test('a session that was stolen floods with changes, and its owner still revokes an API key', async () => {
  const { token } = await client.newAccount()
  const { id } = (await client.call('/api-keys', { token, json: {} })).body
  const answers = await repeated(60, async () => await client.transfer(token, {}, from(anAddress())))
  expect(statuses(answers)).toEqual([400, 429])
  expect((await client.call(`/api-keys/${id}`, { token, method: 'DELETE' })).status).toBe(200)
})

test('an account that writes too often is refused before anything moves', async () => {
  const user = await client.newAccount({ USDT: '1000' })
  const json = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }
  const answers = await repeated(60, async () => await client.transfer(user.token, json))
  expect(statuses(answers)).toEqual([200, 429])
  const moved = answers.filter((answer) => answer.status === 200).length
  expect(await client.balancesOf(user.account)).toEqual({
    'perp USDT': String(moved),
    'spot USDT': String(1000 - moved),
  })
})

test('an address that guesses keys is braked before the look-up, even with a good key; a good session still passes', async () => {
  const user = await client.newAccount()
  const { api_key: good } = (await client.call('/api-keys', { token: user.token, json: {} })).body
  const headers = from(anAddress())
  const guess = { apiKey: `tg_${'A'.repeat(43)}`, headers }
  const answers = await repeated(30, async () => await client.call('/spot/balances', guess))
  expect(statuses(answers)).toEqual([401, 429])
  const braked = await client.call('/spot/balances', { apiKey: good, headers })
  expectRateLimited(endpointOf(spotBalances), braked, 'RATE_AUTH_FAILURES')
  expect((await client.call('/spot/balances', { token: user.token, headers })).status).toBe(200)
  expect((await client.call('/spot/balances', { apiKey: good, headers: from(anAddress()) })).status).toBe(200)
})

test('a flood of the wallet-signed family is 429 with Retry-After in its envelope, and never 500', async () => {
  const account = newSolana()
  const answers = await repeated(40, async () => await revoke(account, newSolana(), anAddress()))
  expect(statuses(answers)).toEqual([404, 429])
  for (const answer of answers.filter(({ status }) => status === 429))
    expectRateLimited(endpointOf(agentRevoke), answer, 'RATE_SIGNED_KEY')
})
