import { beforeAll, describe, expect, test } from 'vitest'
import { MOVEMENT_KINDS } from '../db/ledger/history.ts'
import { HISTORY_SCAN_MAX } from '../functions/_lib/limits.ts'
import { requestLog } from './support/function-log.ts'
import { clientOf, newKey } from './support/client.ts'

const client = clientOf()
type User = Awaited<ReturnType<typeof client.newAccount>>

const history = async (user: User, query = '') =>
  await client.call(`/spot/transfers${query === '' ? '' : `?${query}`}`, { token: user.token })
const move = async (user: User, direction: string, amount: string, key?: string) => {
  const body = { token: 'USDT', direction, amount }
  const done = await client.transfer(user.token, body, key === undefined ? {} : { 'Idempotency-Key': key })
  expect(done.status, done.text).toBe(200)
  return done.body as { transfer_id: string; created_at: number }
}
/** Follows the Link headers to the end; at each step `between` may change the ledger. */
async function walk(user: User, query: string, between?: () => Promise<void>) {
  const pages: { id: string; [name: string]: unknown }[][] = []
  let path: string | undefined = `/spot/transfers?${query}`
  while (path !== undefined) {
    const answer = await client.call(path, { token: user.token })
    expect(answer.status, answer.text).toBe(200)
    pages.push(answer.body)
    const link = answer.headers.get('link')
    if (link !== null)
      expect(link).toMatch(/^<http:\/\/127\.0\.0\.1:\d+\/api\/v1\/spot\/transfers\?[^>]+>; rel="next"$/)
    const next = link === null ? undefined : new URL(link.slice(1, link.indexOf('>')))
    path = next && next.pathname + next.search
    await between?.()
  }
  return { pages, items: pages.flat() }
}

let user: User
beforeAll(async () => {
  user = await client.newAccount({ USDT: '100', DF: '5.5' })
  for (const amount of ['10', '0.25', '1']) await move(user, 'spot_to_perp', amount)
  await move(user, 'perp_to_spot', '2')
})

describe('an item', () => {
  test('says what a movement did to a balance, with the balance after it and the other side', async () => {
    const mine = await client.newAccount()
    await client.call('/admin/spot/balances/credit', {
      apiKey: client.manifest.adminApiKey,
      json: { user_address: mine.account, token: 'USDT', amount: '7.50', reason: 'gift' },
    })
    const moved = await move(mine, 'spot_to_perp', '2.25')
    const { body, headers } = await history(mine)
    expect(headers.get('link')).toBeNull()
    const both = (body as { wallet: string }[]).slice(0, 2).sort((a, b) => (a.wallet < b.wallet ? -1 : 1))
    const common = {
      transfer_id: moved.transfer_id,
      kind: 'spot_to_perp',
      token: 'USDT',
      amount: '2.25',
      reference: null,
    }
    expect(both).toEqual([
      {
        ...common,
        id: expect.any(String),
        wallet: 'perp',
        available_delta: '2.25',
        frozen_delta: '0',
        available_after: '2.25',
        frozen_after: '0',
        version: 1,
        counterparty: { account: mine.account, wallet: 'spot' },
        created_at: moved.created_at,
      },
      {
        ...common,
        id: expect.any(String),
        wallet: 'spot',
        available_delta: '-2.25',
        frozen_delta: '0',
        available_after: '5.25',
        frozen_after: '0',
        version: 2,
        counterparty: { account: mine.account, wallet: 'perp' },
        created_at: moved.created_at,
      },
    ])
    expect(body[2]).toEqual({
      id: expect.any(String),
      transfer_id: expect.any(String),
      kind: 'credit',
      token: 'USDT',
      wallet: 'spot',
      amount: '7.5',
      available_delta: '7.5',
      frozen_delta: '0',
      available_after: '7.5',
      frozen_after: '0',
      version: 1,
      counterparty: { account: 'issuance', wallet: 'system' },
      reference: { reason: 'gift' },
      created_at: expect.any(Number),
    })
    expect(body).toHaveLength(3)
  })

  test('sums up to the balance: every movement is there once for each balance it changed', async () => {
    const { body } = await history(user)
    const sums: Record<string, number> = {}
    for (const entry of body) {
      const name = `${entry.wallet} ${entry.token}`
      sums[name] = (sums[name] ?? 0) + Number(entry.available_delta)
    }
    const balances = await client.balancesOf(user.account)
    expect(Object.fromEntries(Object.entries(sums).map(([name, sum]) => [name, String(sum)]))).toEqual(
      balances,
    )
  })

  test('shows only what is safe of the reference, an agent only to the side that paid, and a freeze without a counterparty', async () => {
    const [payer, payee] = await Promise.all([client.newAccount({ USDT: '5' }), client.newAccount()])
    await client.sql('select ledger.create_subaccount($1, $2, 9)', [payer.account, payee.account])
    // Posted as the owner: other functions' verbs write these kinds, and their fields must not leak through this read.
    await client.sql(
      `select ledger.post('subaccount_spot_transfer', 'USDT', 1, $1, 'spot', $2, 'spot',
         p_reference => '{"agent_wallet":"A","request_ip":"10.0.0.1"}')`,
      [payer.account, payee.account],
    )
    const [paid, got] = [(await history(payer)).body[0], (await history(payee)).body[0]]
    expect(paid).toMatchObject({
      counterparty: { account: payee.account, wallet: 'spot' },
      available_delta: '-1',
    })
    expect(paid.reference).toEqual({ agent_wallet: 'A' })
    expect(got).toMatchObject({
      counterparty: { account: payer.account, wallet: 'spot' },
      available_delta: '1',
    })
    expect(got.reference).toBeNull()

    for (const [kind, back] of [
      ['withdraw_reserve', false],
      ['withdraw_release', true],
    ]) {
      await client.sql(
        `select ledger.post($1, 'USDT', 2, $2, 'spot', $2, 'spot', p_from_frozen => $3, p_reference => '{"withdrawal_id":"w"}')`,
        [kind, payer.account, back],
      )
    }
    const [freed, froze] = (await history(payer, 'limit=2')).body
    const inside = { counterparty: null, amount: '2', reference: { withdrawal_id: 'w' } }
    expect(froze).toMatchObject({ ...inside, available_delta: '-2', frozen_delta: '2', frozen_after: '2' })
    expect(freed).toMatchObject({ ...inside, available_delta: '2', frozen_delta: '-2', frozen_after: '0' })
  })
})

