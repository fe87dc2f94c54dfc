/** A movement tells a stream only where somebody listens, and whoever begins to listen misses none. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { parseEnv } from '../functions/_lib/env-read.ts'
import { settleSchema } from '../functions/_lib/settle/context.ts'
import { settle } from '../functions/_lib/settle/run.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import type { Client } from './support/client.ts'
import { witnessBinding } from './support/witness.ts'
import { ownStack } from './support/own-stack.ts'
import { openStream, type StreamClient, UpgradeRefused } from './support/stream.ts'
import { until } from './support/until.ts'
import { requestWithdrawal } from './support/withdrawals.ts'

/** The second look comes 25 s after the registration. */
const LOOK_LIMIT_MS = 90_000
let stack: Stack
let client: Client
let stop: () => Promise<void>
let listenAsInstalled: string
const opened: StreamClient[] = []

beforeAll(async () => {
  ;({ stack, client, stop } = await ownStack())
  const [row] = await client.sql<{ text: string }>(
    `select pg_get_functiondef('ledger.listen(text)'::regprocedure) as text`,
  )
  listenAsInstalled = row!.text
})
afterEach(async () => {
  stack.proxy.control({ rates: [], next: [] })
  stack.kms.control({ faults: [] })
  await client.sql(listenAsInstalled)
  await Promise.all(opened.splice(0).map(async (stream) => await stream.close()))
})
afterAll(async () => await stop())

async function subscribed(bearer: string, token?: string): Promise<StreamClient> {
  const stream = await openStream(stack.manifest.wsUrl, { bearer })
  opened.push(stream)
  await stream.subscribe(token)
  return stream
}
const versions = (stream: StreamClient, token: string) => stream.balances(token).map(({ version }) => version)
const toPerp = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }

/** For how long the ledger keeps a registration. */
async function leaseOf(seconds: number): Promise<void> {
  const text = listenAsInstalled.replace(
    /v_seconds constant integer := \d+/,
    `v_seconds constant integer := ${seconds}`,
  )
  expect(text).not.toBe(listenAsInstalled)
  await client.sql(text)
}
/** Seconds that the account is still registered for; negative when that is over, undefined when it never was. */
async function registered(account: string): Promise<number | undefined> {
  const [row] = await client.sql<{ left: number }>(
    `select extract(epoch from listens_until - clock_timestamp())::float8 as left from stream_listeners where account = $1`,
    [account],
  )
  return row?.left
}
const untilOf = async (account: string) =>
  (
    await client.sql<{ at: string }>(
      'select listens_until::text as at from stream_listeners where account = $1',
      [account],
    )
  )[0]?.at

describe('a movement', () => {
  const called: string[] = []
  /** Durable Objects that count their calls. */
  const STREAM = {
    idFromName: (name: string) => name,
    get: (name: string) => ({
      fetch: async () => {
        called.push(name)
        return await Promise.resolve(new Response(null, { status: 204 }))
      },
    }),
  }
  const after: Promise<unknown>[] = []
  const context = {
    waitUntil: (work: Promise<unknown>) => void after.push(work.catch(() => {})),
    passThroughOnException: () => {},
    props: {},
  }
  beforeEach(() => void (called.length = 0))

  async function post(file: string, path: string, headers: Record<string, string>, body: object) {
    // By a name only known here: the types of Workers must not reach the tests.
    const { default: worker } = (await import(`../functions/${file}.ts`)) as {
      default: { fetch: (request: Request, bindings: object, execution: object) => Promise<Response> }
    }
    const request = new Request(`https://x/api/v1${path}`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: JSON.stringify(body),
    })
    const bindings = { ...stack.env, RATE_LIMITS: 'off', STREAM, WITNESS: witnessBinding() }
    const response = await worker.fetch(request, bindings, context)
    await Promise.all(after)
    return response.status
  }
  const withdraw = { token: 'DF', amount: '1' }

  /** Credit, transfer, a withdrawal that is signed, one that is not, and one that settle gives back: six changes. */
  async function everyMovement(account: string, token: string): Promise<void> {
    const session = { Authorization: `Bearer ${token}` }
    const credit = { user_address: account, token: 'DF', amount: '5', reason: 'test' }
    const admin = { 'X-API-Key': stack.manifest.adminApiKey }
    expect(await post('admin-credit', '/admin/spot/balances/credit', admin, credit)).toBe(200)
    expect(await post('spot-transfer', '/spot/transfer', session, toPerp)).toBe(200)
    const request = async () =>
      await post('spot-withdraw-request', '/spot/withdraw/request', session, withdraw)
    expect(await request()).toBe(200)
    stack.kms.control({ faults: [{ kind: 'throttle' }] })
    expect(await request()).toBe(503)
    stack.kms.control({ faults: [] })
    await client.sql(`select ledger.reserve($1, 'DF', 1, $1, $2, $3, 3600, null, null)`, [
      account,
      stack.manifest.chainId,
      stack.manifest.vault.toLowerCase(),
    ])
    await client.sql(
      `update withdrawals set requested_at = now() - interval '1 hour' where account = $1 and status = 'reserved'`,
      [account],
    )
    const { pushBalances } = (await import(String('../functions/_lib/stream/client.ts'))) as {
      pushBalances: (bindings: object, pushes: object[]) => Promise<void>
    }
    const summary = await settle(
      parseEnv(settleSchema, stack.env),
      async (pushes) => await pushBalances({ STREAM }, pushes),
    )
    expect(summary).toMatchObject({ released: 1 })
  }

  test('that nobody listens to calls no Durable Object, whatever moved and whoever moved it', async () => {
    const { account, token } = await client.newAccount({ USDT: '5' })
    await everyMovement(account, token)
    expect(called).toEqual([])
  })

  test('that somebody listens to calls the account’s, each time that its balance changed', async () => {
    const { account, token } = await client.newAccount({ USDT: '5' })
    await client.sql('select ledger.listen($1)', [account])
    await everyMovement(account, token)
    expect(called).toEqual(Array(6).fill(account))
  })

  test('calls nobody once the registration has run out', async () => {
    const { account, token } = await client.newAccount({ USDT: '5' })
    await client.sql('select ledger.listen($1)', [account])
    await client.sql(`update stream_listeners set listens_until = clock_timestamp() where account = $1`, [
      account,
    ])
    await everyMovement(account, token)
    expect(called).toEqual([])
  })
})

