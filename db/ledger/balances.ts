import { sql } from 'drizzle-orm'
import { execute, type Database, type Push } from '../client.ts'

export interface BalanceRow {
  token: string
  /** Decimal text, trailing zeros stripped. */
  available: string
  frozen: string
  version: number
}

// float8 of a version, which stays far below 2^53: bigint would come as text.
const COLUMNS = sql`b.token, trim_scale(b.available)::text as available, trim_scale(b.frozen)::text as frozen,
  b.version::float8 as version`

/** Every balance of one wallet of an account, by token. */
export async function listBalances(
  db: Database,
  account: string,
  wallet: 'perp' | 'spot',
): Promise<BalanceRow[]> {
  return await execute(
    db,
    sql`select ${COLUMNS} from public.balances b where b.account = ${account} and b.wallet = ${wallet} order by b.token`,
  )
}

/** The same of a subaccount, in one round trip; undefined when it is not a subaccount of `main`. */
export async function listSubaccountBalances(
  db: Database,
  main: string,
  subaccount: string,
  wallet: 'perp' | 'spot',
): Promise<BalanceRow[] | undefined> {
  const rows = await execute<BalanceRow | Record<keyof BalanceRow, null>>(
    db,
    sql`select ${COLUMNS} from public.subaccounts s
      left join public.balances b on b.account = s.subaccount and b.wallet = ${wallet}
      where s.subaccount = ${subaccount} and s.main_account = ${main} order by b.token`,
  )
  // The relationship alone gives one row without a token.
  return rows.length === 0 ? undefined : rows.filter((row): row is BalanceRow => row.token !== null)
}

/** The spot wallet as the stream tells it: what a subscriber begins with. */
export async function spotSnapshot(db: Database, account: string): Promise<Push[]> {
  return await execute(
    db,
    sql`select b.account, ${COLUMNS}, floor(extract(epoch from b.updated_at))::float8 as ts
      from public.balances b where b.account = ${account} and b.wallet = 'spot' order by b.token`,
  )
}
