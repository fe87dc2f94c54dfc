/** `npm run migrate -- --distribute`: what it spreads over a cluster, and that it does all of it or nothing. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { afterEach, beforeEach, describe, expect, inject, test } from 'vitest'
import { checkCluster, distributeLedger } from '../db/operate/distribute.ts'
import { migrateDatabase } from '../db/operate/migrate.ts'
import { putTokens } from '../scripts/stack/database.ts'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import { playCitus } from './support/citus.ts'
import { ownDatabase, type OwnDatabase } from './support/own-database.ts'
import { runScript } from './support/script.ts'

const stack = inject('stack')
const TOKEN = { symbol: 'DF', decimals: 18, chainId: stack.chainId, contract: stack.vault, transferable: true, withdrawable: true, minWithdraw: '0' } // prettier-ignore
let database: OwnDatabase
let url: string
let owner: pg.Client
/** The ledger is brought up to date in it, or not yet. */
async function begin(migrated: boolean): Promise<void> {
  database = await ownDatabase(stack, async (own) => (migrated ? await migrateDatabase(own) : undefined))
  url = database.inside(stack.databaseUrl)
  owner = new pg.Client({ connectionString: url })
  await owner.connect()
}
afterEach(async () => {
  await owner.end()
  await database.drop()
})

const sql = async (text: string, values: unknown[] = []) =>
  (await owner.query<Record<string, unknown>>(text, values)).rows
/** What a cluster makes of each table that it has. */
const spread = async () =>
  Object.fromEntries(
    (await sql(`select logicalrelid::text as name, coalesce(partkey, 'everywhere') || colocationid as how from pg_dist_partition`)).map(
      ({ name, how }) => [name, how],
    ),
  ) // prettier-ignore
/** Everything that a failed call must leave as it was. */
const structure = async () =>
  await sql(`select pg_get_triggerdef(oid) as line from pg_trigger where not tgisinternal
    union all select conname || pg_get_constraintdef(oid) from pg_constraint where connamespace in ('public'::regnamespace, 'ledger'::regnamespace)
    union all select logicalrelid::text from pg_dist_partition order by 1`) // prettier-ignore

const account = `0x${'a1'.repeat(20)}`
const credit = async () => await sql(`select ledger.credit($1, 'DF', 5, null, 'test', null, null)`, [account])

const command = async (...flags: string[]) =>
  await runScript(['scripts/migrate.ts', ...flags], { OWNER_DATABASE_URL: url })

describe('where there is nothing to spread over', () => {
  test('the command says so in one line, ends with 1, and has applied nothing, not even a migration', async () => {
    await begin(false)
    const { code, out, error } = await command('--distribute')
    expect([code, out]).toEqual([1, ''])
    expect(error.trim()).toMatch(/^.*this database has no extension citus.*nothing was changed$/)
    expect(await sql(`select to_regclass('ledger.balances') is not null as there`)).toEqual([
      { there: false },
    ])
  })

  test.each([
    ['a worker', { known: [0, 1, 2], here: 1 }, 'this node is a worker'],
    ['a coordinator that its workers do not know', { known: [1, 2], here: 0 }, 'citus_set_coordinator_host'],
  ])('%s is refused, and nothing is changed', async (_what, nodes, reason) => {
    await begin(true)
    await playCitus(owner, nodes)
    const before = await structure()
    await expect(checkCluster(url)).rejects.toThrow(reason)
    await expect(distributeLedger(url)).rejects.toThrow(reason)
    expect(await structure()).toEqual(before)
  })
})