describe('filters', () => {
  test('each keeps exactly what it names, alone and together', async () => {
    const all = (await history(user)).body as Record<string, string>[]
    expect(all).toHaveLength(10)
    const cases: [string, (entry: Record<string, string>) => boolean][] = [
      ['kind=credit', (entry) => entry.kind === 'credit'],
      ['kind=spot_to_perp&wallet=perp', (entry) => entry.kind === 'spot_to_perp' && entry.wallet === 'perp'],
      ['token=DF', (entry) => entry.token === 'DF'],
      ['wallet=spot', (entry) => entry.wallet === 'spot'],
      ['kind=deposit', () => false],
      ['token=SOL', () => false],
    ]
    for (const [query, keep] of cases)
      expect((await history(user, query)).body, query).toEqual(all.filter(keep))
    for (const kind of MOVEMENT_KINDS) expect((await history(user, `kind=${kind}`)).status, kind).toBe(200)
  })

  test('start is the first second that counts and end the first that does not', async () => {
    const all = (await history(user)).body as { created_at: number }[]
    const newest = all[0]?.created_at ?? 0
    const ids = async (query: string) => ((await history(user, query)).body as unknown[]).length
    expect(await ids(`start=${newest}`)).toBe(all.filter((entry) => entry.created_at >= newest).length)
    expect(await ids(`end=${newest}`)).toBe(all.filter((entry) => entry.created_at < newest).length)
    expect(await ids(`start=${newest + 1}`)).toBe(0)
    expect(await ids(`start=0&end=${newest + 1}`)).toBe(all.length)
    expect(await ids('end=281474976709')).toBe(all.length)
  })

  test('a bad one is refused, never ignored', async () => {
    const bad = [
      'kind=',
      'kind=gift',
      'kind=CREDIT',
      'kind=credit&kind=deposit',
      'token=',
      'token=usdt',
      'token=NOPE',
      'token=a%20b',
      'wallet=',
      'wallet=system',
      'wallet=SPOT',
      'start=-1',
      'start=1e3',
      'start=1.5',
      'start=',
      'start=01',
      'start=999999999999',
      'start=281474976710',
      'end=%D9%A3',
      'end=+5',
      'start=5&end=5',
      'start=6&end=5',
      'limit=0',
      'limit=201',
      'limit=1e1',
      'limit=',
      'limit=-1',
      'cursor=',
      'cursor=1',
      `cursor=${newKey().toUpperCase()}`,
      "cursor=' or 1=1",
      'idempotency_key=',
      'idempotency_key=%20',
      'idempotency_key=a%00',
      `idempotency_key=${'k'.repeat(256)}`,
      'Kind=credit',
      'offset=5',
      'account=0x1',
    ]
    for (const query of bad) {
      const answer = await history(user, query)
      expect([answer.status, answer.body.error], query).toEqual([400, 'INVALID_REQUEST'])
    }
  })

  test('a key finds its movement, among others of the account and never somebody else’s', async () => {
    const [mine, other] = await Promise.all([
      client.newAccount({ USDT: '9' }),
      client.newAccount({ USDT: '9' }),
    ])
    const key = newKey()
    const moved = await move(mine, 'spot_to_perp', '1', key)
    const theirs = await move(other, 'spot_to_perp', '2', key)
    await move(mine, 'spot_to_perp', '3', newKey())
    // The same key at another endpoint of the account is another movement: both are found.
    await client.sql(
      `insert into ledger.idempotency_keys (family_no, key_id, request_hash, movement_id, endpoint)
         select family_no, ledger.key_id($1, 'subaccount-spot-transfer', $2), gen_random_uuid(), $3, 4
         from ledger.accounts where address = $1`,
      [mine.account, key, (await history(mine, 'kind=credit')).body[0].transfer_id],
    )
    const found = (await history(mine, `idempotency_key=${key}`)).body as {
      transfer_id: string
      kind: string
    }[]
    expect(found.map((entry) => entry.kind)).toEqual(['spot_to_perp', 'spot_to_perp', 'credit'])
    expect(found.filter((entry) => entry.transfer_id === moved.transfer_id)).toHaveLength(2)
    expect(found.some((entry) => entry.transfer_id === theirs.transfer_id)).toBe(false)
    const narrowed = await history(mine, `idempotency_key=${key}&wallet=perp`)
    expect(narrowed.body).toHaveLength(1)
    expect((await history(mine, `idempotency_key=${newKey()}`)).body).toEqual([])
  })
})

