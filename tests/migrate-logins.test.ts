/** `npm run migrate -- --logins` on a Postgres of its own: logins belong to all databases of a server. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { eachJob, JOBS, loginOf } from '../db/logins.ts'
import { setPasswords } from '../db/operate/logins.ts'
import { migrateDatabase } from '../db/operate/migrate.ts'
import { LEDGERS } from '../functions/_lib/ledgers.ts'
import { startPostgres, type LocalPostgres } from '../scripts/stack/postgres.ts'
import { readWranglerConfig, resolvedConfig } from '../scripts/stack/wrangler-config.ts'
import { runScript, type Said } from './support/script.ts'

const DATABASE = 'ledger'
const SMALL = 'small'
let folder: string
let postgres: LocalPostgres
let smallUrl: string
/** What the newest run printed. */
let newest: Map<string, Printed>

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tidegate-logins-'))
  postgres = await startPostgres({ dataDir: join(folder, 'postgres'), fleeting: true })
  await postgres.createDatabase(DATABASE)
})
afterAll(async () => {
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
})

const migrate = async (...options: string[]): Promise<Said> =>
  await runScript(['scripts/migrate.ts', ...options], { OWNER_DATABASE_URL: postgres.ownerUrl(DATABASE) })

/** Who a connection string signs in as; the SQLSTATE where it does not. */
async function whoIs(url: string): Promise<string> {
  const client = new pg.Client({ connectionString: url })
  try {
    await client.connect()
    const { rows } = await client.query<{ name: string }>('select current_user::text as name')
    return rows[0]?.name ?? ''
  } catch (error) {
    return (error as { code?: string }).code ?? String(error)
  } finally {
    await client.end()
  }
}

/** Somebody who came in with a connection string. That he is thrown out is no error of the test. */
async function thief(strings: ReadonlyMap<string, Printed>): Promise<pg.Client> {
  const client = new pg.Client({ connectionString: strings.get('READS_DATABASE_URL')?.url })
  client.on('error', () => undefined)
  await client.connect()
  return client
}

function asLogin(name: string, password: string): string {
  const url = new URL(postgres.ownerUrl(DATABASE))
  url.username = name
  url.password = password
  return url.href
}

async function asSuperuser(statement: string, database = DATABASE): Promise<unknown[]> {
  const client = new pg.Client({ connectionString: postgres.ownerUrl(database) })
  await client.connect()
  return (await client.query(statement).finally(() => client.end())).rows as unknown[]
}

/** A database of an owner as Neon gives one: no superuser, who may change the logins but is no member of them. */
async function smallOwner(): Promise<string> {
  const url = new URL(postgres.ownerUrl(SMALL))
  url.username = 'small'
  url.password = 'small'
  await asSuperuser("create role small login createrole password 'small'")
  for (const job of JOBS)
    await asSuperuser(`grant ${loginOf(job)} to small with admin true, inherit false, set false`)
  await asSuperuser(`create database ${SMALL} owner small`)
  await migrateDatabase(url.href)
  return url.href
}

interface Printed {
  functions: string[]
  url: string
}
const printed = (out: string): Map<string, Printed> =>
  new Map(
    [...out.matchAll(/^ {2}([A-Z]+_DATABASE_URL) of (.*):\n {4}(postgresql:\S+)$/gm)].map(
      ([, variable = '', functions = '', url = '']) => [variable, { functions: functions.split(', '), url }],
    ),
  )

test('the logins are made without passwords, get one each, and say which function needs which', async () => {
  const made = await migrate()
  expect([made.code, made.out]).toEqual([0, expect.not.stringContaining('DATABASE_URL')])
  const { code, out } = await migrate('--logins', '--faucet')
  expect(code).toBe(0)
  const logins = printed(out)
  newest = logins
  expect([...logins.keys()].sort()).toEqual(LEDGERS.map(({ variable }) => variable).sort())
  for (const { variable, job } of LEDGERS)
    expect([variable, await whoIs(logins.get(variable)?.url ?? '')]).toEqual([variable, loginOf(job)])
  const needed = Object.keys(readWranglerConfig().env ?? {}).flatMap((fn) =>
    (resolvedConfig(fn).secrets?.required ?? []).flatMap((name) =>
      logins.has(name) ? [`${name} ${fn}`] : [],
    ),
  )
  expect(
    [...logins].flatMap(([name, { functions }]) => functions.map((fn) => `${name} ${fn}`)).sort(),
  ).toEqual(needed.sort())
  expect(new Set([...logins.values()].map(({ url }) => new URL(url).password)).size).toBe(JOBS.length)
})