describe('over a cluster', () => {
  beforeEach(async () => {
    await begin(true)
    await playCitus(owner, { known: [0, 1, 2], here: 0 })
    await putTokens(url, [TOKEN])
  })

  const month = `movements_${new Date().toISOString().slice(0, 7).replace('-', '_')}`
  const FAMILIES = { 'ledger.balances': 'family_no2', 'ledger.movements': 'family_no2', 'ledger.idempotency_keys': 'family_no2' } // prettier-ignore

  test.each([
    ['an empty ledger', async () => await Promise.resolve()],
    ['a ledger with money in it', credit],
  ])(
    '%s is spread by family, with every partition; what all look up is everywhere, the rest stays',
    async (_what, fill) => {
      // prettier-ignore
      await fill()
      expect(await distributeLedger(url)).toEqual([
        'ledger.accounts: an account with a balance is kept from changing its family by the verb alone',
        'public.tokens: a token keeps its decimals, chain and contract also while nobody has any of it',
        'ledger.idempotency_keys: a withdrawal’s key is kept while the withdrawal lasts by the verb alone',
        'ledger.accounts: on every node',
        'public.tokens: on every node',
        'ledger.balances: distributed by family_no',
        'ledger.movements: distributed by family_no',
        'ledger.idempotency_keys: distributed by family_no',
        'ledger.balances: balances_account_no_accounts_account_no_fk kept',
        'ledger.balances: balances_token_no_tokens_token_no_fk kept',
        'public.withdrawals: stays at the coordinator, without withdrawals_token_tokens_symbol_fk',
        'every other table stays at the coordinator',
      ])
      const { 'ledger.accounts': accounts, tokens, ...distributed } = await spread()
      expect([accounts, tokens]).toEqual(['everywhere1', 'everywhere1'])
      expect(distributed).toMatchObject({ ...FAMILIES, [`ledger.${month}`]: 'family_no2', 'ledger.movements_default': 'family_no2' }) // prettier-ignore
      expect(Object.keys(distributed).filter((name) => !/^ledger\.movements_/.test(name)).sort()).toEqual(Object.keys(FAMILIES).sort()) // prettier-ignore
      await credit()
      expect((await checkInvariants(url)).filter(({ violations }) => violations > 0)).toEqual([])
    },
  )

  test('a second call finds it done and changes nothing', async () => {
    await distributeLedger(url)
    const before = await structure()
    expect(await distributeLedger(url)).toEqual([expect.stringContaining('were spread already')])
    expect(await structure()).toEqual(before)
    expect(await command('--distribute')).toMatchObject({ code: 0, error: '' })
  })

  test('later months are spread as they are made, and tokens are listed and changed', async () => {
    await distributeLedger(url)
    await sql('select ledger.ensure_partitions(12)')
    const months = Object.entries(await spread()).filter(([name]) => /^ledger\.movements_2/.test(name))
    expect([months.length, new Set(months.map(([, how]) => how))]).toEqual([13, new Set(['family_no2'])])
    await putTokens(url, [{ ...TOKEN, transferable: false }, { ...TOKEN, symbol: 'DF2', contract: null, chainId: null, withdrawable: false }]) // prettier-ignore
    expect(await sql('select symbol, transferable from tokens order by 1')).toEqual([
      { symbol: 'DF', transferable: false },
      { symbol: 'DF2', transferable: true },
    ])
  })

  test('what happened is never changed there either, and no rule of a row looks at another table', async () => {
    await credit()
    await distributeLedger(url)
    for (const text of [
      'update ledger.movements set amount = 1',
      'delete from ledger.movements',
      'truncate ledger.movements',
      'delete from ledger.accounts',
      `update ledger.accounts set address = '0x' || repeat('99', 20)`,
      `update tokens set decimals = 6`,
    ])
      await expect(sql(text)).rejects.toMatchObject({ code: 'TG099' })
    const looking =
      await sql(`select t.tgname from pg_trigger t join pg_dist_partition d on d.logicalrelid = t.tgrelid
      join pg_proc p on p.oid = t.tgfoid where not t.tgisinternal and p.prosrc ~ '\\y(ledger|public)\\.'`)
    expect(looking).toEqual([])
  })

  test('a key that moved money is kept, and that of a withdrawal whose funds went back is free again', async () => {
    await credit()
    await distributeLedger(url)
    const asked = async () =>
      (
        await sql(`select ledger.reserve($1, 'DF', 2, $1, $2, $3, 600, 'k', $4) as result`, [
          ...[account, stack.chainId, `0x${'bb'.repeat(20)}`, randomBytes(32)],
        ])
      )[0]!.result as { reservation: { id: string } }
    const { reservation } = await asked()
    await sql(`select ledger.give_back($1, 'sign_failed')`, [reservation.id])
    expect((await asked()).reservation.id).not.toBe(reservation.id)
    await sql(`select ledger.transfer($1, 'DF', 'spot_to_perp', 1, 'k', $2)`, [account, randomBytes(32)])
    await expect(sql('delete from ledger.idempotency_keys where withdrawal_id is null')).rejects.toMatchObject({ code: 'TG099' }) // prettier-ignore
    expect((await checkInvariants(url)).filter(({ violations }) => violations > 0)).toEqual([])
  })

  test('what Citus refuses undoes all of it: a unique index without the family', async () => {
    await sql('create unique index movements_once on ledger.idempotency_keys (movement_id)')
    const before = await structure()
    await expect(distributeLedger(url)).rejects.toThrow(
      'cannot create constraint on "ledger.idempotency_keys"',
    )
    expect(await structure()).toEqual(before)
  })

  test('tables that somebody has begun to spread, or spread otherwise, are left to that person', async () => {
    await sql(`set citus.enable_unsafe_triggers to on`)
    await sql(`select create_distributed_table('ledger.idempotency_keys', 'key_id')`)
    await expect(distributeLedger(url)).rejects.toThrow('spread already, but by key_id')
    await sql(`update pg_dist_partition set partkey = 'family_no'`)
    await expect(distributeLedger(url)).rejects.toThrow('somebody has spread ledger.idempotency_keys')
  })
})

