import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, inject, test } from 'vitest'
import { clientOf, newKey } from './support/client.ts'
import {
  expectRefusal,
  freshTime,
  idOf,
  newEvm,
  newSolana,
  signedCalls,
  SPOT,
} from './support/subaccounts.ts'
import { until } from './support/until.ts'
import { signedText, type Wallet } from './support/wallets.ts'

const client = clientOf()
const { bind, family, send, spot, perp } = signedCalls(client)

const sol = async (wallet: Wallet) => (await client.balancesOf(idOf(wallet)))['spot SOL'] ?? '0'

test('moves to the subaccount and back, answers in milliseconds, and writes one movement each way', async () => {
  const { main, sub } = await family({ SOL: '10' })
  const before = Date.now()
  const there = await spot(main, { to_account: sub.address, amount: '1.50000000' })
  expect(there.status, there.text).toBe(200)
  expect(there.body).toEqual({
    success: true,
    data: {
      success: true,
      error: null,
      transfer_id: expect.stringMatching(/^[0-9a-f-]{36}$/),
      created_at: expect.any(Number),
    },
    error: null,
    code: null,
  })
  expect(Math.abs(there.body.data.created_at - before)).toBeLessThan(30_000)
  const back = await spot(sub, { to_account: main.address, amount: '0.5' })
  expect(back.status, back.text).toBe(200)
  expect([await sol(main), await sol(sub)]).toEqual(['9', '1'])
  const rows = await client.sql(
    `select kind, trim_scale(amount)::text as amount, from_wallet, to_wallet from transfers where from_account = any($1) order by id`,
    [[main.address, sub.address]],
  )
  expect(rows).toEqual([
    { kind: 'subaccount_spot_transfer', amount: '1.5', from_wallet: 'spot', to_wallet: 'spot' },
    { kind: 'subaccount_spot_transfer', amount: '0.5', from_wallet: 'spot', to_wallet: 'spot' },
  ])
})

describe('every way a wallet signs moves exactly once', () => {
  let main: Wallet, sub: Wallet
  beforeAll(async () => {
    ;({ main, sub } = await family({ SOL: '100' }))
  })
  for (const as of ['plain', 'object', 'raw', 'legacy', 'v0', 'v1'] as const) {
    for (const expiryWindow of [undefined, null, 30_000, 300_000]) {
      test(`${as} with window ${expiryWindow}`, async () => {
        const before = await sol(sub)
        const answer = await spot(main, { to_account: sub.address, amount: '0.25' }, { as, expiryWindow })
        expect(answer.status, answer.text).toBe(200)
        expect(Number(await sol(sub)) - Number(before)).toBe(0.25)
      })
    }
  }

  test('a text with the default window written in, though the body has none', async () => {
    const data = { to_account: sub.address, symbol: 'SOL', amount: '0.25' }
    const timestamp = freshTime()
    for (const expiryWindow of [null, 30_000]) {
      const at = timestamp + (expiryWindow === null ? 0 : 1)
      const signature = await main.signText(
        signedText('transfer_spot_asset', data, { timestamp: at, expiryWindow }),
      )
      const answer = await client.call(SPOT, {
        json: { account: main.address, ...data, timestamp: at, signature },
      })
      expect(answer.status, answer.text).toBe(200)
    }
  })

  test('agent_wallet null is no agent, and idempotency_key null is no key', async () => {
    const body = await main.body(
      'transfer_spot_asset',
      { to_account: sub.address, symbol: 'SOL', amount: '0.25', idempotency_key: null },
      { timestamp: freshTime() },
    )
    const answer = await client.call(SPOT, { json: { ...body, agent_wallet: null } })
    expect(answer.status, answer.text).toBe(200)
  })

  test('an agent moves what its account has, and the ledger says who signed', async () => {
    const agent = newSolana()
    expect((await bind(main, agent)).status).toBe(200)
    const answer = await spot(agent, { to_account: sub.address, amount: '0.25' }, { account: main.address })
    expect(answer.status, answer.text).toBe(200)
    const [row] = await client.sql<{ reference: unknown }>('select reference from transfers where id = $1', [
      answer.body.data.transfer_id,
    ])
    expect(row?.reference).toEqual({ agent_wallet: agent.address })
  })
})

test('EVM accounts use the same endpoints, with v 27/28 or 0/1, and the two spellings are one message', async () => {
  const { main, sub } = await family({ SOL: '10' }, newEvm)
  const body = await main.body(
    'transfer_spot_asset',
    { to_account: sub.address, symbol: 'SOL', amount: '1' },
    { timestamp: freshTime(), expiryWindow: 30_000 },
  )
  const bare = (signature: unknown) =>
    String(signature).slice(0, -2) + (String(signature).endsWith('1b') ? '00' : '01')
  const first = await client.call(SPOT, { json: { ...body, signature: bare(body.signature) } })
  expect(first.status, first.text).toBe(200)
  expectRefusal(
    await client.call(SPOT, { json: body }),
    409,
    409,
    'Duplicate signature',
    'duplicate_signature',
  )
  const upper = {
    ...body,
    account: main.address.toLowerCase(),
    signature: { type: 'raw', value: body.signature },
  }
  expectRefusal(
    await client.call(SPOT, { json: upper }),
    409,
    409,
    'Duplicate signature',
    'duplicate_signature',
  )
  expect([await sol(main), await sol(sub)]).toEqual(['9', '1'])
})

