import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { MIGRATIONS, VERBS, migrateDatabase, type Migrated, type Sources } from '../db/operate/migrate.ts'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import { ownDatabase, type OwnDatabase } from './support/own-database.ts'

const ALICE = `0x${'a1'.repeat(20)}`
const VAULT = `0x${'aa'.repeat(20)}`
const CONTRACT = `0x${'01'.repeat(20)}`
const TABLES = ['balances', 'transfers', 'entries', 'withdrawals']
/** The migrations of the first deployment: none below them can be left out. */
const BASELINE = 3

interface Journal {
  entries: { idx: number; version: string; when: number; tag: string; breakpoints: boolean }[]
}

/** A copy of the sources that a test may change. */
class Checkout implements Sources {
  private constructor(
    readonly migrations: string,
    readonly verbs: string,
    private readonly folder: string,
  ) {}

  static async make(): Promise<Checkout> {
    const folder = await mkdtemp(join(tmpdir(), 'tidegate-checkout-'))
    const [migrations, verbs] = [join(folder, 'migrations'), join(folder, 'ledger')]
    await cp(MIGRATIONS, migrations, { recursive: true })
    await cp(VERBS, verbs, { recursive: true })
    return new Checkout(migrations, verbs, folder)
  }

  async editJournal(edit: (entries: Journal['entries']) => Journal['entries']): Promise<void> {
    const file = join(this.migrations, 'meta/_journal.json')
    const journal = JSON.parse(await readFile(file, 'utf8')) as Journal
    await writeFile(file, JSON.stringify({ ...journal, entries: edit(journal.entries) }))
  }

  /** `later` milliseconds than the newest there is. */
  async addMigration(tag: string, text: string, later: number): Promise<void> {
    await writeFile(join(this.migrations, `${tag}.sql`), text)
    await this.editJournal((entries) => {
      const newest = Math.max(...entries.map(({ when }) => when))
      return [...entries, { idx: entries.length, version: '7', when: newest + later, tag, breakpoints: true }]
    })
  }

  async editVerbs(file: string, edit: (text: string) => string): Promise<void> {
    const path = join(this.verbs, file)
    const text = await readFile(path, 'utf8')
    expect(edit(text)).not.toBe(text)
    await writeFile(path, edit(text))
  }

  async remove(): Promise<void> {
    await rm(this.folder, { recursive: true })
  }
}

/** What a database is made of: columns, rules, indexes, triggers, functions with their rights, domains, tables' rights. */
const STRUCTURE = `
  select 'column ' || table_schema || '.' || table_name || '.' || column_name || ' '
      || coalesce(domain_name, udt_name) || ' ' || is_nullable || ' ' || coalesce(column_default, '') as line
    from information_schema.columns where table_schema in ('public', 'ledger')
  union all select 'rule ' || conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(oid)
    from pg_constraint where connamespace in ('public'::regnamespace, 'ledger'::regnamespace)
  union all select 'index ' || indexdef from pg_indexes where schemaname in ('public', 'ledger')
  union all select 'trigger ' || pg_get_triggerdef(oid) from pg_trigger where not tgisinternal
  union all select 'function ' || pg_get_functiondef(oid) || ' ' || coalesce(proacl::text, '')
    from pg_proc where pronamespace = 'ledger'::regnamespace
  union all select 'rights ' || oid::regclass || ' ' || coalesce(relacl::text, '')
    from pg_class where relnamespace in ('public'::regnamespace, 'ledger'::regnamespace) and relkind in ('r', 'p', 'v')
  order by 1`

