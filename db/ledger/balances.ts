import { and, asc, eq, sql } from 'drizzle-orm'
import { run, type Database, type Push } from '../client.ts'
import { balances, subaccounts } from '../schema.ts'

export interface BalanceRow {
  token: string
  /** Decimal text, trailing zeros stripped. */
  available: string
  frozen: string
  version: number
}

const columns = {
  token: balances.token,
  available: sql<string>`trim_scale(${balances.available})::text`,
  frozen: sql<string>`trim_scale(${balances.frozen})::text`,
  version: balances.version,
}

/** Every balance of one wallet of an account, by token. */
export async function listBalances(
  db: Database,
  account: string,
  wallet: 'perp' | 'spot',
): Promise<BalanceRow[]> {
  return await run(db, (query) =>
    query
      .select(columns)
      .from(balances)
      .where(and(eq(balances.account, account), eq(balances.wallet, wallet)))
      .orderBy(asc(balances.token)),
  )
}

/** The same of a subaccount, in one round trip; undefined when it is not a subaccount of `main`. */
export async function listSubaccountBalances(
  db: Database,
  main: string,
  subaccount: string,
  wallet: 'perp' | 'spot',
): Promise<BalanceRow[] | undefined> {
  const rows = await run(db, (query) =>
    query
      .select(columns)
      .from(subaccounts)
      .leftJoin(balances, and(eq(balances.account, subaccounts.subaccount), eq(balances.wallet, wallet)))
      .where(and(eq(subaccounts.subaccount, subaccount), eq(subaccounts.mainAccount, main)))
      .orderBy(asc(balances.token)),
  )
  // The relationship alone gives one row without a token.
  return rows.length === 0 ? undefined : rows.filter((row): row is BalanceRow => row.token !== null)
}

/** The spot wallet as the stream tells it: what a subscriber begins with. */
export async function spotSnapshot(db: Database, account: string): Promise<Push[]> {
  return await run(db, (query) =>
    query
      .select({
        account: balances.account,
        token: balances.token,
        available: sql<string>`trim_scale(${balances.available})::text`,
        frozen: sql<string>`trim_scale(${balances.frozen})::text`,
        version: balances.version,
        ts: sql<number>`floor(extract(epoch from ${balances.updatedAt}))::int8`.mapWith(Number),
      })
      .from(balances)
      .where(and(eq(balances.account, account), eq(balances.wallet, 'spot')))
      .orderBy(asc(balances.token)),
  )
}
