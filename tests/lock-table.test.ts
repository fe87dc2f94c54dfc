/** The table of locks is one for all who use a Postgres: no login fills it by asking for names, and health says so when it is full. */
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { connect } from '../db/client.ts'
import { ping } from '../db/ledger/health.ts'
import { eachJob } from '../db/logins.ts'
import { setPasswords } from '../db/operate/logins.ts'
import { migrateDatabase } from '../db/operate/migrate.ts'
import { startNeonProxy, type NeonProxy } from '../scripts/stack/neon-proxy.ts'
import { forgetPostgres, startPostgres, type LocalPostgres } from '../scripts/stack/postgres.ts'
import { loginAs } from './support/logins.ts'

const NAMES = 3_000
const PLACES = 1_024
const address = (n: string) => `'0x' || lpad(to_hex(${n}), 40, '0')`

describe('a login that asks for every name', () => {
  test.each([
    ['reads', `select ledger.require_session('name' || n, 0, 0, '') from generate_series(1, ${NAMES}) n`],
    ['transfers', `select ledger.require_session('name' || n, 0, 0, '') from generate_series(1, ${NAMES}) n`],
    [
      'withdrawals',
      `select ledger.require_session('name' || n, 0, 0, '') from generate_series(1, ${NAMES}) n`,
    ],
    [
      'sessions',
      `select ledger.create_api_key('name' || n, null, sha256(n::text::bytea), 1) from generate_series(1, ${NAMES}) n`,
    ],
    [
      'signed',
      `select ledger.revoke_agents(${address('n')}, null, sha256(n::text::bytea), 0) from generate_series(1, ${NAMES}) n`,
    ],
  ] as const)('of %s holds no more than the places that there are of each kind', async (job, text) => {
    const client = await loginAs(inject('stack'), job)
    try {
      await client.query('begin')
      await client.query('set local statement_timeout = 0')
      await client.query(text)
      const { rows } = await client.query<{ held: number }>(
        `select count(*)::int as held from pg_locks where locktype = 'advisory' and pid = pg_backend_pid()`,
      )
      // Names enough that every place has been asked for.
      expect(rows[0]?.held).toBeGreaterThan(PLACES / 2)
      expect(rows[0]?.held).toBeLessThanOrEqual(job === 'signed' ? 2 * PLACES : PLACES)
      await client.query('rollback')
    } finally {
      await client.end()
    }
  })
})

describe('a table of locks that is full', () => {
  const PASSWORD = 'only-here'
  let postgres: LocalPostgres
  let proxy: NeonProxy
  let greedy: pg.Client

  beforeAll(async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tidegate-locks-'))
    postgres = await startPostgres({ dataDir: join(folder, 'postgres'), fleeting: true })
    await postgres.createDatabase('locks')
    const owner = postgres.ownerUrl('locks')
    await migrateDatabase(owner)
    await setPasswords(
      owner,
      eachJob(() => PASSWORD),
    )
    proxy = await startNeonProxy({ postgresHost: '127.0.0.1', postgresPort: postgres.port })
    greedy = new pg.Client({ connectionString: owner })
    await greedy.connect()
  })
  afterAll(async () => {
    await greedy.end()
    await proxy.stop()
    await postgres.stop()
    await forgetPostgres(postgres.dataDir)
  })

  test('is no healthy database, although it answers', async () => {
    const health = () =>
      ping(connect(`postgresql://tidegate_public:${PASSWORD}@127.0.0.1:${proxy.port}/locks`, 30_000))
    await health()
    // A session's locks stay where the statement that asked for one too many has failed.
    await greedy.query(`do $$ begin
      for n in 1..10000000 loop perform pg_advisory_lock_shared(n); end loop;
      exception when out_of_memory then null; end $$`)
    await expect(health()).rejects.toMatchObject({ sqlstate: '53200', busy: true })
    await greedy.query('select pg_advisory_unlock_all()')
    await health()
  })
})