describe('bringing a database up to date', () => {
  const stack = inject('stack')
  let checkout: Checkout
  let database: OwnDatabase
  let owner: pg.Client
  let url: string

  const rows = async (text: string) => (await owner.query(text)).rows as Record<string, unknown>[]
  const structure = async () => (await rows(STRUCTURE)).map(({ line }) => line)
  const migrate = async (): Promise<Migrated> => await migrateDatabase(url, checkout)

  beforeEach(async () => {
    checkout = await Checkout.make()
    database = await ownDatabase(stack, async (ownerUrl) => await migrateDatabase(ownerUrl, checkout))
    url = database.inside(stack.databaseUrl)
    owner = new pg.Client({ connectionString: url })
    await owner.connect()
  })
  afterEach(async () => {
    await owner.end()
    await database.drop()
    await checkout.remove()
  })

  test('says what it did, and a second time changes nothing', async () => {
    expect(await migrate()).toEqual({ migrations: [], verbs: [] })
    await checkout.addMigration('0900_note', 'create table note (id int)', 1)
    await checkout.editVerbs('pause.sql', (text) => `${text}\n-- changed\n`)
    const before = await structure()
    expect(await migrate()).toEqual({ migrations: ['0900_note'], verbs: ['pause.sql'] })
    expect((await structure()).filter((line) => !before.includes(line))).toEqual([
      'column public.note.id int4 YES ',
      'rights note ',
    ])
    expect(await migrate()).toEqual({ migrations: [], verbs: [] })
  })

  test('leaves no function of the ledger to everybody: not what a hand or a later migration made, with no verb changed', async () => {
    const open = async () =>
      await rows(`select proname from pg_proc where pronamespace = 'ledger'::regnamespace
        and has_function_privilege('public', oid, 'execute') order by proname`)
    const granted = async () =>
      await rows(`select p.oid::regprocedure::text as verb, grantee::regrole::text as login from pg_proc p,
        aclexplode(proacl) where pronamespace = 'ledger'::regnamespace and grantee <> proowner order by 1, 2`)
    const before = await granted()
    expect(before).not.toEqual([])
    await owner.query(`create function ledger.by_hand() returns int language sql as 'select 1';
      grant execute on function ledger.by_hand() to public`)
    await owner.query(`create procedure ledger.proc_by_hand() language sql as 'select 1';
      grant execute on procedure ledger.proc_by_hand() to public`)
    await checkout.addMigration(
      '0900_function',
      "create function ledger.of_a_migration() returns int language sql as 'select 1'",
      1,
    )
    expect(await migrate()).toEqual({ migrations: ['0900_function'], verbs: [] })
    expect(await open()).toEqual([])
    expect(await granted()).toEqual(before)
    // And nothing is open in the time until the next run.
    await owner.query("create function ledger.since() returns int language sql as 'select 1'")
    expect(await open()).toEqual([])
    await checkout.editVerbs('pause.sql', (text) => `${text}\n-- changed\n`)
    expect(await migrate()).toEqual({ migrations: [], verbs: ['pause.sql'] })
    expect(await granted()).toEqual(before)
  })

  test('refuses a migration that is older than one applied already, names it, and applies nothing beside it', async () => {
    await checkout.addMigration('0900_ours', 'create table ours (id int)', 1_000)
    await migrate()
    const before = await structure()
    // Written earlier on another branch, and merged later.
    await checkout.addMigration('0901_theirs', 'create table theirs (id int)', -1)
    await checkout.addMigration('0902_next', 'create table next (id int)', 2_000)
    await checkout.editVerbs('pause.sql', (text) => `${text}\n-- changed\n`)
    await expect(migrate()).rejects.toThrow(
      /^migration 0901_theirs is older than one that was applied already/,
    )
    expect(await structure()).toEqual(before)
  })

  test('gives a database that grew step by step the structure of one that is made at once', async () => {
    const atOnce = await structure()
    const { entries } = JSON.parse(await readFile(join(MIGRATIONS, 'meta/_journal.json'), 'utf8')) as Journal
    await owner.query('drop schema ledger cascade')
    await owner.query('drop schema public cascade')
    await owner.query('drop schema drizzle cascade')
    await owner.query('create schema public')
    for (let length = BASELINE; length <= entries.length; length += 1) {
      await checkout.editJournal(() => entries.slice(0, length))
      await migrate()
    }
    expect(await structure()).toEqual(atOnce)
  })

  test('takes a right away that the verbs no longer grant, and leaves every other as it was', async () => {
    const may = async (name: string) =>
      (await rows(`select has_function_privilege('tidegate_withdrawals', '${name}', 'execute') as may`))[0]
        ?.may
    expect(await may('ledger.give_back(uuid, text)')).toBe(true)
    const before = await structure()
    await checkout.editVerbs('give-back.sql', (text) =>
      text.replace('to tidegate_withdrawals', 'to tidegate_settle'),
    )
    await migrate()
    expect(await may('ledger.give_back(uuid, text)')).toBe(false)
    const after = await structure()
    expect(before.filter((line) => !after.includes(line))).toHaveLength(1)
  })

  test('leaves every verb and right as it was when one file fails, and names the file', async () => {
    const before = await structure()
    await checkout.editVerbs('pause.sql', (text) => text.replace('security definer', ''))
    await checkout.editVerbs('give-back.sql', (text) => `${text}\nselect no_such_thing();\n`)
    await expect(migrate()).rejects.toThrow(
      'db/ledger/give-back.sql: function no_such_thing() does not exist',
    )
    expect(await structure()).toEqual(before)
  })

  test('forgets a file that is gone, and takes its rights', async () => {
    await rm(join(checkout.verbs, 'give-back.sql'))
    await migrate()
    const granted = await rows(
      `select has_function_privilege('tidegate_withdrawals', 'ledger.give_back(uuid, text)', 'execute') as may`,
    )
    expect(granted).toEqual([{ may: false }])
  })
})

