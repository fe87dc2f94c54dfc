/** What Postgres itself lets every login do: somebody with a stolen connection string tries all of it. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { describe, expect, test } from 'vitest'
import { JOBS, loginOf } from '../db/logins.ts'
import { openBackDoors } from '../db/operate/back-doors.ts'
import { VERBS } from '../db/operate/migrate.ts'
import { clientOf } from './support/client.ts'
import { everyLogin, loginAs, outcomeOf } from './support/logins.ts'
import { ownDatabase } from './support/own-database.ts'

const api = clientOf()
const { manifest } = api

const logins = everyLogin(manifest)

const CLOSED = [
  'select lo_create(0)',
  'select lo_creat(-1)',
  `select lo_from_bytea(0, 'x')`,
  `select lo_put(1, 0, 'x')`,
  'select lo_get(1)',
  'select lo_open(1, 393216)',
  `select lowrite(0, 'x')`,
  'select loread(0, 1)',
  'select lo_truncate(0, 0)',
  'select lo_unlink(1)',
  `select lo_import('/etc/passwd')`,
  `select lo_export(1, 'x')`,
  `select pg_logical_emit_message(true, 'mine', 'text')`,
  `select pg_logical_emit_message(false, 'mine', 'bytes'::bytea)`,
  'select pg_advisory_lock(1)',
  'select pg_advisory_lock(1, 2)',
  'select pg_advisory_lock_shared(1)',
  'select pg_advisory_xact_lock(1)',
  'select pg_try_advisory_lock(1)',
  'select pg_try_advisory_xact_lock_shared(1, 2)',
  'select pg_advisory_unlock_all()',
  'select pg_sleep(0)',
  `select pg_sleep_for('0')`,
  'select pg_sleep_until(now())',
  `select pg_notify('channel', 'text')`,
  'select pg_export_snapshot()',
  'select pg_cancel_backend(pg_backend_pid())',
  'select pg_terminate_backend(pg_backend_pid())',
  'select pg_log_backend_memory_contexts(pg_backend_pid())',
  'select txid_current()',
  'select pg_current_xact_id()',
  'select pg_switch_wal()',
  `select pg_create_restore_point('mine')`,
  `select pg_create_physical_replication_slot('mine')`,
  `select pg_create_logical_replication_slot('mine', 'test_decoding')`,
  'select pg_stat_reset()',
  'select pg_reload_conf()',
  `select pg_ls_dir('/')`,
  `select pg_read_file('/etc/passwd')`,
  `alter system set work_mem = '1GB'`,
  'set role pg_write_all_data',
  'create temp table mine (a int)',
  'create event trigger mine on ddl_command_start execute function ledger.refuse_change()',
  'create extension dblink',
  'create publication mine for all tables',
]

describe.each(JOBS)('the login of %s', (job) => {
  test('writes, locks, waits and ends nothing through functions of Postgres itself', async () => {
    const open: string[] = []
    const others = JOBS.filter((other) => other !== job).map((other) => `set role ${loginOf(other)}`)
    for (const text of [...CLOSED, ...others]) {
      const code = await outcomeOf(logins[job], text)
      if (code !== '42501') open.push(`${text}: ${code}`)
    }
    expect(open).toEqual([])
  })

  test('does not end or cancel another connection of its own name', async () => {
    const other = await loginAs(manifest, job)
    try {
      const { rows } = await other.query<{ pid: number }>('select pg_backend_pid() as pid')
      for (const name of ['pg_terminate_backend', 'pg_cancel_backend'])
        expect(await outcomeOf(logins[job], `select ${name}(${rows[0]?.pid})`)).toBe('42501')
      expect(await outcomeOf(other, 'select 1')).toBe('done')
    } finally {
      await other.end()
    }
  })

  test('can still do what scripts/README.md says that nobody can take from it, and nothing of it outlasts its connection', async () => {
    const client = await loginAs(manifest, job)
    try {
      for (const text of [
        'set statement_timeout = 0',
        'set lock_timeout = 0',
        `set work_mem = '64MB'`,
        'listen channel',
        `notify channel, 'text'`,
        'select 1 from pg_stat_activity',
        'select 1 from pg_settings',
      ])
        expect([text, await outcomeOf(client, text)]).toEqual([text, 'done'])
    } finally {
      await client.end()
    }
    const fresh = await loginAs(manifest, job)
    const { rows } = await fresh.query<{ statement_timeout: string }>('show statement_timeout')
    await fresh.end()
    expect(rows[0]?.statement_timeout).not.toBe('0')
  })
})

test('a new password takes back what somebody with the old one had set, here and for this database alone', async () => {
  const settings = async (): Promise<string[]> =>
    await api
      .sql<{ text: string }>(
        `select coalesce(d.datname, 'all') || ' ' || array_to_string(s.setconfig, ' ') as text
         from pg_db_role_setting s left join pg_database d on d.oid = s.setdatabase
         where s.setrole = 'tidegate_admin'::regrole order by 1`,
      )
      .then((rows) => rows.map(({ text }) => text))
  const before = await settings()
  const database = new URL(manifest.databaseUrl).pathname.slice(1)
  for (const text of [
    `alter role tidegate_admin set work_mem = '64MB'`,
    `alter role tidegate_admin in database ${database} set work_mem = '65MB'`,
  ])
    expect(await outcomeOf(logins.admin, text)).toBe('done')
  expect(await settings()).not.toEqual(before)
  await api.sql('select ledger.reset_login_settings()')
  expect(await settings()).toEqual(before)
  expect(before).toEqual(['all statement_timeout=3s lock_timeout=2s idle_in_transaction_session_timeout=5s'])
})

/** Volatile functions that were looked at: they only look, make a value, or ask for more rights themselves. */
const LOOKED_AT = [
  /^(amvalidate|array_sample|array_shuffle|clock_timestamp|timeofday|gen_random_uuid|uuidv[47]|random(_normal)?|setseed)$/,
  // Only in a server that pg_upgrade has started.
  /^binary_upgrade_/,
  // For whoever owns the index, the table or the sequence.
  /^(brin_|gin_clean_|pg_(clear|restore)_(attribute|relation)_stats$|currval$|lastval$|nextval$|setval$|currtid2$|pg_sequence_last_value$)/,
  // For a role that may replicate, or a superuser.
  /^pg_(copy|create|drop|logical|replication|sync)_.*slots?|^pg_logical_slot_|^pg_(import_system_collations|nextoid|stop_making_pinned_objects|extension_config_dump)$/,
  /^pg_(available|blocking|collation|control|current_wal|database|get|indexes|is|isolation|jit|last|lock|notification|partition|prepared|relation|safe|stat|table|tablespace|total|wal|xact)_/,
  /^(txid_status|current_query|set_config|ts_rewrite|ts_stat|cursor_to_xml.*|query_to_xml.*|plpgsql_call_handler|plpgsql_validator)$/,
]

