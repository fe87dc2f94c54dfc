import { mkdtemp, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Client, neon, NeonDbError, neonConfig, Pool } from '@neondatabase/serverless'
import { sql as fragment } from 'drizzle-orm'
import { drizzle } from 'drizzle-orm/neon-http'
import { numeric, pgTable, text } from 'drizzle-orm/pg-core'
import pg from 'pg'
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest'
import { WebSocket } from 'ws'
import { createPools, QueueTimeout } from '../scripts/stack/neon-proxy-pool.ts'
import { startNeonProxy, type NeonProxy } from '../scripts/stack/neon-proxy.ts'
import { forgetPostgres, startPostgres, type LocalPostgres } from '../scripts/stack/postgres.ts'

const DATABASE = 'proxy_test'
const calm = { reset: true, delayMs: 0, next: [], rates: [], onClientAbort: 'cancel' as const }

let folder: string
let postgres: LocalPostgres
let proxy: NeonProxy
/** Past the proxy: what is really in the database. */
let direct: pg.Pool
let url: string
let readerUrl: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidegate-proxy-'))
  postgres = await startPostgres({ dataDir: join(folder, 'postgres') })
  await postgres.createDatabase(DATABASE)
  url = postgres.ownerUrl(DATABASE)
  direct = new pg.Pool({ connectionString: url })
  direct.on('error', () => {})
  proxy = await startNeonProxy({ postgresHost: '127.0.0.1', postgresPort: postgres.port })
  neonConfig.fetchEndpoint = proxy.fetchEndpoint
  neonConfig.wsProxy = proxy.wsProxy
  neonConfig.webSocketConstructor = WebSocket
  neonConfig.useSecureWebSocket = false
  neonConfig.pipelineTLS = false
  neonConfig.pipelineConnect = false
  await direct.query(`create role reader login password 'p@ss/word'`)
  readerUrl = url.replace(/\/\/[^@]+@/, `//reader:${encodeURIComponent('p@ss/word')}@`)
  await direct.query(`create table notes (
    id text primary key, amount numeric(38,18) not null constraint amount_not_negative check (amount >= 0))`)
  await direct.query('grant select on notes to reader')
}, 60_000)

afterAll(async () => {
  await proxy?.stop()
  await direct?.end()
  await postgres?.stop()
  await rm(folder, { recursive: true, force: true })
}, 60_000)

beforeEach(async () => {
  proxy.control(calm)
  await direct.query('truncate notes')
})

async function ids(): Promise<string[]> {
  const { rows } = await direct.query<{ id: string }>('select id from notes order by id')
  return rows.map(({ id }) => id)
}

async function failing(work: Promise<unknown>): Promise<NeonDbError> {
  const error = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(NeonDbError)
  return error as NeonDbError
}

const insert = (id: string, amount = '1', from = url) =>
  neon(from).query('insert into notes values ($1, $2)', [id, amount])

