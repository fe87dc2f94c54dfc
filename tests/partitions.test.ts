/** A month's partition is made while the ledger is at work, and no login makes more than a year of them. */
import pg from 'pg'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { migrateDatabase } from '../db/operate/migrate.ts'
import { ownDatabase, type OwnDatabase } from './support/own-database.ts'
import { until } from './support/until.ts'

const ACCOUNT = `0x${'7'.repeat(40)}`
let own: OwnDatabase
let url: string
let owner: pg.Client
let reader: pg.Client

beforeAll(async () => {
  const stack = inject('stack')
  own = await ownDatabase(stack, migrateDatabase)
  url = own.inside(stack.databaseUrl)
  ;[owner, reader] = [new pg.Client({ connectionString: url }), new pg.Client({ connectionString: url })]
  await owner.connect()
  await reader.connect()
  await owner.query(`insert into tokens values ('FINE', 18, null, null, true, false, 0)`)
})
afterAll(async () => {
  await reader.end()
  await owner.end()
  await own.drop()
})

const partitions = async (client: pg.Client) =>
  (
    await client.query<{ name: string }>(
      `select inhrelid::regclass::text as name from pg_inherits where inhparent = 'ledger.movements'::regclass`,
    )
  ).rows.length

test('that waits for whoever reads all of the history, while money moves on', async () => {
  const before = await partitions(owner)
  await reader.query('begin')
  await reader.query('select count(*) from ledger.movements')
  const maker = new pg.Client({ connectionString: url })
  await maker.connect()
  const made = maker.query<{ made: number }>('select ledger.ensure_partitions(5) as made')
  try {
    await until(
      async () =>
        (
          await owner.query(
            `select from pg_locks l join pg_stat_activity a using (pid) where not l.granted and a.query like '%ensure_partitions(5)%' and pid <> pg_backend_pid()`,
          )
        ).rowCount,
      'the partition to wait for the reader',
    )
    await owner.query(`set lock_timeout = '5s'`)
    await owner.query(`select ledger.credit($1, 'FINE', 1, null, null, null, null)`, [ACCOUNT])
  } finally {
    await reader.query('commit')
    await made.catch(() => undefined)
    await maker.end()
  }
  expect((await made).rows).toEqual([{ made: 2 }])
  expect(await partitions(owner)).toBe(before + 2)
})

test('and has what the history has: its indexes and its triggers', async () => {
  const { rows } = await owner.query(
    `select indexes, triggers, count(*)::int as partitions from (
       select (select count(*)::int from pg_index x where x.indrelid = i.inhrelid) as indexes,
         (select array_agg(t.tgname::text order by t.tgname) from pg_trigger t where t.tgrelid = i.inhrelid and not t.tgisinternal) as triggers
       from pg_inherits i where i.inhparent = 'ledger.movements'::regclass) p group by 1, 2`,
  )
  expect(rows).toEqual([
    {
      indexes: 3,
      triggers: ['movements_append_only', 'movements_are_whole', 'never_truncated'],
      partitions: await partitions(owner),
    },
  ])
  const [{ name } = { name: '' }] = (
    await owner.query<{ name: string }>(
      `select to_char(date_trunc('month', now(), 'UTC') at time zone 'UTC', '"movements"_YYYY_MM') as name`,
    )
  ).rows
  await owner.query(`select ledger.credit($1, 'FINE', 1, null, null, null, null)`, [ACCOUNT])
  for (const change of [
    `update ledger.${name} set amount = 2`,
    `delete from ledger.${name}`,
    `truncate ledger.${name}`,
  ])
    await expect(owner.query(change)).rejects.toMatchObject({ code: 'TG099' })
})

test('a migration that meets a reader gives way to those who wait behind it, and is done all the same', async () => {
  const [{ name } = { name: '' }] = (
    await owner.query<{ name: string }>(
      `select to_char(date_trunc('month', now(), 'UTC') at time zone 'UTC' + interval '3 months', '"ledger.movements"_YYYY_MM') as name`,
    )
  ).rows
  // As if the month had never been made.
  await owner.query(`alter table ledger.movements detach partition ${name}; drop table ${name}`)
  const before = await partitions(owner)
  await reader.query('begin')
  await reader.query('select count(*) from ledger.movements')
  const done = migrateDatabase(url)
  const asked = async () =>
    (
      await owner.query<{ at: string }>(
        `select query_start::text as at from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'
           and query like '%ensure_partitions%'`,
      )
    ).rows[0]?.at
  const first = await until(asked, 'the migration to wait')
  await until(async () => {
    const at = await asked()
    return at !== undefined && at !== first
  }, 'the migration to give way and to ask again')
  await reader.query('commit')
  await done
  expect(await partitions(owner)).toBe(before + 1)
})

test.each([13, 1_000_000, -1, null])('%s months are refused, and nothing is made', async (months) => {
  const before = await partitions(owner)
  await expect(owner.query('select ledger.ensure_partitions($1)', [months])).rejects.toMatchObject({
    code: '22023',
  })
  expect(await partitions(owner)).toBe(before)
})
