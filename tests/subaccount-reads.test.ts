import { expect, test } from 'vitest'
import { createHash } from 'node:crypto'
import { clientOf, newKey } from './support/client.ts'
import { expectRefusal, idOf, newEvm, signedCalls } from './support/subaccounts.ts'

const client = clientOf()
const { family, spot } = signedCalls(client)

test('a main account reads the balances of its subaccount, and each reads its own', async () => {
  const { main, sub } = await family({ SOL: '3' })
  await spot(main, { to_account: sub.address, amount: '2' })
  const [asMain, asSub] = [await client.sessionFor(main.address), await client.sessionFor(sub.address)]
  for (const [token, account, available] of [
    [asMain, sub.address, '2'],
    [asSub, sub.address, '2'],
    [asMain, main.address, '1'],
  ] as const) {
    const answer = await client.call(`/spot/balances?account=${account}`, { token })
    expect(answer.status, answer.text).toBe(200)
    expect(answer.body).toEqual({
      balances: [{ token: 'SOL', available, frozen: '0', version: expect.any(Number) }],
    })
    expect((await client.call(`/perp/balances?account=${account}`, { token })).body).toEqual({ balances: [] })
  }
})

test('nobody else reads an account: a stranger, the subaccount of it, a sibling and an API key get the same 404', async () => {
  const { main, sub } = await family({ SOL: '3' })
  const { main: other, sub: otherSub } = await family({ SOL: '3' })
  const apiKey = 'tg_' + 'k'.repeat(43)
  await client.sql(
    `insert into api_keys (id, account, key_hash, created_at) values (gen_random_uuid(), $1, decode($2, 'hex'), now()) on conflict do nothing`,
    [main.address, createHash('sha256').update(apiKey).digest('hex')],
  )
  expect((await client.call(`/spot/balances?account=${main.address}`, { apiKey })).status).toBe(200)
  const attempts: [object, string][] = [
    [{ token: await client.sessionFor(sub.address) }, main.address],
    [{ token: await client.sessionFor(otherSub.address) }, sub.address],
    [{ token: await client.sessionFor(other.address) }, sub.address],
    [{ token: await client.sessionFor(other.address) }, main.address],
    [{ token: await client.sessionFor(other.address) }, newEvm().address],
    [{ apiKey }, sub.address],
  ]
  const texts = new Set<string>()
  for (const wallet of ['spot', 'perp']) {
    for (const [credentials, account] of attempts) {
      const answer = await client.call(`/${wallet}/balances?account=${account}`, credentials)
      expect([answer.status, answer.body.error]).toEqual([404, 'NOT_FOUND'])
      texts.add(answer.body.message)
    }
  }
  expect(texts.size).toBe(1)
  const unsigned = await client.call(`/spot/balances?account=${main.address}`)
  expect([unsigned.status, unsigned.body.error]).toEqual([401, 'UNAUTHORIZED'])
})

test('an account in another case is the same account; one that is no address, or given twice, is refused', async () => {
  const { main, sub } = await family({}, newEvm)
  const token = await client.sessionFor(main.address)
  for (const account of [sub.address, idOf(sub), '0x' + idOf(sub).slice(2).toUpperCase()])
    expect((await client.call(`/spot/balances?account=${account}`, { token })).status).toBe(200)
  for (const query of [
    'account=nobody',
    'account=',
    `account=${sub.address}&account=${sub.address}`,
    'acount=1',
  ]) {
    const answer = await client.call(`/spot/balances?${query}`, { token })
    expect([answer.status, answer.body.error], query).toEqual([400, 'INVALID_REQUEST'])
  }
})

test('text with other letters is taken as JSON.stringify writes it and as json.dumps does', async () => {
  const { main, sub } = await family()
  for (const escape of [false, true]) {
    const answer = await spot(main, { to_account: sub.address, amount: '1', symbol: 'Ñ😀' }, { escape })
    expectRefusal(answer, 422, 55, 'Asset not found', 'asset_not_found')
  }
})

test('the verb tells the streams of those that listen of a spot transfer, and none of one in perp margin', async () => {
  const { main, sub } = await family({ SOL: '10', USDT: '5' })
  await client.transfer(await client.sessionFor(main.address), {
    token: 'USDT',
    direction: 'spot_to_perp',
    amount: '5',
  })
  const verb = async (wallet: string, token: string) => {
    const [row] = await client.sql<{ result: { pushes: object[] } }>(
      `select ledger.transfer_in_family($1, null, $2, $3, $4, 2, null, sha256($5::bytea), 1) as result`,
      [main.address, sub.address, wallet, token, newKey()],
    )
    return row?.result.pushes
  }
  expect(await verb('spot', 'SOL')).toEqual([])
  await client.sql('select ledger.listen($1)', [sub.address])
  const balance = { token: 'SOL', frozen: '0' }
  expect(await verb('spot', 'SOL')).toEqual([
    expect.objectContaining({ ...balance, account: sub.address, available: '4', version: 2 }),
  ])
  await client.sql('select ledger.listen($1)', [main.address])
  expect(await verb('spot', 'SOL')).toEqual([
    expect.objectContaining({ ...balance, account: main.address, available: '4', version: 4 }),
    expect.objectContaining({ ...balance, account: sub.address, available: '6', version: 3 }),
  ])
  expect(await verb('perp', 'USDT')).toEqual([])
})
