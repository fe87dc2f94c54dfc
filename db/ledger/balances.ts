import { and, asc, eq, sql } from 'drizzle-orm'
import { run, type Database, type Push } from '../client.ts'
import { balances } from '../schema.ts'

export interface BalanceRow {
  token: string
  /** Decimal text, trailing zeros stripped. */
  available: string
  frozen: string
  version: number
}

/** Every balance of one wallet of an account, by token. */
export async function listBalances(
  db: Database,
  account: string,
  wallet: 'perp' | 'spot',
): Promise<BalanceRow[]> {
  return await run(db, (query) =>
    query
      .select({
        token: balances.token,
        available: sql<string>`trim_scale(${balances.available})::text`,
        frozen: sql<string>`trim_scale(${balances.frozen})::text`,
        version: balances.version,
      })
      .from(balances)
      .where(and(eq(balances.account, account), eq(balances.wallet, wallet)))
      .orderBy(asc(balances.token)),
  )
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
