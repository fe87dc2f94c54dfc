import { describe, expect, test } from 'vitest'
import { JOBS, loginOf } from '../db/logins.ts'
import { clientOf } from './support/client.ts'
import { EXECUTABLE, mayRead } from './support/grants.ts'
import { everyLogin, loginAs, outcomeOf } from './support/logins.ts'

const api = clientOf()
const { manifest } = api

const logins = everyLogin(manifest)

const bare = (name: string): string => name.replace(/^ledger\./, '').replace(/\(.*/, '')

/** What may be called or read, by whoever may. */
const functions = async () =>
  await api.sql<{ name: string; call: string }>(
    `select p.oid::regprocedure::text as name, format('select %s(%s)', p.oid::regproc, (select string_agg(
       case when p.provariadic <> 0 and a.at = p.pronargs then 'variadic ' else '' end || 'null::' || format_type(a.type, null), ', ' order by a.at)
       from unnest(p.proargtypes) with ordinality a(type, at))) as call
     from pg_proc p where p.pronamespace = 'ledger'::regnamespace`,
  )
const columns = async () =>
  await api.sql<{ table: string; column: string }>(
    `select format('%I.%I', n.nspname, c.relname) as table, a.attname as column
     from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
     where c.relkind in ('r', 'p', 'v', 'm', 'S') and n.nspname in ('public', 'ledger', 'drizzle') and not a.attisdropped
       and (a.attnum > 0 or a.attname = 'ctid' and c.relkind in ('r', 'p')) order by 1, a.attnum`,
  )

describe.each(JOBS)('the login of %s', (job) => {
  const role = loginOf(job)

  test('writes no table of the schema, partitions and migrations included', async () => {
    const tables = await api.sql<{ name: string; column: string }>(
      `select format('%I.%I', n.nspname, c.relname) as name,
         (select quote_ident(a.attname) from pg_attribute a
           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = '' and a.attidentity = '' order by a.attnum limit 1) as column
       from pg_class c join pg_namespace n on n.oid = c.relnamespace
       where c.relkind in ('r', 'p') and n.nspname in ('public', 'ledger', 'drizzle')`,
    )
    expect(tables.length).toBeGreaterThan(20)
    expect(tables.map(({ name }) => name)).toContain('ledger.movements_default')
    for (const { name, column } of tables) {
      for (const text of [
        `insert into ${name} (${column}) select ${column} from ${name} limit 0`,
        `insert into ${name} default values`,
        `update ${name} set ${column} = ${column}`,
        `delete from ${name}`,
        `truncate ${name}`,
        `alter table ${name} add column mine text`,
        `drop table ${name}`,
        `create trigger mine before insert on ${name} for each row execute function suppress_redundant_updates_trigger()`,
      ]) {
        expect([text, await outcomeOf(logins[job], text)]).toEqual([text, '42501'])
      }
    }
  })

  test('executes exactly the verbs of its list, and no inner function', async () => {
    const rows = await api.sql<{ name: string }>(
      `select p.proname as name from pg_proc p
       where p.pronamespace = 'ledger'::regnamespace and has_function_privilege($1, p.oid, 'execute')`,
      [role],
    )
    expect(rows.map(({ name }) => name).sort()).toEqual([...EXECUTABLE[job]].sort())
    const others = (await functions()).filter(({ name }) => !EXECUTABLE[job].includes(bare(name)))
    expect(others.length).toBeGreaterThan(80)
    for (const { call } of others) expect([call, await outcomeOf(logins[job], call)]).toEqual([call, '42501'])
    for (const text of [
      `select ledger.post('credit', 'USDT', 1, 'issuance', 'system', 'x', 'spot')`,
      `select ledger.open_account('x')`,
      `select ledger.checked_token('USDT', 1)`,
      `select ledger.claim_key('x', 'spot-transfer', 'k', '')`,
      `select ledger.new_id(now())`,
      `select ledger.refuse('not_found')`,
    ]) {
      expect([text, await outcomeOf(logins[job], text)]).toEqual([text, '42501'])
    }
  })

  test('reads exactly the columns of its list: of no other table, view, partition or sequence a single one', async () => {
    const all = await columns()
    expect(all.length).toBeGreaterThan(300)
    const wrong: string[] = []
    for (const { table, column } of all) {
      const text = `select "${column}" from ${table} limit 0`
      const wanted = mayRead(job, table, column) ? 'done' : '42501'
      const code = await outcomeOf(logins[job], text)
      if (code !== wanted) wrong.push(`${text}: ${code}`)
    }
    expect(wrong).toEqual([])
  })

  test('learns no value of another column from what the planner or the server keeps of it', async () => {
    await api.sql('analyze')
    const { rows: kept } = await logins[job].query<{ table: string; column: string }>(
      `select distinct format('%I.%I', schemaname, tablename) as table, attname as column from pg_stats
       where schemaname in ('public', 'ledger', 'drizzle')`,
    )
    expect(kept.filter(({ table, column }) => !mayRead(job, table, column))).toEqual([])
    for (const text of [
      'select 1 from pg_statistic',
      'select 1 from pg_statistic_ext_data',
      'select 1 from pg_largeobject',
      'select rolpassword from pg_authid',
      'select passwd from pg_shadow',
      'select 1 from pg_user_mapping',
      'select umoptions from pg_user_mappings',
      'select subconninfo from pg_subscription',
      'select 1 from pg_hba_file_rules',
      'select 1 from pg_file_settings',
      'select 1 from pg_shmem_allocations',
      'select 1 from pg_backend_memory_contexts',
      'select 1 from pg_config()',
      'explain select signature from public.signed_messages',
      'explain select * from public.alerts',
    ]) {
      const code = await outcomeOf(logins[job], text)
      // A view of people with mappings of their own: these have none.
      if (text.includes('pg_user_mappings')) expect([text, code]).toEqual([text, 'done'])
      else expect([text, code]).toEqual([text, expect.stringMatching(/^(42501|42703)$/)])
    }
  })

  test('sees no statement of another login', async () => {
    for (const other of JOBS.filter((one) => one !== job)) {
      const { rows: own } = await logins[other].query<{ pid: number }>('select pg_backend_pid() as pid')
      const { rows } = await logins[job].query<{ query: string }>(
        'select query from pg_stat_activity where pid = $1',
        [own[0]?.pid],
      )
      expect([other, rows]).toEqual([other, [{ query: '<insufficient privilege>' }]])
    }
  })

  test('creates nothing in public or ledger, and becomes nobody else', async () => {
    for (const [text, code] of [
      ['create table public.mine (a int)', '42501'],
      ['create table ledger.mine (a int)', '42501'],
      ['create function public.mine() returns int language sql as $$select 1$$', '42501'],
      ['create function ledger.mine() returns int language sql as $$select 1$$', '42501'],
      ['create schema mine', '42501'],
      ['create temp table mine (a int)', '42501'],
      ['create function pg_temp.mine() returns int language sql as $$select 1$$', '42501'],
      ['create role mine', '42501'],
      ['create database mine', '42501'],
      ['create view public.mine as select 1', '42501'],
      ['create view ledger.mine as select 1', '42501'],
      ['create sequence public.mine', '42501'],
      ['create type ledger.mine as (a int)', '42501'],
      ['create procedure ledger.mine() language sql as $$select 1$$', '42501'],
      ['create server mine foreign data wrapper mine', '42704'],
      ['create foreign data wrapper mine', '42501'],
      ['create language mine handler mine', '42501'],
      ['create extension file_fdw', '42501'],
      ['create tablespace mine location $$/tmp$$', '42501'],
      ['create temp sequence mine', '42501'],
      ['create temp view mine as select 1', '42501'],
      ['select 1 as a into temp mine', '42501'],
      ['do $$ begin lock table public.tokens in access exclusive mode; end $$', '42501'],
      ['do $$ begin lock table ledger.balances in share mode; end $$', '42501'],
      ['select symbol from public.tokens for update', '42501'],
      ["copy public.tokens from '/etc/passwd'", '42501'],
      ["copy (select 1) to '/tmp/mine'", '42501'],
      ['copy public.api_keys to stdout', '42501'],
      ["select setval('ledger.accounts_account_no_seq', 1)", '42501'],
      ["select nextval('ledger.accounts_account_no_seq')", '42501'],
      ['reassign owned by tidegate to ' + role, '42501'],
      ['set role tidegate', '42501'],
      ['set session authorization tidegate', '42501'],
      [`alter role ${role} superuser`, '42501'],
      [`alter role ${role} createrole`, '42501'],
      [`alter role ${role} bypassrls`, '42501'],
      ...JOBS.filter((other) => other !== job).flatMap((other) =>
        [
          `set role ${loginOf(other)}`,
          `set session authorization ${loginOf(other)}`,
          `alter role ${loginOf(other)} password 'x'`,
          `alter role ${loginOf(other)} set statement_timeout = 0`,
          `alter role ${loginOf(other)} rename to mine`,
          `drop role ${loginOf(other)}`,
          `grant ${loginOf(other)} to ${role}`,
        ].map((text) => [text, '42501'] as const),
      ),
      ["select pg_read_file('/etc/passwd')", '42501'],
      ["copy (select 1) to program 'true'", '42501'],
      ['set session_replication_role = replica', '42501'],
      ['alter function ledger.new_id(timestamptz) owner to ' + role, '42501'],
      ['select pg_terminate_backend(pid) from pg_stat_activity where usename = $$tidegate$$', '42501'],
    ] as const) {
      expect([text, await outcomeOf(logins[job], text)]).toEqual([text, code])
    }
  })

  test('is a plain login: no superuser, no member of anything, with limits on its statements and locks', async () => {
    const rows = await api.sql<Record<string, unknown>>(
      `select rolsuper or rolcreaterole or rolcreatedb or rolreplication or rolbypassrls as powerful,
         (select count(*)::int from pg_auth_members m where m.member = r.oid) as memberships,
         (select count(*)::int from pg_auth_members m where m.roleid = r.oid and m.member <> 10) as members, rolconfig as config
       from pg_roles r where rolname = $1`,
      [role],
    )
    expect(rows[0]).toMatchObject({ powerful: false, memberships: 0 })
    const config = (rows[0] as { config: string[] }).config.map((item) => item.split('=')[0])
    expect(config).toEqual(
      expect.arrayContaining(['statement_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout']),
    )
    const { rows: set } = await logins[job].query('show statement_timeout')
    expect((set[0] as { statement_timeout: string }).statement_timeout).toBe(job === 'settle' ? '20s' : '3s')
  })
})

describe('verbs', () => {
  test('belong to the owner of the tables, and those that act as it have a search_path nobody can shadow', async () => {
    const rows = await api.sql<{ name: string; definer: boolean; config: string[] | null; mine: boolean }>(
      `select p.proname as name, p.prosecdef as definer, p.proconfig as config,
         p.proowner = (select relowner from pg_class where oid = 'public.balances'::regclass) as mine
       from pg_proc p join pg_namespace n on n.oid = p.pronamespace where n.nspname = 'ledger'`,
    )
    expect(rows.filter((row) => !row.mine)).toEqual([])
    for (const row of rows.filter(({ definer }) => definer))
      expect([row.name, row.config]).toEqual([row.name, ['search_path=pg_catalog, pg_temp']])
  })

  test('are nobody’s by default: PUBLIC may execute none and create in no schema', async () => {
    const rows = await api.sql(
      `select p.proname from pg_proc p join pg_namespace n on n.oid = p.pronamespace
         left join lateral aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a on true
       where n.nspname = 'ledger' and a.grantee = 0
       union all select nspname from pg_namespace, aclexplode(coalesce(nspacl, acldefault('n', nspowner))) a
       where nspname in ('public', 'ledger', 'drizzle') and a.grantee = 0 and a.privilege_type = 'CREATE'`,
    )
    expect(rows).toEqual([])
  })

  test('ignore temporary tables, functions and operators of the same names, and any search_path', async () => {
    const { account } = await api.newAccount({ USDT: '10' })
    // The login may make none; the verbs must hold where a database lets it.
    const database = new URL(manifest.databaseUrl).pathname.slice(1)
    await api.sql(`grant temporary on database "${database}" to tidegate_transfers`)
    const client = await loginAs(manifest, 'transfers')
    try {
      await client.query(
        `create temp table balances (account text, wallet text, token text, available numeric, frozen numeric, version bigint)`,
      )
      await client.query(`insert into balances values ($1, 'spot', 'USDT', 1e9, 0, 1)`, [account])
      await client.query(`create temp table tokens (symbol text, transferable boolean, decimals int)`)
      await client.query(`create temp table entries (account text)`)
      await client.query(
        `create function pg_temp.trim_scale(numeric) returns numeric language sql as $$ select 999::numeric $$`,
      )
      await client.query(
        `create function pg_temp.ge(numeric, numeric) returns boolean language sql as $$ select true $$`,
      )
      await client.query(
        `create operator pg_temp.>= (leftarg = numeric, rightarg = numeric, function = pg_temp.ge)`,
      )
      await client.query(`create domain pg_temp.uuid as text`)
      await client.query(`set search_path = pg_temp, public, ledger`)
      const call = (amount: string) =>
        client.query(
          `select ledger.transfer($1, 'USDT', 'spot_to_perp', $2::pg_catalog.numeric, null, null) as result`,
          [account, amount],
        )
      await expect(call('11')).rejects.toMatchObject({ code: 'TG000', message: 'insufficient_balance' })
      const { rows } = await call('4')
      expect((rows[0] as { result: { answer: object } }).result.answer).toMatchObject({
        amount: '4',
        perp_balance_after: '4',
        spot_balance_after: '6',
      })
      expect((await client.query('select available::text from pg_temp.balances')).rows).toEqual([
        { available: '1000000000' },
      ])
    } finally {
      await client.end()
      await api.sql(`revoke temporary on database "${database}" from tidegate_transfers`)
    }
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '4', 'spot USDT': '6' })
  })

  test('refuse what only a stranger to the edge would send: null, NaN and infinite arguments', async () => {
    const { account } = await api.newAccount({ USDT: '10' })
    for (const [direction, amount] of [
      [null, '1'],
      ['spot_to_perp', null],
      ['spot_to_perp', 'NaN'],
      ['spot_to_perp', 'Infinity'],
      ['spot_to_perp', '-1'],
      ['spot_to_perp', '0.0000001'],
    ]) {
      const call = logins.transfers.query(`select ledger.transfer($1, 'USDT', $2, $3::numeric, null, null)`, [
        account,
        direction,
        amount,
      ])
      await expect(call, `${direction} ${amount}`).rejects.toMatchObject({
        code: 'TG000',
        message: expect.stringMatching(/^(invalid_amount|amount_not_positive|invalid_direction)$/),
      })
    }
    expect(await api.balancesOf(account)).toEqual({ 'spot USDT': '10' })
  })

  test('bound a caller who lifted its own time limit: it holds up the rows that it has touched, and no others', async () => {
    const [mine, other] = [await api.newAccount({ USDT: '10' }), await api.newAccount({ USDT: '10' })]
    const client = await loginAs(manifest, 'transfers')
    try {
      // A role may change these settings of its own session; what is left is the limit on idling in a transaction.
      await client.query('set statement_timeout = 0; set lock_timeout = 0')
      await client.query('begin')
      await client.query(`select ledger.transfer($1, 'USDT', 'spot_to_perp', 1, null, null)`, [mine.account])
      const move = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }
      const [blocked, free] = await Promise.all([
        api.transfer(mine.token, move),
        api.transfer(other.token, move),
      ])
      expect([blocked.status, blocked.body.error, free.status]).toEqual([503, 'SERVICE_BUSY', 200])
    } finally {
      await client.end()
    }
    expect(await api.balancesOf(mine.account)).toEqual({ 'spot USDT': '10' })
  })
})
