import pg from 'pg'
import { expect, inject, test } from 'vitest'
import { entriesOf } from './support/account-rows.ts'
import { clientOf, newKey } from './support/client.ts'
import { expectRefusal, freshTime, idOf, newSolana, signedCalls, SPOT } from './support/subaccounts.ts'
import { locksWhileWaiting } from './support/row-locks.ts'
import { until } from './support/until.ts'
import type { Wallet } from './support/wallets.ts'

const client = clientOf()
const { bind, createBody, family, revoke, spot } = signedCalls(client)
const CROSSINGS = Number(process.env.CROSSINGS ?? 20)

const sol = async (wallet: Wallet) => (await client.balancesOf(idOf(wallet)))['spot SOL'] ?? '0'

test('fifty transfers at once with one key move once, and the other 49 name that movement', async () => {
  const { main, sub } = await family({ SOL: '100' })
  const idempotency_key = newKey()
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => spot(main, { to_account: sub.address, amount: '1', idempotency_key })),
  )
  const done = answers.filter((answer) => answer.status === 200)
  expect(done).toHaveLength(1)
  for (const answer of answers.filter((other) => other.status !== 200)) {
    expectRefusal(answer, 409, 409, 'Duplicate idempotency key', 'duplicate_idempotency_key')
    expect(answer.body.data.transfer_id).toBe(done[0]?.body.data.transfer_id)
    expect(answer.body.data.created_at).toBe(done[0]?.body.data.created_at)
  }
  expect([await sol(main), await sol(sub)]).toEqual(['99', '1'])
})

test('one message sent fifty times at once, in five spellings, moves once', async () => {
  const { main, sub } = await family({ SOL: '100' })
  const options = { timestamp: freshTime(), expiryWindow: 60_000 }
  const forms = ['plain', 'object', 'legacy', 'v0', 'v1'] as const
  const answers = await Promise.all(
    Array.from({ length: 50 }, (_, at) =>
      spot(main, { to_account: sub.address, amount: '1' }, { ...options, as: forms[at % forms.length]! }),
    ),
  )
  expect(answers.map((answer) => answer.status).sort()).toEqual([200, ...Array(49).fill(409)])
  expect([await sol(main), await sol(sub)]).toEqual(['99', '1'])
})

test('twenty transfers of all there is, at once, move it once', async () => {
  const { main, sub } = await family({ SOL: '7' })
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => spot(main, { to_account: sub.address, amount: '7' })),
  )
  expect(answers.map((answer) => Number(answer.body.code ?? 200)).sort()).toEqual(
    [200, ...Array(19).fill(62)].sort(),
  )
  expect([await sol(main), await sol(sub)]).toEqual(['0', '7'])
})

test('an agent revoked while its transfers run moves nothing after the revoke has answered', async () => {
  const { main, sub } = await family({ SOL: '1000' })
  for (let round = 0; round < 3; round += 1) {
    const agent = newSolana()
    expect((await bind(main, agent)).status).toBe(200)
    let stopped = false
    const codes: unknown[] = []
    const stream = async () => {
      while (!stopped) {
        const answer = await spot(
          agent,
          { to_account: sub.address, amount: '0.001' },
          { account: main.address },
        )
        codes.push(answer.status === 200 ? 'moved' : answer.body.error_id)
      }
    }
    const streams = Promise.all(Array.from({ length: 8 }, stream))
    await until(() => codes.filter((code) => code === 'moved').length >= 20, 'transfers by the agent')

    const answer = await revoke(main, agent)
    expect(answer.status, answer.text).toBe(200)
    const atAnswer = await sol(sub)
    const refused = codes.length
    await until(() => codes.length >= refused + 30, 'attempts after the revoke')
    stopped = true
    await streams
    expect(await sol(sub)).toBe(atAnswer)
    expect(new Set(codes)).toEqual(new Set(['moved', 'agent_not_authorized']))
  }
})

test('a revoke waits for a transfer that has begun, and what the agent begins meanwhile is refused', async () => {
  const { main, sub } = await family({ SOL: '10' })
  const agent = newSolana()
  await bind(main, agent)
  const act = async () =>
    await spot(agent, { to_account: sub.address, amount: '1' }, { account: main.address })
  const holder = new pg.Client({ connectionString: inject('stack').databaseUrl })
  await holder.connect()
  const [{ pid }] = (await holder.query<{ pid: number }>('select pg_backend_pid() as pid')).rows as [
    { pid: number },
  ]
  const blockedBy = async (by: number, verb: string) => {
    const query = `select pid from pg_stat_activity where $1 = any(pg_blocking_pids(pid)) and query like $2`
    return (await client.sql<{ pid: number }>(query, [by, `%${verb}%`]))[0]?.pid
  }
  await holder.query('begin')
  await holder.query('select 1 from balances where account = $1 for update', [main.address])
  const begun = act()
  const transferPid = await until(
    async () => await blockedBy(pid, 'transfer_in_family'),
    'the transfer to wait',
  )
  let answered = false
  const revoked = revoke(main, agent).finally(() => (answered = true))
  const revokePid = await until(
    async () => answered || (await blockedBy(transferPid, 'revoke_agents')),
    'the revoke to wait',
  )
  expect(answered).toBe(false)
  const late = act()
  await until(
    async () => await blockedBy(revokePid as number, 'transfer_in_family'),
    'the late transfer to wait',
  )
  await holder.query('rollback')
  await holder.end()

  const [first, ended, second] = await Promise.all([begun, revoked, late])
  expect([first.status, ended.status], first.text + ended.text).toEqual([200, 200])
  expectRefusal(second, 400, 400, 'Agent not authorized for account', 'agent_not_authorized')
  expect([await sol(main), await sol(sub)]).toEqual(['9', '1'])
})