describe('a ledger with money in it, brought up to date', () => {
  let database: OwnDatabase
  let owner: pg.Client
  let checkout: Checkout
  let before: Record<string, string[]>

  const contents = async () => {
    const rowsOf = async (table: string) => {
      const { rows } = await owner.query(`select t::text as row from ${table} t order by 1`)
      return (rows as { row: string }[]).map(({ row }) => row)
    }
    const tables: Record<string, string[]> = {}
    for (const table of TABLES) tables[table] = await rowsOf(table)
    return tables
  }
  const refusal = async (statement: string) =>
    await owner.query(statement).then(
      () => 'accepted',
      (error: unknown) => (error as { code: string }).code,
    )

  beforeAll(async () => {
    checkout = await Checkout.make()
    database = await ownDatabase(inject('stack'), async (url) => await migrateDatabase(url, checkout))
    const url = database.inside(inject('stack').databaseUrl)
    owner = new pg.Client({ connectionString: url })
    await owner.connect()
    await owner.query(`insert into tokens values ('USDT', 6, 31337, '${CONTRACT}', true, true, 1)`)
    await owner.query(`select ledger.credit('${ALICE}', 'USDT', 100, null, null, null, null)`)
    await owner.query(`select ledger.transfer('${ALICE}', 'USDT', 'spot_to_perp', 40.5, null, null)`)
    await owner.query(
      `select ledger.reserve('${ALICE}', 'USDT', 7, '${ALICE}', 31337, '${VAULT}', 600, null, null)`,
    )
    before = await contents()
    await checkout.editVerbs('core.sql', (text) => `${text}\n-- renewed\n`)
    await migrateDatabase(url, checkout)
  })
  afterAll(async () => {
    await owner.end()
    await database.drop()
    await checkout.remove()
  })

  test('keeps every row as it was, and every invariant', async () => {
    expect(before.withdrawals).toHaveLength(1)
    expect(before.entries).toHaveLength(5)
    expect(await contents()).toEqual(before)
    const broken = await checkInvariants(database.inside(inject('stack').databaseUrl))
    expect(broken.filter(({ violations }) => violations > 0)).toEqual([])
  })

  test('moves on from there, in a session that called the verbs before: everything ends at the sums of both times', async () => {
    await owner.query(`select ledger.credit('${ALICE}', 'USDT', 5, null, null, null, null)`)
    await owner.query(`select ledger.transfer('${ALICE}', 'USDT', 'perp_to_spot', 0.5, null, null)`)
    await owner.query(`select ledger.give_back(id, 'sign_failed') from withdrawals`)
    const { rows } = await owner.query(
      `select wallet, trim_scale(available)::text as available, frozen::float from balances order by wallet`,
    )
    expect(rows).toEqual([
      { wallet: 'perp', available: '40', frozen: 0 },
      { wallet: 'spot', available: '65', frozen: 0 },
    ])
  })

  test('still refuses its owner what the rules forbid, and takes none of it', async () => {
    const was = await contents()
    const CHECK_VIOLATION = '23514'
    // A movement of nobody's, with what the case is about in place of what would be right.
    const movement = (
      columns: string,
      values: string,
    ) => `insert into ledger.movements (family_no, id, kind, token_no, ${columns})
      select family_no, gen_random_uuid(), kind, token_no, ${values} from ledger.movements where from_side = 's' and to_side = 'p'`
    const sides =
      'from_no, from_version, from_available, from_frozen, from_side, to_no, to_version, to_available, to_frozen, to_side'
    const right = 'from_no, 9, 1, 0, from_side, to_no, 9, 1, 0, to_side'
    for (const statement of [
      `update ledger.balances set available = -1`,
      `update ledger.balances set frozen = 'NaN'`,
      `insert into ledger.accounts (address, family_no) values ('0xABC', 1)`,
      `insert into ledger.balances (family_no, account_no, token_no, wallet) values (1, 1, 1, 'h')`,
      movement(`amount, ${sides}`, `0, ${right}`),
      movement(`amount, ${sides}`, `'NaN', ${right}`),
      movement(`amount, ${sides}`, `1, ${right.replace('from_side', "'x'")}`),
      movement(`amount, ${sides}`, `1, ${right.replace('to_side', "'s'")}`),
      movement(`amount, ${sides}`, `1, ${right.replace('9, 1, 0, from', 'null, 1, 0, from')}`),
      movement(`amount, ${sides}`, `1, ${right.replace('from_no', 'null')}`),
      movement(`amount, ${sides}`, `1, ${right.replace('from_side', "'v'")}`),
      movement(`amount, ${sides}`, `1, ${right.replace('to_side', "'v'")}`),
      movement(`amount, ${sides}`, `1, ${right.replace('9, 1, 0, to', '9, null, 0, to')}`),
      `update withdrawals set recipient = upper(recipient)`,
      `update withdrawals set amount = 0`,
      `update withdrawals set amount_in_wei = 'NaN'`,
      `update withdrawals set fee = -1`,
    ])
      expect([statement, await refusal(statement)]).toEqual([statement, CHECK_VIOLATION])
    expect(await contents()).toEqual(was)
  })
})