test('a message is refused when it comes again, plainly or in an envelope, and its first movement is named', async () => {
  const { main, sub } = await family({ SOL: '10' })
  const options = { timestamp: freshTime(), expiryWindow: 60_000 }
  const data = { to_account: sub.address, amount: '1' }
  const first = await spot(main, data, options)
  for (const as of ['plain', 'raw', 'legacy', 'v0', 'v1'] as const) {
    const again = await spot(main, data, { ...options, as })
    expectRefusal(again, 409, 409, 'Duplicate signature', 'duplicate_signature')
    expect(again.body.data).toEqual({
      transfer_id: first.body.data.transfer_id,
      created_at: first.body.data.created_at,
    })
  }
  expect([await sol(main), await sol(sub)]).toEqual(['9', '1'])
})

test('a key is good once for an account, in either case of its letters, even when the balance would no longer do', async () => {
  const { main, sub } = await family({ SOL: '1' })
  const idempotency_key = newKey()
  const first = await spot(main, { to_account: sub.address, amount: '1', idempotency_key })
  expect(first.status, first.text).toBe(200)
  for (const [key, amount] of [
    [idempotency_key, '1'],
    [idempotency_key.toUpperCase(), '1'],
    [idempotency_key, '999'],
    [idempotency_key, 'nonsense'],
  ] as const) {
    const again = await spot(main, { to_account: sub.address, amount, idempotency_key: key })
    expectRefusal(again, 409, 409, 'Duplicate idempotency key', 'duplicate_idempotency_key')
    expect(again.body.data).toEqual({
      transfer_id: first.body.data.transfer_id,
      created_at: first.body.data.created_at,
    })
  }
  expect((await spot(sub, { to_account: main.address, amount: '1', idempotency_key })).status).toBe(200)
})

test('a refused transfer uses up neither its key nor its message', async () => {
  const { main, sub } = await family()
  const options = { timestamp: freshTime(), expiryWindow: 60_000 }
  const data = { to_account: sub.address, amount: '1', idempotency_key: newKey() }
  const poor = await spot(main, data, options)
  expectRefusal(poor, 400, 62, 'Insufficient spot balance', 'insufficient_spot_balance')
  await client.credit(main.address, 'SOL', '1')
  expect((await spot(main, data, options)).status).toBe(200)
  expect([await sol(main), await sol(sub)]).toEqual(['0', '1'])
})

test('perp margin moves between the two, and the spot wallets stay', async () => {
  const { main, sub } = await family({ USDT: '10' })
  const token = await client.sessionFor(main.address)
  await client.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount: '8' })
  const options = { timestamp: freshTime() }
  const moved = await perp(main, { to_account: sub.address, amount: '3' }, options)
  expect(moved.status, moved.text).toBe(200)
  expect(await client.balancesOf(main.address)).toEqual({ 'perp USDT': '5', 'spot USDT': '2' })
  expect(await client.balancesOf(sub.address)).toEqual({ 'perp USDT': '3' })
  const again = await perp(main, { to_account: sub.address, amount: '3' }, options)
  expectRefusal(again, 409, 409, 'Duplicate signature', 'duplicate_signature')
  const poor = await perp(main, { to_account: sub.address, amount: '6' })
  expectRefusal(poor, 400, 62, 'Insufficient perp balance', 'insufficient_perp_balance')
  const list = await send('/account/subaccount/list', 'list_subaccounts', main, {})
  expect(list.body.data.subaccounts).toEqual([
    expect.objectContaining({
      address: sub.address,
      balance: '3',
      pending_balance: '0',
      fee_level: 0,
      fee_mode: 'auto',
    }),
  ])
})

test('a transfer by an agent with a key is one database round trip, and the log names the account and no signature', async () => {
  const { main, sub } = await family({ SOL: '1' })
  const agent = newSolana()
  await bind(main, agent)
  const requestId = newKey()
  const body = await agent.body(
    'transfer_spot_asset',
    { to_account: sub.address, symbol: 'SOL', amount: '1', idempotency_key: newKey() },
    { timestamp: freshTime(), account: main.address },
  )
  const answer = await client.call(SPOT, { json: body, headers: { 'X-Request-Id': requestId } })
  expect(answer.status, answer.text).toBe(200)
  const log = await until(
    () =>
      /^.*$/m.exec(
        readFileSync(join(inject('stackFolder'), 'functions.log'), 'utf8').split(requestId)[1] ?? '',
      )?.[0],
    'the request in the log',
  )
  expect(log).toContain('"function":"subaccount-spot-transfer"')
  expect(log).toContain(`"outcome":"ok","account":"${main.address}"`)
  expect(log).toContain('"db_round_trips":1')
  expect(log).not.toContain(body.signature)
})