test('parent to sub and back cross at once: the sum is constant in every snapshot, and nobody is refused', async () => {
  const { main, sub } = await family({ SOL: '50' })
  await client.credit(sub.address, 'SOL', '50')
  const watcher = new pg.Client({ connectionString: inject('stack').databaseUrl })
  await watcher.connect()
  const outcomes: string[] = []
  const crossing = async (from: Wallet, to: Wallet) => {
    for (let round = 0; round < CROSSINGS; round += 1) {
      const answer = await spot(from, { to_account: to.address, amount: '0.7' })
      outcomes.push(answer.status === 200 ? 'moved' : String(answer.body.error_id))
    }
  }
  let over = false
  const work = Promise.all(
    Array.from({ length: 12 }, (_, at) => (at % 2 ? crossing(main, sub) : crossing(sub, main))),
  ).finally(() => (over = true))
  while (!over) {
    await watcher.query('begin isolation level repeatable read read only')
    const { rows } = await watcher.query(
      `select (select trim_scale(sum(available + frozen))::text from balances where account = any($1)) as held,
         (select trim_scale(sum(available_delta + frozen_delta))::text from ${entriesOf('$1')}) as booked`,
      [[main.address, sub.address]],
    )
    await watcher.query('commit')
    expect(rows).toEqual([{ held: '100', booked: '100' }])
  }
  await work
  await watcher.end()
  expect(outcomes).toEqual(outcomes.map(() => 'moved'))
})

test('the two balances are locked in one order, whichever of the two accounts gives', async () => {
  const { main, sub } = await family({ SOL: '10' })
  await client.credit(sub.address, 'SOL', '10')
  // By their numbers, and a main account has the lower one.
  const [first, second] = [main, sub].map((wallet) => {
    return { account: idOf(wallet), wallet: 'spot' as const, token: 'SOL' }
  })
  for (const [from, to] of [
    [main, sub],
    [sub, main],
  ] as const)
    for (const [held, other, isFirst] of [
      [second!, first!, true],
      [first!, second!, false],
    ] as const) {
      const { otherIsLocked, result } = await locksWhileWaiting(
        inject('stack').databaseUrl,
        held,
        other,
        async () => await spot(from, { to_account: to.address, amount: '1' }),
      )
      expect([otherIsLocked, result.status], result.text).toEqual([isFirst, 200])
    }
})

test('a key bound by two accounts at once becomes the agent of one', async () => {
  for (let round = 0; round < 5; round += 1) {
    const agent = newSolana()
    const accounts = Array.from({ length: 6 }, newSolana)
    const answers = await Promise.all(accounts.map((account) => bind(account, agent)))
    expect(answers.filter((answer) => answer.status === 200)).toHaveLength(1)
    for (const answer of answers.filter((other) => other.status !== 200))
      expectRefusal(answer, 409, 409, 'Agent bound to another account', 'agent_bound_elsewhere')
  }
})

test('one sub offered to several mains at once, or in a ring, never makes a chain or a second parent', async () => {
  for (let round = 0; round < 5; round += 1) {
    const sub = newSolana()
    const mains = Array.from({ length: 4 }, newSolana)
    const bodies = await Promise.all(mains.map((main) => createBody(main, sub)))
    const answers = await Promise.all(
      bodies.map((json) => client.call('/account/subaccount/create', { json })),
    )
    expect(answers.map((answer) => Number(answer.body.code ?? 200)).sort()).toEqual([200, 40, 40, 40])

    const ring = Array.from({ length: 3 }, newSolana)
    const links = await Promise.all(ring.map((main, at) => createBody(main, ring[(at + 1) % 3]!)))
    await Promise.all(links.map((json) => client.call('/account/subaccount/create', { json })))
    const ids = ring.map((wallet) => wallet.address)
    const chains = await client.sql(
      'select 1 from subaccounts a join subaccounts b on a.main_account = b.subaccount where a.subaccount = any($1)',
      [ids],
    )
    expect(chains).toEqual([])
    const made = await client.sql('select 1 from subaccounts where subaccount = any($1)', [ids])
    expect(made).toHaveLength(1)
  }
})

test('a transfer that met a held row answers busy, moves nothing, and moves once when it is sent again', async () => {
  const { main, sub } = await family({ SOL: '5' })
  const body = await main.body(
    'transfer_spot_asset',
    { to_account: sub.address, symbol: 'SOL', amount: '1' },
    { timestamp: freshTime() },
  )
  const holder = new pg.Client({ connectionString: inject('stack').databaseUrl })
  await holder.connect()
  await holder.query('begin')
  await holder.query('select 1 from balances where account = $1 for update', [main.address])
  const busy = await client.call(SPOT, { json: body })
  await holder.query('rollback')
  await holder.end()
  expectRefusal(busy, 503, 503, 'Service busy', 'service_busy')
  expect(busy.headers.get('retry-after')).toBe('1')
  expect((await client.call(SPOT, { json: body })).status).toBe(200)
  expect([await sol(main), await sol(sub)]).toEqual(['4', '1'])
})
