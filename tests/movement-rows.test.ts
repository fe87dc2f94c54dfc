import { randomBytes, randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { credit } from '../db/ledger/credit.ts'
import { MOVEMENT_KINDS, readHistory, type HistoryFilter } from '../db/ledger/history.ts'
import { startCursor } from '../db/ledger/record-logs.ts'
import { reserve } from '../db/ledger/reserve.ts'
import { settleEvents } from '../db/ledger/settle-events.ts'
import { storeSignature } from '../db/ledger/store-signature.ts'
import { subaccountTransfer } from '../db/ledger/subaccount-transfer.ts'
import { transfer } from '../db/ledger/transfer.ts'
import { invariants } from '../scripts/stack/invariants.ts'
import { CHAIN_ID, ledgerStage, newCast, TOKENS, VAULT, type LedgerStage } from './support/ledger-stage.ts'
import { storeLog, withdrawalData } from './support/stored-log.ts'
import { until } from './support/until.ts'

const key = { chainId: CHAIN_ID, vault: VAULT }
const { symbol: token, contract } = TOKENS[0]!
const unkeyed = { idempotency: undefined, requestId: 'test', reason: undefined }
const newAddress = () => `0x${randomBytes(20).toString('hex')}`
let stage: LedgerStage
let sql: (text: string, values?: unknown[]) => Promise<Record<string, unknown>[]>

beforeAll(async () => {
  stage = await ledgerStage(inject('stack'))
  sql = async (text, values = []) => (await stage.owner.query(text, values)).rows as Record<string, unknown>[]
})
afterAll(async () => {
  try {
    expect(await stage.violations()).toEqual([])
  } finally {
    await stage.stop()
  }
})

const give = async (account: string, amount: string) =>
  await credit(stage.admin, { account, token, amount, ...unkeyed })
const balancesOf = async (accounts: string[]) =>
  await sql(
    `select account, trim_scale(available)::text as available, version::int from balances where account = any($1) order by version, account`,
    [accounts],
  )

test('a movement stays in one family: one that would not is refused by the ledger itself and moves nothing', async () => {
  const [main, sub, stranger] = (await newCast(stage.owner)) as [string, string, string]
  for (const account of [main, sub, stranger]) await give(account, '5')
  const before = await balancesOf([main, sub, stranger])
  for (const [from, to] of [
    [main, stranger],
    [stranger, sub],
  ])
    await expect(
      sql(`select ledger.post('subaccount_spot_transfer', $1, 1, $2, 'spot', $3, 'spot')`, [token, from, to]),
    ).rejects.toThrow('a movement stays in one family')
  expect(await balancesOf([main, sub, stranger])).toEqual(before)
  await sql(`select ledger.post('subaccount_spot_transfer', $1, 1, $2, 'spot', $3, 'spot')`, [
    token,
    main,
    sub,
  ])
  expect((await balancesOf([main, sub, stranger])).map(({ available }) => available)).toEqual(['5', '4', '6'])
})

test('an account that is credited while it becomes a subaccount is in use: it stays its own, with its money', async () => {
  const [main, sub] = [newAddress(), newAddress()]
  const crediting = new pg.Client({ connectionString: stage.owner.options.connectionString })
  await crediting.connect()
  try {
    await crediting.query('begin')
    await crediting.query('select ledger.credit($1, $2, 5, null, null, null, null)', [sub, token])
    const becoming = sql('select ledger.create_subaccount($1, $2, 9)', [main, sub]).then(
      () => 'created',
      (error: unknown) => (error as Error).message,
    )
    await until(
      async () => (await sql(`select from pg_locks where not granted`)).length > 0,
      'the subaccount to wait for the credit',
    )
    await crediting.query('commit')
    expect(await becoming).toBe('account_in_use')
  } finally {
    await crediting.end()
  }
  expect(await sql('select from subaccounts where subaccount = $1', [sub])).toEqual([])
  expect(await balancesOf([main, sub])).toEqual([{ account: sub, available: '5', version: 1 }])
})

test('an account that is credited for the first time as it becomes a subaccount is of the family when the credit comes', async () => {
  const [main, sub] = [newAddress(), newAddress()]
  const becoming = new pg.Client({ connectionString: stage.owner.options.connectionString })
  await becoming.connect()
  try {
    await becoming.query('begin')
    await becoming.query('select ledger.create_subaccount($1, $2, 9)', [main, sub])
    const credited = give(sub, '5')
    await until(
      async () => (await sql(`select from pg_locks where not granted`)).length > 0,
      'the credit to wait for the subaccount',
    )
    await becoming.query('commit')
    await credited
  } finally {
    await becoming.end()
  }
  const families = await sql(
    `select count(distinct b.family_no)::int as n from ledger.accounts a join ledger.balances b on b.account_no = a.account_no
     where a.address = any($1) and a.family_no = (select account_no from ledger.accounts where address = $2)`,
    [[main, sub], main],
  )
  expect(families).toEqual([{ n: 1 }])
})

test('a balance that is not there yet is locked first too, where it comes first: two first uses never wait for each other', async () => {
  const account = newAddress()
  await give(account, '9')
  const connectionString = stage.owner.options.connectionString
  const [holder, prober] = [new pg.Client({ connectionString }), new pg.Client({ connectionString })]
  await Promise.all([holder.connect(), prober.connect()])
  try {
    await holder.query('begin')
    await holder.query('select from balances where account = $1 for update', [account])
    const moving = [1, 2, 3].map(
      async () =>
        await sql(`select ledger.transfer($1, $2, 'spot_to_perp', 1, null, null)`, [account, token]),
    )
    await until(
      async () => (await prober.query(`select from pg_locks where not granted`)).rowCount === 3,
      'all three to wait',
    )
    // Whoever waits for the spot balance has the place of the perp balance: nobody else can take it.
    await prober.query(`set lock_timeout = '50ms'`)
    const probe = `insert into ledger.balances (family_no, account_no, token_no, wallet)
      select family_no, account_no, token_no, 'p' from ledger.balances
      where account_no = (select account_no from ledger.accounts where address = $1)`
    await expect(prober.query(probe, [account])).rejects.toMatchObject({ code: '55P03' })
    await holder.query('rollback')
    await Promise.all(moving)
  } finally {
    await Promise.all([holder.end(), prober.end()])
  }
  expect(await balancesOf([account])).toEqual([
    { account, available: '3', version: 3 },
    { account, available: '6', version: 4 },
  ])
})

test('a request is answered again as it was first, to the byte, also after its withdrawal was paid', async () => {
  const account = newAddress()
  await give(account, '20')
  const idempotency = { key: 'again', requestHash: randomBytes(32).toString('hex') }
  const request = { ...key, account, recipient: account, token, amount: '1.50', ttlSeconds: 600, idempotency }
  const { reservation } = (await reserve(stage.withdrawals, request)) as { reservation: { id: string } }
  // Nothing is signed yet, so there is no answer to give again.
  await expect(reserve(stage.withdrawals, request)).rejects.toMatchObject({ reason: 'request_in_progress' })
  const first = await storeSignature(stage.withdrawals, reservation.id, `0x${'11'.repeat(65)}`, 0)
  const again = async () =>
    JSON.stringify(((await reserve(stage.withdrawals, request)) as { answer: unknown }).answer)
  const answer = JSON.stringify((first as { answer: unknown }).answer)
  expect(JSON.parse(answer)).toMatchObject({ id: reservation.id, amount: '1.5', status: 'signed' })
  expect(await again()).toBe(answer)
  await startCursor(stage.settle, key, { number: 1, hash: `0x${'01'.repeat(32)}`, timestamp: 1 })
  const paid = withdrawalData(15n * 10n ** 17n, 0)
  await storeLog(sql, { ...key, account, contract, event: 'withdrawal', data: paid })
  await settleEvents(stage.settle, key, 100)
  expect(await sql('select status from withdrawals where id = $1', [reservation.id])).toEqual([
    { status: 'confirmed' },
  ])
  expect(await again()).toBe(answer)
})

test('what moves is of its token alone: every other balance of the account stays as it was, to its version', async () => {
  const account = newAddress()
  const balances = async () =>
    await sql(
      `select token, wallet, trim_scale(available)::text as available, version::int from balances where account = $1`,
      [account],
    )
  const others = TOKENS.slice(1).map(({ symbol }) => symbol)
  for (const symbol of [token, ...others])
    await credit(stage.admin, { account, token: symbol, amount: '9', ...unkeyed })
  const kept = (await balances()).filter((row) => row.token !== token)
  expect(kept).toHaveLength(others.length)
  await sql('select ledger.transfer($1, $2, $3, 4, null, null)', [account, token, 'spot_to_perp'])
  const after = await balances()
  expect(after).toEqual(expect.arrayContaining(kept))
  expect(
    after.filter((row) => row.token === token).map(({ wallet, available }) => [wallet, available]),
  ).toEqual(
    expect.arrayContaining([
      ['spot', '5'],
      ['perp', '4'],
    ]),
  )
})

test('a key is one of its endpoint: used at three of them it is carried out three times, and none is answered with the answer of another', async () => {
  const [account, sub] = (await newCast(stage.owner)) as [string, string]
  await give(account, '20')
  const idempotency = { key: randomUUID(), requestHash: randomBytes(32).toString('hex') }
  const caller = {
    ...{ account, agent: null, digest: idempotency.requestHash, expiresAt: Date.now() + 60_000 },
  }
  const toPerp = { account, token, direction: 'spot_to_perp', amount: '1', idempotency }
  const toVault = { ...key, account, recipient: account, token, amount: '2', ttlSeconds: 600, idempotency }
  const toSub = {
    caller,
    to: sub,
    wallet: 'spot',
    token,
    amount: '4',
    idempotencyKey: idempotency.key,
  } as const

  const moved = await transfer(stage.transfers, toPerp)
  expect([moved.replayed, moved.answer.amount]).toEqual([false, '1'])
  expect(await reserve(stage.withdrawals, toVault)).toMatchObject({ outcome: 'reserved' })
  const given = await subaccountTransfer(stage.signed, toSub)
  expect(given.replayed).toBe(false)
  expect(given.answer.transfer_id).not.toBe(moved.answer.transfer_id)
  expect((await balancesOf([account, sub])).map(({ available }) => available).sort()).toEqual([
    '1',
    '13',
    '4',
  ])

  // Each is still known where it was used.
  expect(await transfer(stage.transfers, toPerp)).toMatchObject({ replayed: true, answer: moved.answer })
  await expect(reserve(stage.withdrawals, toVault)).rejects.toMatchObject({ reason: 'request_in_progress' })
  await expect(subaccountTransfer(stage.signed, toSub)).rejects.toMatchObject({
    reason: 'duplicate_idempotency_key',
    detail: expect.stringContaining(given.answer.transfer_id) as string,
  })
})

test('views show rows as people know them: names for numbers, both entries of a movement, and the time that its id has', async () => {
  const account = newAddress()
  await give(account, '7')
  await sql('select ledger.transfer($1, $2, $3, 2.5, null, null)', [account, token, 'spot_to_perp'])
  const entries = await sql(
    `select e.account, e.wallet, e.token, trim_scale(e.available_delta)::text as delta, trim_scale(e.available_after)::text as after,
       t.kind, t.from_account, t.to_account, abs(extract(epoch from t.created_at - clock_timestamp())) < 60 as is_now
     from entries e join transfers t on t.id = e.transfer_id
     where t.from_account = $1 or t.to_account = $1 order by e.id`,
    [account],
  )
  const spot = { account, wallet: 'spot', token, is_now: true }
  const credited = { kind: 'credit', from_account: 'issuance', to_account: account }
  const moved = { kind: 'spot_to_perp', from_account: account, to_account: account }
  expect(entries).toEqual([
    { ...spot, ...credited, account: 'issuance', wallet: 'system', delta: '-7', after: null },
    { ...spot, ...credited, delta: '7', after: '7' },
    { ...spot, ...moved, delta: '-2.5', after: '4.5' },
    { ...spot, ...moved, wallet: 'perp', delta: '2.5', after: '2.5' },
  ])
  expect(
    await sql(
      'select account, trim_scale(available)::text as available from spot_balances where account = $1',
      [account],
    ),
  ).toEqual([{ account, available: '4.5' }])
  const columns = await sql(
    `select column_name from information_schema.columns where table_name = 'spot_withdrawals' and column_name = 'signature'`,
  )
  expect(columns).toEqual([])
})

test('the time of an id is that of its millisecond and second, whatever the fraction', async () => {
  const rows = await sql(
    `select count(*)::int as wrong from (
       select t, ledger.time_of(ledger.new_movement_id(t)) as back
       from (select timestamptz '2026-11-27 00:00:00Z' + n * interval '0.000333 seconds' as t from generate_series(0, 9000) n) times
     ) x where floor(extract(epoch from t) * 1000) <> floor(extract(epoch from back) * 1000) or back > t or t - back > interval '2 microseconds'`,
  )
  expect(rows).toEqual([{ wrong: 0 }])
})

test('each kind of movement has a number of its own, and the list in SQL is the one of the API', async () => {
  const [row] = await sql('select ledger.movement_kinds() as kinds')
  expect(row).toEqual({ kinds: [...MOVEMENT_KINDS] })
})

test('a filtered walk finds every entry however short its scans are, also of an account that only receives', async () => {
  const account = newAddress()
  await give(account, '1')
  await sql('select ledger.transfer($1, $2, $3, 1, null, null)', [account, token, 'spot_to_perp'])
  for (let times = 0; times < 25; times += 1) await give(account, '1')
  const walk = async (wanted: Partial<HistoryFilter>) => {
    const filter = { token: undefined, wallet: undefined, kind: undefined, start: undefined, end: undefined }
    const found: string[] = []
    let cursor: string | undefined
    do {
      const page = await readHistory(stage.reads, account, {
        ...{ ...filter, idempotencyKey: undefined, limit: 2, cursor, ...wanted },
        scanMax: wanted.scanMax ?? 5,
      })
      found.push(...page.rows.slice(0, 2).map(({ id }) => id))
      cursor = page.rows.length > 2 ? page.rows[1]!.id : page.scannedTo
    } while (cursor !== undefined)
    return found
  }
  for (const scanMax of [3, 4, 5, 6, 7, 8, 11]) {
    expect([scanMax, (await walk({ kind: 'spot_to_perp', scanMax })).length]).toEqual([scanMax, 2])
    expect([scanMax, (await walk({ wallet: 'perp', scanMax })).length]).toEqual([scanMax, 1])
    expect([scanMax, new Set(await walk({ kind: 'credit', scanMax })).size]).toEqual([scanMax, 26])
  }
})

test('a signature that was kept is not signed behind the pause’s back, and is once signing goes on', async () => {
  const account = newAddress()
  await give(account, '3')
  const request = {
    ...key,
    account,
    recipient: account,
    token,
    amount: '2',
    ttlSeconds: 600,
    idempotency: undefined,
  }
  const { reservation } = (await reserve(stage.withdrawals, request)) as { reservation: { id: string } }
  const end = async () => {
    await sql('select ledger.end_reservations(array[$1::uuid], jsonb_build_object($1, $2::text))', [
      reservation.id,
      `0x${'11'.repeat(65)}`,
    ])
    const [row] = await sql('select status from withdrawals where id = $1', [reservation.id])
    return row?.status
  }
  await sql(`select ledger.pause_withdrawals('a test')`)
  expect(await end()).toBe('reserved')
  await sql(`select ledger.resume_withdrawals('over')`)
  expect(await end()).toBe('signed')
})

describe('what is wrong in a row is found by an invariant', () => {
  const mine = (address: string) => `(select account_no from ledger.accounts where address = '${address}')`
  test.each([
    ['an account that is gone', (a: string) => `delete from ledger.accounts where address = '${a}'`],
    [
      'a movement of nobody',
      (a: string) => `update ledger.movements set from_no = 777777 where from_no = ${mine(a)}`,
    ],
    [
      'a token that is none',
      (a: string) => `update ledger.movements set token_no = 777 where from_no = ${mine(a)}`,
    ],
    [
      'a kind that is none',
      (a: string) => `update ledger.movements set kind = 99 where from_no = ${mine(a)}`,
    ],
    [
      'a kind of the other direction',
      (a: string) => `update ledger.movements set kind = 3 - kind where from_no = ${mine(a)}`,
    ],
    [
      'a deposit that nobody made',
      (a: string) =>
        `update ledger.movements set kind = 11, from_side = 'v' where to_no = ${mine(a)} and from_no is null`,
    ],
    ['a credit without its row', (a: string) => `delete from spot_admin_credits where user_address = '${a}'`],
    [
      'a key of no movement',
      (a: string) =>
        `update ledger.idempotency_keys set movement_id = gen_random_uuid() where family_no = ${mine(a)}`,
    ],
    [
      'a key in another family',
      (a: string) => `update ledger.idempotency_keys set family_no = 777777 where family_no = ${mine(a)}`,
    ],
    [
      'a key of no endpoint',
      (a: string) => `update ledger.idempotency_keys set endpoint = 77 where family_no = ${mine(a)}`,
    ],
    [
      'a balance that grew by itself',
      (a: string) => `update ledger.balances set available = available + 1 where account_no = ${mine(a)}`,
    ],
    [
      'a subaccount that is no account',
      (a: string) =>
        `insert into subaccounts (subaccount, main_account, created_at) values ('0x' || repeat('98', 20), '${a}', now())`,
    ],
  ] as const)('%s', async (_what, spoil) => {
    const account = newAddress()
    await give(account, '9')
    await sql('select ledger.transfer($1, $2, $3, 1, $4, $5)', [
      account,
      token,
      'spot_to_perp',
      'k',
      randomBytes(32),
    ])
    const client = new pg.Client({ connectionString: stage.owner.options.connectionString })
    await client.connect()
    try {
      await client.query('begin; set local session_replication_role = replica')
      expect((await client.query(spoil(account))).rowCount).toBeGreaterThan(0)
      const found: string[] = []
      for (const { name, query } of invariants())
        if ((await client.query(query)).rowCount! > 0) found.push(name)
      expect(found).not.toEqual([])
    } finally {
      await client.end()
    }
  })
})

test('a token with balances is neither deleted nor numbered anew, and an account with one keeps its family', async () => {
  const account = newAddress()
  await give(account, '1')
  for (const [text, code] of [
    ['delete from tokens where symbol = $1', '23503'],
    ['update tokens set token_no = default where symbol = $1', 'TG099'],
  ] as const)
    await expect(sql(text, [token])).rejects.toMatchObject({ code })
  await expect(sql('update ledger.accounts set family_no = 1 where address = $1', [account])).rejects.toMatchObject({ code: 'TG099' }) // prettier-ignore
  await expect(sql('delete from ledger.accounts where address = $1', [account])).rejects.toMatchObject({ code: 'TG099' }) // prettier-ignore
})