/** A slow machine refuses an upgrade whose session it cannot look up in time: that is asked again. */
async function openInTheEnd(bearer: string): Promise<StreamClient> {
  for (let tries = 1; ; tries += 1)
    try {
      return await openStream(stack.manifest.wsUrl, { bearer })
    } catch (error) {
      if (!(error instanceof UpgradeRefused) || error.status < 500 || tries === 5) throw error
    }
}

describe('whoever begins to listen', () => {
  test('hears of a movement that looked before and was committed after the snapshot, although its verb told nobody', async () => {
    const { account, token } = await client.newAccount({ USDT: '5' })
    const owner = new pg.Client({ connectionString: stack.manifest.databaseUrl })
    await owner.connect()
    try {
      await owner.query('begin')
      const { rows } = await owner.query(
        `select ledger.credit($1, 'USDT', 1, null, null, null, null) -> 'pushes' as pushes`,
        [account],
      )
      expect(rows).toEqual([{ pushes: [] }])
      const stream = await subscribed(token, 'USDT')
      await owner.query('commit')
      await until(() => versions(stream, 'USDT').includes(2), 'the second look', LOOK_LIMIT_MS)
      expect(stream.balances('USDT')).toMatchObject([
        { available: '5', version: 1 },
        { available: '6', version: 2 },
      ])
    } finally {
      await owner.end()
    }
  }, 120_000)

  test('misses none of 1,000 movements that raced the opening of its socket, and hears of each version once', async () => {
    // So many at once as no slow machine calls busy.
    const [races, together] = [1_000, 10]
    let waiting: StreamClient[] = []
    /** Lets those go that have heard. A few hear only by the second look: nobody stands still for one of them. */
    const dismiss = async () => {
      const heard = waiting.filter((stream) => versions(stream, 'USDT').includes(2))
      for (const stream of heard) expect([[1, 2], [2]]).toContainEqual(versions(stream, 'USDT'))
      await Promise.all(heard.map(async (stream) => await stream.close()))
      waiting = waiting.filter((stream) => !heard.includes(stream))
      return waiting.length === 0
    }
    for (let done = 0; done < races; done += together) {
      const accounts = Array.from({ length: together }, () => `0x${randomBytes(20).toString('hex')}`)
      await client.sql(
        `select ledger.credit(account, 'USDT', 5, null, null, null, null) from unnest($1::text[]) as account`,
        [accounts],
      )
      const streams = await Promise.all(
        accounts.map(async (account, at) => {
          const token = await client.sessionFor(account)
          // With the upgrade, with the subscription, or some turns of the loop later.
          const early = at % 3 === 0 ? client.transfer(token, toPerp) : undefined
          const stream = await openInTheEnd(token)
          opened.push(stream)
          const asked = stream.subscribe('USDT')
          for (let turns = at % 3 === 2 ? at : 0; turns > 0; turns -= 1)
            await new Promise((resolve) => setImmediate(resolve))
          const moved = await (early ?? client.transfer(token, toPerp))
          expect(moved.status).toBe(200)
          await asked
          return stream
        }),
      )
      waiting.push(...streams)
      await dismiss()
    }
    await until(dismiss, 'the transfer at every socket', LOOK_LIMIT_MS)
  }, 900_000)

  test('is told of a withdrawal whose signature failed: frozen, and back', async () => {
    const account = await client.newAccount({ DF: '5' })
    const stream = await subscribed(account.token, 'DF')
    stack.kms.control({ faults: [{ kind: 'throttle' }] })
    expect((await requestWithdrawal(client, account, '2')).status).toBe(503)
    await until(() => versions(stream, 'DF').includes(3), 'the giving back')
    expect(stream.balances('DF')).toMatchObject([{ frozen: '0' }, { frozen: '2' }, { frozen: '0' }])
  })
})