describe('the list of back doors', () => {
  test('is all closed here, and leaves no function that nobody has looked at', async () => {
    expect(await openBackDoors(manifest.databaseUrl)).toEqual([])
    const rows = await api.sql<{ name: string }>(
      `select distinct p.proname as name from pg_proc p
       where p.pronamespace = 'pg_catalog'::regnamespace and p.provolatile = 'v' and p.prorettype <> 'trigger'::regtype
         and p.prorettype <> 'internal'::regtype and not ('internal'::regtype = any(p.proargtypes))
         and exists (select from pg_roles r where r.rolname like 'tidegate\\_%' and has_function_privilege(r.rolname, p.oid, 'execute'))`,
    )
    const names = rows.map(({ name }) => name)
    expect(names.length).toBeGreaterThan(50)
    expect(names.filter((name) => !LOOKED_AT.some((pattern) => pattern.test(name)))).toEqual([])
  })

  test('is told where the owner is no superuser and can close none, and the verbs are applied all the same', async () => {
    const text = readFileSync(join(VERBS, 'back-doors.sql'), 'utf8')
    const owner = `plain_${Date.now()}`
    const database = await ownDatabase(manifest, async (url) => {
      const client = new pg.Client({ connectionString: url })
      await client.connect()
      await client.query(
        `create role ${owner}; grant create on database ${new URL(url).pathname.slice(1)} to ${owner}`,
      )
      await client.query(`set role ${owner}; create schema ledger; ${text}`)
      await client.end()
    })
    try {
      const open = await openBackDoors(database.inside(manifest.databaseUrl))
      expect(open).toEqual(expect.arrayContaining(['lo_create(oid)', 'pg_advisory_lock(bigint)']))
    } finally {
      await database.drop()
      await api.sql(`drop role ${owner}`)
    }
  })
})