test('without --faucet the faucet’s login has no password, and who had it is out', async () => {
  const { code, out, error } = await migrate('--faucet')
  expect([code, out, error]).toEqual([2, '', expect.stringContaining('--faucet goes with --logins alone')])
  const had = printed((await migrate('--logins', '--faucet')).out).get('ADMIN_DATABASE_URL')!.url
  expect(await whoIs(had)).toBe('tidegate_admin')
  const made = await migrate('--logins')
  expect(made.code).toBe(0)
  expect([...printed(made.out).keys()]).not.toContain('ADMIN_DATABASE_URL')
  expect(made.out).toContain('ADMIN_DATABASE_URL: tidegate_admin has no password')
  expect(await whoIs(had)).toMatch(/^28/)
  expect(
    await asSuperuser(
      `select rolname from pg_authid where rolname like 'tidegate\\_%' and (rolpassword is null or not rolcanlogin)`,
    ),
  ).toEqual([{ rolname: 'tidegate_admin' }])
  newest = printed((await migrate('--logins', '--faucet')).out)
})

test('the next ones take the place of the first, which open nothing any more, with settings that somebody had changed', async () => {
  const first = newest
  const stolen = await thief(first)
  await stolen.query('alter role tidegate_reads set statement_timeout = 0')
  newest = printed((await migrate('--logins', '--faucet')).out)
  await expect(stolen.query("alter role tidegate_reads password 'thief'")).rejects.toThrow()
  for (const { variable } of LEDGERS)
    expect([variable, await whoIs(first.get(variable)?.url ?? '')]).toEqual([variable, '28P01'])
  const fresh = new pg.Client({ connectionString: newest.get('READS_DATABASE_URL')?.url })
  await fresh.connect()
  expect((await fresh.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '3s' }])
  await fresh.end()
})

test('an open connection that holds its login in a transaction neither stops them nor lives on', async () => {
  const stolen = await thief(newest)
  await stolen.query('set idle_in_transaction_session_timeout = 0')
  await stolen.query(
    "begin; alter role tidegate_reads password 'thief'; alter role tidegate_reads set work_mem = '1GB'",
  )
  const { code, out, error } = await migrate('--logins', '--faucet')
  expect([code, error]).toEqual([0, ''])
  newest = printed(out)
  await expect(stolen.query('commit')).rejects.toThrow()
  for (const { variable, job } of LEDGERS)
    expect([variable, await whoIs(newest.get(variable)?.url ?? '')]).toEqual([variable, loginOf(job)])
  expect(await whoIs(asLogin('tidegate_reads', 'thief'))).toBe('28P01')
})

test('an owner who is no superuser ends them too, and is a member of no login afterwards', async () => {
  smallUrl = await smallOwner()
  const stolen = await thief(newest)
  await setPasswords(
    smallUrl,
    eachJob((job) => `small-${job}`),
  )
  await expect(stolen.query('select 1')).rejects.toThrow()
  for (const job of JOBS) expect(await whoIs(asLogin(loginOf(job), `small-${job}`))).toBe(loginOf(job))
  expect(
    await asSuperuser("select 1 from pg_auth_members where member = 'small'::regrole and inherit_option"),
  ).toEqual([])
})

test('one who may end none says so, after the new passwords: not a word of success', async () => {
  await asSuperuser('revoke execute on function pg_terminate_backend from public', SMALL)
  const url = new Map([
    ['READS_DATABASE_URL', { functions: [], url: asLogin('tidegate_reads', 'small-reads') }],
  ])
  const stolen = await thief(url)
  const { code, out, error } = await runScript(['scripts/migrate.ts', '--logins', '--faucet'], {
    OWNER_DATABASE_URL: smallUrl,
  })
  expect([code, error]).toEqual([1, expect.stringContaining('could not be ended')])
  expect(error).toContain('pg_signal_backend')
  newest = printed(out)
  for (const { variable, job } of LEDGERS)
    expect([variable, await whoIs(newest.get(variable)?.url ?? '')]).toEqual([variable, loginOf(job)])
  await stolen.query('select 1')
  await stolen.end()
})

test('what it was called before is refused like any other word, and no password changes', async () => {
  const { code, error } = await migrate('--roles')
  expect([code, error]).toEqual([2, expect.stringContaining('--logins')])
  for (const { variable, job } of LEDGERS)
    expect(await whoIs(newest.get(variable)?.url ?? '')).toBe(loginOf(job))
})

test('on the local stack they are refused: its functions would lose the passwords that they run with', async () => {
  const { code, error, out } = await runScript(['scripts/migrate.ts', '--logins'], {
    OWNER_DATABASE_URL: undefined,
  })
  expect([code, error, out]).toEqual([1, expect.stringContaining('the local stack'), ''])
})