describe('a registration', () => {
  test('is renewed while a subscribed socket lives, runs out by itself after it, and comes back with the next', async () => {
    await leaseOf(3)
    const { account, token } = await client.newAccount({ USDT: '5' })
    const silent = await openStream(stack.manifest.wsUrl, { bearer: token })
    opened.push(silent)
    silent.say({ type: 'ping' })
    await until(() => silent.messages.at(-1)?.type === 'pong', 'pong')
    expect(await registered(account)).toBeUndefined()
    const stream = await subscribed(token, 'USDT')
    for (let renewals = 0; renewals < 3; renewals += 1) {
      const before = await untilOf(account)
      await until(async () => (await untilOf(account)) !== before, 'a renewal')
    }
    await client.credit(account, 'USDT', '1')
    await until(() => versions(stream, 'USDT').includes(2), 'the push')
    await stream.close()
    await until(async () => ((await registered(account)) ?? 0) < -5, 'the registration to run out')
    const again = await subscribed(token, 'USDT')
    expect(await registered(account)).toBeGreaterThan(0)
    await client.credit(account, 'USDT', '1')
    await until(() => versions(again, 'USDT').includes(3), 'the push')
  })

  test('that the ledger does not take closes the socket with 1013 and gives no balance, and the next try has them', async () => {
    const { token } = await client.newAccount({ USDT: '5' })
    for (const kind of ['cutBeforeSend', 'cutAfterCommit'] as const) {
      const stream = await openStream(stack.manifest.wsUrl, { bearer: token })
      stack.proxy.control({ next: [{ kind, match: 'ledger.listen(' }] })
      stream.say({ type: 'subscribe', channel: 'spot:user:balances' })
      expect((await stream.closed).code).toBe(1013)
      expect(stream.balances()).toEqual([])
    }
    expect(versions(await subscribed(token, 'USDT'), 'USDT')).toEqual([1])
  })

  test('that cannot be renewed closes the socket with 1013 before it runs out', async () => {
    await leaseOf(8)
    const { token } = await client.newAccount({ USDT: '5' })
    const stream = await subscribed(token, 'USDT')
    stack.proxy.control({ rates: [{ kind: 'cutBeforeSend', probability: 1, match: 'ledger.listen(' }] })
    const { code, reason } = await stream.closed
    expect([code, reason]).toEqual([1013, 'the balances cannot be followed now: connect again'])
  })

  test('that fails to be renewed once is tried again, and the socket stays open', async () => {
    await leaseOf(30)
    const { account, token } = await client.newAccount({ USDT: '5' })
    const stream = await subscribed(token, 'USDT')
    const before = await untilOf(account)
    stack.proxy.control({ next: [{ kind: 'cutBeforeSend', match: 'ledger.listen(' }] })
    await until(async () => (await untilOf(account)) !== before, 'the second try', LOOK_LIMIT_MS)
    await client.credit(account, 'USDT', '1')
    await until(() => versions(stream, 'USDT').includes(2), 'the push')
  })

  test('is forgotten a day after it ran out, not before, and comes back when somebody listens again', async () => {
    const { account, token } = await client.newAccount({ USDT: '5' })
    for (const [hours, kept] of [
      [23, true],
      [25, false],
    ] as const) {
      await client.sql(
        `insert into stream_listeners values ($1, now() - make_interval(hours => $2))
           on conflict (account) do update set listens_until = excluded.listens_until`,
        [account, hours],
      )
      await client.sql(`select ledger.run_upkeep(1, '')`)
      expect([hours, (await registered(account)) !== undefined]).toEqual([hours, kept])
    }
    await subscribed(token, 'USDT')
    expect(await registered(account)).toBeGreaterThan(0)
  })
})