describe('single queries over HTTP', () => {
  test('carry amounts as exact text and never as rounded numbers', async () => {
    await insert('a', '12345678901234567890.123456789012345678')
    const rows = await neon(url)`select id, amount, null as nothing, 7 as seven from notes`
    const exact = { id: 'a', amount: '12345678901234567890.123456789012345678', nothing: null, seven: 7 }
    expect(rows).toEqual([exact])
  })

  test('answer rows as arrays and with full results when asked, and keep columns of one name apart', async () => {
    const full = await neon(url, { arrayMode: true, fullResults: true }).query('select 1 as x, 2 as x')
    expect(full).toMatchObject({ command: 'SELECT', rowCount: 1, rowAsArray: true, rows: [[1, 2]] })
    expect(full.fields.map(({ name, dataTypeID }) => [name, dataTypeID])).toEqual([
      ['x', 23],
      ['x', 23],
    ])
  })

  test('refuse two statements in one text and run neither', async () => {
    const error = await failing(neon(url).query(`insert into notes values ('a', 1); select 1`))
    expect(error.code).toBe('42601')
    expect(await ids()).toEqual([])
  })

  test('bring SQLSTATE, constraint and table of a refusal to the caller and leave no row', async () => {
    const error = await failing(insert('a', '-1'))
    const told = {
      code: '23514',
      severity: 'ERROR',
      constraint: 'amount_not_negative',
      table: 'notes',
      schema: 'public',
    }
    expect(error).toMatchObject(told)
    expect(error.detail).toContain('Failing row')
    expect(await ids()).toEqual([])
  })

  test('honour the output headers of a caller that wants neither raw text nor arrays', async () => {
    const answer = await fetch(proxy.fetchEndpoint, {
      method: 'POST',
      headers: { 'Neon-Connection-String': url },
      body: JSON.stringify({ query: `select 1::int4 as i, true as b, 1.50 as n, '{"k":1}'::jsonb as j` }),
    })
    expect(await answer.json()).toMatchObject({
      rowAsArray: false,
      rows: [{ i: 1, b: true, n: '1.50', j: { k: 1 } }],
    })
  })

  test('work through drizzle, whose errors keep the constraint in their cause', async () => {
    const notes = pgTable('notes', { id: text().primaryKey(), amount: numeric().notNull() })
    const db = drizzle(neon(url))
    await db.insert(notes).values({ id: 'a', amount: '0.000000000000000001' })
    expect(await db.select().from(notes)).toEqual([{ id: 'a', amount: '0.000000000000000001' }])
    const [counted] = (await db.execute<{ n: string }>(fragment`select count(*) as n from notes`)).rows
    expect(counted).toEqual({ n: '1' })
    const again = db.insert(notes).values({ id: 'a', amount: '1' })
    await expect(again).rejects.toMatchObject({ cause: { code: '23505', constraint: 'notes_pkey' } })
  })

  test('never leave a transaction open on a shared connection', async () => {
    await neon(url).query('begin')
    await insert('a')
    expect(await ids()).toEqual(['a'])
  })
})

describe('batches over HTTP', () => {
  test('commit all statements together and count as one round trip', async () => {
    const sql = neon(url)
    const results = await sql.transaction([
      sql`insert into notes values ('a', 1)`,
      sql`insert into notes values ('b', 2)`,
      sql`select count(*)::int as n from notes`,
    ])
    expect(results[2]).toEqual([{ n: 2 }])
    expect(proxy.roundTrips()).toMatchObject({ total: 1, httpRequests: 1, httpBatches: 1, httpStatements: 3 })
  })

  test('roll back every statement when one fails and hand back a usable connection', async () => {
    const sql = neon(url)
    const work = sql.transaction([
      sql`insert into notes values ('a', 1)`,
      sql`insert into notes values ('b', -1)`,
    ])
    expect(await failing(work)).toMatchObject({ code: '23514', constraint: 'amount_not_negative' })
    expect(await ids()).toEqual([])
    await insert('c')
    expect(await ids()).toEqual(['c'])
  })

  test('run under the isolation level and access mode asked for, and write nothing when read only', async () => {
    const sql = neon(url)
    const modes = { isolationLevel: 'Serializable', readOnly: true, deferrable: true } as const
    const [level] = await sql.transaction([sql`show transaction_isolation`], modes)
    expect(level).toEqual([{ transaction_isolation: 'serializable' }])
    const write = sql.transaction([sql`insert into notes values ('a', 1)`], { readOnly: true })
    expect(await failing(write)).toMatchObject({ code: '25006' })
    expect(await ids()).toEqual([])
  })
})

describe('roles', () => {
  test('apply as named in the connection string: a reader reads and cannot write', async () => {
    await insert('a')
    expect(await neon(readerUrl)`select id, current_user::text as me from notes`).toEqual([
      { id: 'a', me: 'reader' },
    ])
    expect(await failing(insert('b', '1', readerUrl))).toMatchObject({ code: '42501' })
    expect(await ids()).toEqual(['a'])
  })

  test('are refused with a wrong password, also after the right one was used', async () => {
    await neon(readerUrl)`select 1`
    const error = await failing(neon(readerUrl.replace('word@', 'wort@'))`select 1`)
    expect(error.code).toBe('28P01')
  })
})

