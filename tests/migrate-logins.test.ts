/** `npm run migrate -- --logins` on a Postgres of its own: logins belong to all databases of a server. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { JOBS, loginOf } from '../db/logins.ts'
import { LEDGERS } from '../functions/_lib/ledgers.ts'
import { startPostgres, type LocalPostgres } from '../scripts/stack/postgres.ts'
import { readWranglerConfig, resolvedConfig } from '../scripts/stack/wrangler-config.ts'
import { runScript, type Said } from './support/script.ts'

const DATABASE = 'ledger'
let folder: string
let postgres: LocalPostgres
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
  const { code, out } = await migrate('--logins')
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

test('the next ones take the place of the first, which open nothing any more, with settings that somebody had changed', async () => {
  const first = newest
  const stolen = new pg.Client({ connectionString: first.get('READS_DATABASE_URL')?.url })
  await stolen.connect()
  await stolen.query('alter role tidegate_reads set statement_timeout = 0')
  await stolen.end()
  newest = printed((await migrate('--logins')).out)
  for (const { variable } of LEDGERS)
    expect([variable, await whoIs(first.get(variable)?.url ?? '')]).toEqual([variable, '28P01'])
  const fresh = new pg.Client({ connectionString: newest.get('READS_DATABASE_URL')?.url })
  await fresh.connect()
  expect((await fresh.query('show statement_timeout')).rows).toEqual([{ statement_timeout: '3s' }])
  await fresh.end()
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