describe('the stand-in refuses, as Citus does,', () => {
  beforeEach(async () => {
    await begin(true)
    await playCitus(owner, { known: [0, 1], here: 0 })
  })

  test.each([
    ['triggers that nobody meant', `select create_distributed_table('ledger.balances', 'family_no')`, 'has triggers'],
    ['a foreign key to a table that is not of the cluster', `set citus.enable_unsafe_triggers to on; select create_distributed_table('ledger.balances', 'family_no')`, 'referenced table must be'],
    ['one partition of a table', `set citus.enable_unsafe_triggers to on; select create_distributed_table('ledger.movements_default', 'family_no')`, 'which is partition of'],
    ['a column that is none', `set citus.enable_unsafe_triggers to on; select create_distributed_table('ledger.movements', 'family')`, 'does not exist'],
    ['a partitioned table that is everywhere', `set citus.enable_unsafe_triggers to on; select create_reference_table('ledger.movements')`, 'in only supported for hash-distributed'],
    ['functions after a parallel step', `begin; create table t (a bigint); select create_distributed_table('t', 'a'); select create_distributed_function('ledger.time_of(uuid)'); commit`, 'there was a parallel operation'],
    ['a foreign key to what is everywhere after a parallel step', `create table r (a bigint primary key); create table t (a bigint); select create_reference_table('r'), create_distributed_table('t', 'a'); alter table t add foreign key (a) references r`, 'because there was a parallel operation'],
    ['a function of a table’s rows', `select create_distributed_function('ledger.entries_of(ledger.movements)')`, 'dependency on unsupported object'],
    ['a new trigger that nobody meant', `create table t (a bigint); select create_distributed_table('t', 'a'); create trigger x before update on t for each row execute function ledger.refuse_change()`, 'triggers are not supported'],
    ['a foreign key between families', `create table t (a bigint primary key); create table u (a bigint primary key, b bigint);
      select create_distributed_table('t', 'a'), create_distributed_table('u', 'a', colocate_with => 't'); alter table u add foreign key (b) references t`, 'not colocated or not referencing'],
    ['numbered rows that came in by a foreign key', `create table r (a bigint primary key); create table t (a bigint generated always as identity, b bigint references r, primary key (a, b));
      select create_reference_table('r'); select create_distributed_table('t', 'b')`, 'identity column'],
  ])('%s', async (_what, text, reason) => {
    await expect(sql(text)).rejects.toThrow(reason)
  }) // prettier-ignore
})