describe('WebSocket', () => {
  test('carries an interactive transaction whose writes nobody sees before the commit', async () => {
    const pool = new Pool({ connectionString: url })
    const client = await pool.connect()
    await client.query('begin')
    await client.query('insert into notes values ($1, $2)', ['a', '1'])
    expect(await ids()).toEqual([])
    await client.query('commit')
    client.release()
    await pool.end()
    expect(await ids()).toEqual(['a'])
    expect(proxy.roundTrips().webSocketMessages).toBeGreaterThanOrEqual(3)
    expect(proxy.roundTrips()).toMatchObject({ webSocketConnections: 1, httpRequests: 0 })
  })

  test('that is cut mid-transaction gives the client an error and leaves no row', async () => {
    const client = new Client(url)
    client.on('error', () => {})
    await client.connect()
    await client.query('begin')
    await client.query(`insert into notes values ('a', 1)`)
    const pending = client.query('select pg_sleep(60)')
    proxy.cutWebSockets()
    await expect(pending).rejects.toThrow('terminated')
    await insert('b')
    expect(await ids()).toEqual(['b'])
  })

  test('keeps the order of messages under varying delays', async () => {
    proxy.control({ delayMs: { min: 0, max: 4 }, seed: 7 })
    const client = new Client(url)
    await client.connect()
    const answers = await Promise.all([1, 2, 3, 4, 5].map((n) => client.query('select $1::int as n', [n])))
    await client.end()
    expect(answers.map(({ rows }) => (rows as { n: number }[])[0]!.n)).toEqual([1, 2, 3, 4, 5])
  })
})

describe('faults', () => {
  test('cutBeforeSend gives the client an error and Postgres never saw the query', async () => {
    proxy.control({ next: [{ kind: 'cutBeforeSend' }] })
    expect((await failing(insert('a'))).message).toContain('Error connecting to database')
    expect(await ids()).toEqual([])
    await insert('a')
    expect(await ids()).toEqual(['a'])
  })

  test('skip lets so many matching queries pass, and the next one alone is struck', async () => {
    proxy.control({ next: [{ kind: 'cutBeforeSend', match: 'select', skip: 2 }] })
    const outcomes = []
    for (const n of [1, 2, 3, 4])
      outcomes.push(await neon(url)`select ${n}::int as n`.then(() => 'ok', () => 'cut')) // prettier-ignore
    expect(outcomes).toEqual(['ok', 'ok', 'cut', 'ok'])
  })

  test('cutAfterCommit swallows the answer of a query whose row is there', async () => {
    proxy.control({ next: [{ kind: 'cutAfterCommit' }] })
    expect((await failing(insert('a'))).message).toContain('Error connecting to database')
    expect(await ids()).toEqual(['a'])
  })

  test('cutAfterCommit on a batch leaves all of its rows', async () => {
    proxy.control({ next: [{ kind: 'cutAfterCommit' }] })
    const sql = neon(url)
    await failing(
      sql.transaction([sql`insert into notes values ('a', 1)`, sql`insert into notes values ('b', 1)`]),
    )
    expect(await ids()).toEqual(['a', 'b'])
  })

  test.each(['duplicate', 'duplicateRace'] as const)(
    '%s runs a request twice and answers once',
    async (kind) => {
      proxy.control({ next: [{ kind }] })
      await neon(url)`insert into notes values (gen_random_uuid()::text, 1)`
      expect(await ids()).toHaveLength(2)
      expect(proxy.injected()).toMatchObject([{ kind, copy: 'ok' }])
    },
  )

  test('duplicate answers with the first copy and records how the second one failed', async () => {
    proxy.control({ next: [{ kind: 'duplicate' }] })
    await insert('a')
    expect(proxy.injected()).toMatchObject([{ copy: '23505' }])
  })

  test.each(['into notes', '/INTO\\s+notes/i', /into notes/])(
    'match %s spares every other query',
    async (match) => {
      proxy.control({ next: [{ kind: 'cutBeforeSend', match }] })
      expect(await neon(url)`select 1 as one`).toEqual([{ one: 1 }])
      await failing(insert('a'))
      expect(await ids()).toEqual([])
    },
  )

  test('rates strike the same requests again under the same seed', async () => {
    const sequence = async () => {
      proxy.control({ seed: 42, rates: [{ kind: 'cutBeforeSend', probability: 0.5 }] })
      const struck: boolean[] = []
      for (let i = 0; i < 20; i++)
        struck.push(
          await neon(url)`select 1`.then(
            () => false,
            () => true,
          ),
        )
      return struck
    }
    const first = await sequence()
    expect(new Set(first)).toEqual(new Set([true, false]))
    expect(await sequence()).toEqual(first)
  })

  test('are set, counted and reset over HTTP, and a nonsensical setting changes nothing', async () => {
    const endpoint = `http://127.0.0.1:${proxy.port}/_control`
    const post = async (body: unknown) =>
      await fetch(endpoint, { method: 'POST', body: JSON.stringify(body) })
    await post({ next: [{ kind: 'cutBeforeSend', match: 'insert' }], delayMs: { min: 1, max: 2 } })
    await failing(insert('a'))
    const state = (await (await fetch(endpoint)).json()) as Record<string, unknown>
    expect(state).toMatchObject({ roundTrips: { total: 1 }, delayMs: { min: 1, max: 2 }, next: [] })
    expect(state['injected']).toMatchObject([{ kind: 'cutBeforeSend' }])
    expect((await post({ delayMs: -1 })).status).toBe(400)
    expect((await post({ next: [{ kind: 'nothing' }] })).status).toBe(400)
    expect(await (await post({ reset: true })).json()).toMatchObject({
      roundTrips: { total: 0 },
      injected: [],
    })
    expect(await (await fetch(endpoint)).json()).toMatchObject({ delayMs: { min: 1, max: 2 } })
  })

  test('delayMs holds a query on both of its ways', async () => {
    proxy.control({ delayMs: 30 })
    const before = performance.now()
    await neon(url)`select 1`
    expect(performance.now() - before).toBeGreaterThanOrEqual(59)
  })
})

