import { and, asc, eq, sql } from 'drizzle-orm'
import { run, type Database } from '../client.ts'
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
