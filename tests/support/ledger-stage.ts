/** A database of its own beside the shared stack's, with tokens of every shape, for tests that judge all of it after each step. */
import { randomBytes } from 'node:crypto'
import pg from 'pg'
import { expect } from 'vitest'
import { connect, type Database, type Push } from '../../db/client.ts'
import { eachJob, type Job } from '../../db/logins.ts'
import { migrateDatabase } from '../../db/operate/migrate.ts'
import type { Manifest } from '../../scripts/stack/manifest.ts'
import type { LedgerModel, ModelToken } from './ledger-model.ts'
import { ONE, textOf } from './ledger-units.ts'
import { invariantsOf } from './invariants.ts'
import { ownDatabase } from './own-database.ts'
import { solanaWallet } from './wallets.ts'

export const CHAIN_ID = 31337
export const VAULT = `0x${'aa'.repeat(20)}`
const contract = (digit: number) => `0x${String(digit).repeat(40)}`
export const TOKENS: readonly ModelToken[] = [
  {
    symbol: 'FINE',
    contract: contract(1),
    decimals: 18,
    transferable: true,
    withdrawable: true,
    minWithdraw: 1n,
  },
  {
    symbol: 'CENT',
    contract: contract(2),
    decimals: 2,
    transferable: true,
    withdrawable: true,
    minWithdraw: ONE,
  },
  {
    symbol: 'UNIT',
    contract: contract(3),
    decimals: 0,
    transferable: false,
    withdrawable: false,
    minWithdraw: 0n,
  },
]

/** The ledger as the login of each job reaches it, and as its owner does. */
export interface LedgerStage extends Record<Job, Database> {
  owner: pg.Pool
  /** What is wrong with the ledger as a whole, by the names of the invariants. */
  violations(): Promise<string[]>
  /** Where the database's balances of these accounts differ from the model's. */
  differences(model: LedgerModel, accounts: readonly string[]): Promise<string[]>
  stop(): Promise<void>
}

/**
 * main, its subaccount, a stranger, a Solana account: new ones each time, with the relation written. `order` says how the
 * first three sort, so that a replayed run locks its rows in the order of the run that failed.
 */
export async function newCast(owner: pg.Pool, order: readonly number[] = [0, 1, 2]): Promise<string[]> {
  const evm = Array.from({ length: 3 }, () => `0x${randomBytes(20).toString('hex')}`).sort()
  const accounts = [...order.map((at) => evm[at]!), solanaWallet(randomBytes(32)).address]
  await owner.query('select ledger.create_subaccount($1, $2, 100)', [accounts[0], accounts[1]])
  await listenTo(owner, accounts)
  return accounts
}

/** Somebody listens to each of them, so that the verbs' answers have every push. */
export async function listenTo(owner: pg.Pool, accounts: readonly string[]): Promise<void> {
  await owner.query('select ledger.listen(a) from unnest($1::text[]) a', [accounts])
}

export async function ledgerStage(manifest: Manifest): Promise<LedgerStage> {
  const { inside, drop } = await ownDatabase(manifest, migrateDatabase)
  const owner = new pg.Pool({
    connectionString: inside(manifest.databaseUrl),
    options: '-c jit=off',
    max: 4,
  })
  // The drop below is faster than the pool's last goodbye.
  owner.on('error', () => undefined)
  for (const token of TOKENS)
    await owner.query('insert into tokens values ($1, $2, $3, $4, $5, $6, $7)', [
      token.symbol,
      token.decimals,
      CHAIN_ID,
      token.contract,
      token.transferable,
      token.withdrawable,
      textOf(token.minWithdraw),
    ])
  return {
    ...eachJob((job) => connect(inside(manifest.loginUrls[job]), 30_000)),
    owner,
    violations: invariantsOf(inside(manifest.databaseUrl)),
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
      await drop()
    },
  }
}

/** Every balance a caller was told of is one that the history has, under the version it was told. */
export async function expectInHistory(stage: LedgerStage, said: { pushes: Push[] }[]): Promise<void> {
  for (const { account, token, available, frozen, version } of said.flatMap(({ pushes }) => pushes)) {
    const { rows } = await stage.owner.query(
      `select trim_scale(available_after)::text as available, trim_scale(frozen_after)::text as frozen from entries
       where account = $1 and wallet = 'spot' and token = $2 and version = $3`,
      [account, token, version],
    )
    expect(rows).toEqual([{ available, frozen }])
  }
}