describe('a client that hangs up', () => {
  /** Starts an insert that waits for a lock, hangs up, and runs `then` once Postgres waits. */
  async function hangUp(work: (signal: AbortSignal) => Promise<unknown>, then: () => Promise<unknown>) {
    const holder = await direct.connect()
    await holder.query('begin; lock table notes in exclusive mode')
    const abort = new AbortController()
    const outcome = failing(work(abort.signal))
    await vi.waitUntil(async () => (await waiting()) === 1)
    abort.abort()
    await outcome
    await then()
    await holder.query('commit')
    holder.release()
  }
  async function waiting(): Promise<number> {
    const { rows } = await direct.query(`select 1 from pg_stat_activity where wait_event_type = 'Lock'`)
    return rows.length
  }

  test('has its query cancelled as on Neon, and no row appears', async () => {
    const work = (signal: AbortSignal) =>
      neon(url, { fetchOptions: { signal } })`insert into notes values ('a', 1)`
    await hangUp(work, async () => await vi.waitUntil(async () => (await waiting()) === 0))
    await insert('b')
    expect(await ids()).toEqual(['b'])
  })

  test('has its batch rolled back, and none of its rows appears', async () => {
    const work = async (signal: AbortSignal) => {
      const sql = neon(url, { fetchOptions: { signal } })
      return await sql.transaction([sql`select 1`, sql`insert into notes values ('a', 1)`, sql`select 2`])
    }
    await hangUp(work, async () => await vi.waitUntil(async () => (await waiting()) === 0))
    await insert('b')
    expect(await ids()).toEqual(['b'])
  })

  test('has its query finished when the proxy is told so', async () => {
    proxy.control({ onClientAbort: 'finish' })
    const work = (signal: AbortSignal) =>
      neon(url, { fetchOptions: { signal } })`insert into notes values ('a', 1)`
    await hangUp(work, async () => {})
    await vi.waitUntil(async () => (await ids()).length === 1)
    expect(await ids()).toEqual(['a'])
  })
})

