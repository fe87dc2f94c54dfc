import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest'
import { MIGRATIONS, migrateDatabase } from '../scripts/stack/database.ts'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import { ownDatabase, type OwnDatabase } from './support/own-database.ts'

const ALICE = `0x${'a1'.repeat(20)}`
const VAULT = `0x${'aa'.repeat(20)}`
const CONTRACT = `0x${'01'.repeat(20)}`
const TABLES = ['balances', 'transfers', 'entries', 'withdrawals']

/** The migrations from the first up to and without the named one, in a folder of their own. */
async function migrationsBefore(tag: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-migrations-'))
  await cp(MIGRATIONS, folder, { recursive: true })
  const file = join(folder, 'meta/_journal.json')
  const journal = JSON.parse(await readFile(file, 'utf8')) as { entries: { tag: string }[] }
  const end = journal.entries.findIndex((entry) => entry.tag === tag)
  await writeFile(file, JSON.stringify({ ...journal, entries: journal.entries.slice(0, end) }))
  return folder
}

describe('a ledger with money in it, brought up to date', () => {
  let database: OwnDatabase
  let owner: pg.Client
  let folder: string
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
    folder = await migrationsBefore('0004_domains')
    database = await ownDatabase(inject('stack'), async (url) => await migrateDatabase(url, folder))
    owner = new pg.Client({ connectionString: database.inside(inject('stack').databaseUrl) })
    await owner.connect()
    await owner.query(`insert into tokens values ('USDT', 6, 31337, '${CONTRACT}', true, true, 1)`)
    await owner.query(`select ledger.credit('${ALICE}', 'USDT', 100, null, null, null, null)`)
    await owner.query(`select ledger.transfer('${ALICE}', 'USDT', 'spot_to_perp', 40.5, null, null)`)
    await owner.query(
      `select ledger.reserve('${ALICE}', 'USDT', 7, '${ALICE}', 31337, '${VAULT}', 600, 0, null, null)`,
    )
    before = await contents()
    await migrateDatabase(database.inside(inject('stack').databaseUrl))
  })
  afterAll(async () => {
    await owner.end()
    await database.drop()
    await rm(folder, { recursive: true })
  })

  it('keeps every row as it was, and every invariant', async () => {
    expect(before.withdrawals).toHaveLength(1)
    expect(before.entries).toHaveLength(5)
    expect(await contents()).toEqual(before)
    const broken = await checkInvariants(database.inside(inject('stack').databaseUrl))
    expect(broken.filter(({ violations }) => violations > 0)).toEqual([])
  })

  it('moves on from there, in a session that called the verbs before: everything ends at the sums of both times', async () => {
    await owner.query(`select ledger.credit('${ALICE}', 'USDT', 5, null, null, null, null)`)
    await owner.query(`select ledger.transfer('${ALICE}', 'USDT', 'perp_to_spot', 0.5, null, null)`)
    await owner.query(`select ledger.release(id, 'sign_failed') from withdrawals`)
    const { rows } = await owner.query(
      `select wallet, trim_scale(available)::text as available, frozen::float from balances order by wallet`,
    )
    expect(rows).toEqual([
      { wallet: 'perp', available: '40', frozen: 0 },
      { wallet: 'spot', available: '65', frozen: 0 },
    ])
  })

  it('still refuses its owner what the rules forbid, and takes none of it', async () => {
    const was = await contents()
    const CHECK_VIOLATION = '23514'
    const transfer = `insert into transfers values (gen_random_uuid(), 'k', 'USDT'`
    for (const statement of [
      `update balances set available = -1`,
      `update balances set frozen = 'NaN'`,
      `insert into balances (account, wallet, token) values ('0xABC', 'spot', 'USDT')`,
      `insert into balances (account, wallet, token) values ('${VAULT}', 'system', 'USDT')`,
      `${transfer}, 0, 'a', 'spot', 'b', 'spot', null, now())`,
      `${transfer}, 'NaN', 'a', 'spot', 'b', 'spot', null, now())`,
      `${transfer}, 1, 'a', 'vault', 'b', 'spot', null, now())`,
      `insert into entries select account, gen_random_uuid(), transfer_id, wallet, token, 'NaN', 0, 1, 0, 9 from entries limit 1`,
      `insert into entries select account, gen_random_uuid(), transfer_id, 'spot', token, 1, 0, 1, 0, null from entries limit 1`,
      `insert into entries select account, gen_random_uuid(), transfer_id, 'system', token, 1, 0, null, null, 9 from entries limit 1`,
      `insert into entries select account, gen_random_uuid(), transfer_id, 'spot', token, 0, 0, 1, 0, 9 from entries limit 1`,
      `update withdrawals set recipient = upper(recipient)`,
      `update withdrawals set amount = 0`,
      `update withdrawals set amount_in_wei = 'NaN'`,
      `update withdrawals set fee = -1`,
    ])
      expect([statement, await refusal(statement)]).toEqual([statement, CHECK_VIOLATION])
    expect(await contents()).toEqual(was)
  })
})