describe('pages', () => {
  test('of every size hold each item once, newest first, and keep the filters in the link', async () => {
    const all = (await history(user)).body as { id: string }[]
    expect(all.map((entry) => entry.id)).toEqual(
      all
        .map((entry) => entry.id)
        .sort()
        .reverse(),
    )
    for (const limit of [1, 2, 3, 9, 10, 11, 200]) {
      const { items, pages } = await walk(user, `limit=${limit}`)
      expect(items, `limit ${limit}`).toEqual(all)
      expect(pages).toHaveLength(Math.ceil(all.length / limit))
    }
    const filtered = await walk(user, 'limit=1&kind=spot_to_perp&wallet=spot')
    expect(filtered.items).toHaveLength(3)
    expect(filtered.items.every((entry) => entry.kind === 'spot_to_perp' && entry.wallet === 'spot')).toBe(
      true,
    )
  })

  test('do not shift under movements that come in between', async () => {
    const mine = await client.newAccount({ USDT: '50' })
    for (const amount of ['1', '2', '3']) await move(mine, 'spot_to_perp', amount)
    const before = (await history(mine)).body
    const { items } = await walk(mine, 'limit=2', async () => void (await move(mine, 'spot_to_perp', '0.5')))
    expect(items).toEqual(before)
  })

  test('an unmatched stretch longer than one scan gives an empty page with a next one, and the match is found', async () => {
    const mine = await client.newAccount({ DF: '1', USDT: '1' })
    // As many movements as two scans look at, each a balanced posting of the ledger.
    await client.sql(
      `do $$ begin for i in 1..${HISTORY_SCAN_MAX} loop
         perform ledger.post('spot_to_perp', 'USDT', 0.000001, '${mine.account}', 'spot', '${mine.account}', 'perp');
       end loop; end $$`,
    )
    const { pages, items } = await walk(mine, 'token=DF&limit=5')
    expect(items).toHaveLength(1)
    expect(pages.map((page) => page.length)).toEqual([0, 0, 1])
    const credits = await walk(mine, 'kind=credit&limit=1')
    expect(credits.items.map((entry) => entry.token)).toEqual(['USDT', 'DF'])
  })
})

test('a page takes one round trip to the database, with every filter and without any', async () => {
  for (const query of [
    '',
    'kind=credit&token=USDT&wallet=spot&start=1&end=9999999999',
    'idempotency_key=k',
  ]) {
    const requestId = newKey()
    const path = `/spot/transfers?${query}`
    await client.call(path, { token: user.token, headers: { 'X-Request-Id': requestId } })
    expect(await requestLog(requestId)).toMatchObject({ status: 200, db_round_trips: 1 })
  }
})

test('an API key reads the history, and nobody reads somebody else’s', async () => {
  const { api_key: apiKey } = (await client.call('/api-keys', { token: user.token, json: {} })).body
  const byKey = await client.call('/spot/transfers', { apiKey })
  expect(byKey.body).toEqual((await history(user)).body)
  expect((await client.call('/spot/transfers')).body.error).toBe('UNAUTHORIZED')
  const stranger = await client.newAccount()
  expect((await history(stranger)).body).toEqual([])
  expect((await history(stranger, `cursor=${byKey.body[0].id}`)).body).toEqual([])
})