describe('a Postgres that goes away', () => {
  test('by a crash keeps what it committed, and the next query after its restart sees no dead connection', async () => {
    await Promise.all(['a', 'b', 'c', 'd'].map(async (id) => await insert(id)))
    await postgres.stop('immediate')
    const refused = await failing(insert('x'))
    expect(refused.message).toContain('HTTP status 500')
    await postgres.restart()
    const together = await Promise.all(
      [1, 2, 3, 4, 5, 6].map(async (n) => await neon(url)`select ${n}::int as n`),
    )
    expect(together.flat()).toEqual([1, 2, 3, 4, 5, 6].map((n) => ({ n })))
    expect(await ids()).toEqual(['a', 'b', 'c', 'd'])
  }, 20_000)

  test('that ends every shared connection is noticed before anything is sent over one', async () => {
    const many = Array.from({ length: 8 }, (_, n) => `${n}`)
    await Promise.all(many.map(async (id) => await insert(`before-${id}`)))
    await direct.query(`select pg_terminate_backend(pid, 5000) from pg_stat_activity
      where application_name like 'pkg:npm%' and pid <> pg_backend_pid()`)
    await Promise.all(many.map(async (id) => await insert(`after-${id}`)))
    expect(await ids()).toHaveLength(2 * many.length)
  })

  test('whose goodbye is still unread costs nobody a query: the pool looks before it lends', async () => {
    const pools = createPools({ host: '127.0.0.1', port: postgres.port }, 4)
    const lent = await pools.checkout(url)
    const { rows } = await lent.query<{ pid: number }>('select pg_backend_pid() as pid')
    lent.release()
    process.kill(rows[0]!.pid, 'SIGTERM')
    // Blocks this process, so that the goodbye arrives and stays unread until the pool is asked.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 200)
    const again = await pools.checkout(url)
    expect((await again.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    again.release()
    await pools.end()
  })

  test('that are all lent end a wait as the pooler does, and the one that comes too late is not lost', async () => {
    const pools = createPools({ host: '127.0.0.1', port: postgres.port }, 1, () => 50)
    const lent = await pools.checkout(url)
    await expect(pools.checkout(url)).rejects.toThrow(QueueTimeout)
    lent.release()
    const again = await pools.checkout(url)
    expect((await again.query('select 1 as one')).rows).toEqual([{ one: 1 }])
    again.release()
    await pools.end()
  })

  test('under a running query gives its caller an error, and the query is not run again', async () => {
    const crash = neon(url)`select pg_sleep(60)`
    const outcome = failing(crash)
    await vi.waitUntil(async () => {
      const { rows } = await direct.query(`select 1 from pg_stat_activity where wait_event = 'PgSleep'`)
      return rows.length === 1
    })
    await postgres.stop('immediate')
    expect((await outcome).code).toBe('')
    await postgres.restart()
    const { rows } = await direct.query(`select 1 from pg_stat_activity where wait_event = 'PgSleep'`)
    expect(rows).toEqual([])
  }, 20_000)
})

describe('the local Postgres', () => {
  test('started again on the same folder has the same data behind the same password', async () => {
    await insert('a')
    const { port } = postgres
    await postgres.stop()
    const again = await startPostgres({ dataDir: join(folder, 'postgres'), port })
    expect(again.ownerUrl(DATABASE)).toBe(url)
    expect(await ids()).toEqual(['a'])
    const { rows } = await direct.query<Record<string, string>>(`select current_setting('fsync') as fsync,
      current_setting('synchronous_commit') as commit, current_setting('listen_addresses') as listen,
      (select datcollate || ' ' || pg_encoding_to_char(encoding) from pg_database where datname = current_database()) as text`)
    expect(rows).toEqual([{ fsync: 'on', commit: 'on', listen: '127.0.0.1', text: 'C UTF8' }])
    await again.stop()
    await postgres.restart()
  }, 20_000)

  test('is forgotten with its password, after a server left running on it was stopped', async () => {
    const dataDir = join(folder, 'other')
    const left = await startPostgres({ dataDir })
    await forgetPostgres(dataDir)
    expect((await readdir(folder)).filter((name) => name.startsWith('other'))).toEqual([])
    await expect(new pg.Client({ connectionString: left.ownerUrl('postgres') }).connect()).rejects.toThrow(
      'REFUSED',
    )
    await left.stop()
    await forgetPostgres(folder)
    expect(await readdir(folder)).toContain('postgres')
  }, 20_000)
})
