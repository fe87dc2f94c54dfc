/** A database of its own beside the shared stack's, with tokens of every shape, for tests that judge all of it after each step. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { connect, type Database } from '../../db/client.ts'
import { migrateDatabase } from '../../scripts/stack/database.ts'
import { invariants } from '../../scripts/stack/invariants.ts'
import type { Manifest } from '../../scripts/stack/manifest.ts'
import { textOf, type LedgerModel, type ModelToken } from './ledger-model.ts'
import { solanaWallet } from './wallets.ts'

export const CHAIN_ID = 31337
export const VAULT = `0x${'aa'.repeat(20)}`
const whole = 10n ** 18n
export const TOKENS: readonly ModelToken[] = [
  { symbol: 'FINE', decimals: 18, transferable: true, withdrawable: true, minWithdraw: 1n },
  { symbol: 'CENT', decimals: 2, transferable: true, withdrawable: true, minWithdraw: whole },
  { symbol: 'UNIT', decimals: 0, transferable: false, withdrawable: false, minWithdraw: 0n },
]

export interface LedgerStage {
  edge: Database
  admin: Database
  owner: pg.Client
  /** What is wrong with the ledger as a whole, by the names of the invariants. */
  violations(): Promise<string[]>
  /** Where the database's balances of these accounts differ from the model's. */
  differences(model: LedgerModel, accounts: readonly string[]): Promise<string[]>
  stop(): Promise<void>
}

/** main, its subaccount, a stranger, a Solana account: new ones each time, with the relation written. */
export async function newCast(owner: pg.Client): Promise<string[]> {
  const evm = () => `0x${randomBytes(20).toString('hex')}`
  const accounts = [evm(), evm(), evm(), solanaWallet(randomBytes(32)).address]
  await owner.query('select ledger.subaccount_create($1, $2, 100)', [accounts[0], accounts[1]])
  return accounts
}

export async function ledgerStage(manifest: Manifest): Promise<LedgerStage> {
  const database = `properties_${randomBytes(6).toString('hex')}`
  const inDatabase = (url: string) => Object.assign(new URL(url), { pathname: `/${database}` }).toString()
  const admin = new pg.Client({ connectionString: manifest.databaseUrl })
  await admin.connect()
  await admin.query(`create database ${database}`)
  await migrateDatabase(inDatabase(manifest.databaseUrl))
  const owner = new pg.Client({ connectionString: inDatabase(manifest.databaseUrl) })
  await owner.connect()
  for (const [at, token] of TOKENS.entries())
    await owner.query('insert into tokens values ($1, $2, $3, $4, $5, $6, $7)', [
      token.symbol,
      token.decimals,
      CHAIN_ID,
      `0x${String(at + 1).repeat(40)}`,
      token.transferable,
      token.withdrawable,
      textOf(token.minWithdraw),
    ])
  const named = invariants().map(({ name, query }) => {
    return `select '${name.replaceAll("'", "''")}' as name from (${query}) v having count(*) > 0`
  })
  return {
    edge: connect(inDatabase(manifest.edgeDatabaseUrl), 30_000),
    admin: connect(inDatabase(manifest.adminDatabaseUrl), 30_000),
    owner,
    violations: async () => {
      const { rows } = await owner.query(named.join(' union all '))
      return (rows as { name: string }[]).map(({ name }) => name)
    },
    differences: async (model, accounts) => {
      const { rows } = await owner.query(
        `select account || ' ' || wallet || ' ' || token as name,
           concat_ws('/', trim_scale(available), trim_scale(frozen), version) as is
         from balances where account = any($1)`,
        [accounts],
      )
      const is = new Map((rows as { name: string; is: string }[]).map((row) => [row.name, row.is]))
      const names = new Set([...is.keys(), ...model.rows.keys()])
      return [...names].flatMap((name) => {
        const row = model.rows.get(name)
        const should = row && [textOf(row.available), textOf(row.frozen), row.version].join('/')
        return is.get(name) === should ? [] : [`${name} is ${is.get(name)} and should be ${should}`]
      })
    },
    stop: async () => {
      await owner.end()
      await admin.query(`drop database ${database} with (force)`)
      await admin.end()
    },
  }
}
