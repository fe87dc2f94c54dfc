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
const COLUMNS = sql`t.symbol as token, trim_scale(b.available)::text as available, trim_scale(b.frozen)::text as frozen,
  b.version::float8 as version`

/** The balances of one wallet of the account that `a` is, with their tokens. */
const balancesOf = (
  wallet: 'perp' | 'spot',
) => sql`(ledger.balances b join public.tokens t on t.token_no = b.token_no)
  on b.family_no = a.family_no and b.account_no = a.account_no and b.wallet = ${wallet === 'spot' ? 's' : 'p'}::"char"`

/** Every balance of one wallet of an account, by token. */
export async function listBalances(
  db: Database,
  account: string,
  wallet: 'perp' | 'spot',
): Promise<BalanceRow[]> {
  return await execute(
    db,
    sql`select ${COLUMNS} from ledger.accounts a join ${balancesOf(wallet)}
      where a.address = ${account} order by t.symbol`,
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
      join ledger.accounts a on a.address = s.subaccount
      left join ${balancesOf(wallet)}
      where s.subaccount = ${subaccount} and s.main_account = ${main} order by t.symbol`,
  )
  // The relationship alone gives one row without a token.
  return rows.length === 0 ? undefined : rows.filter((row): row is BalanceRow => row.token !== null)
}

export interface FamilyMember {
  account: string
  balances: BalanceRow[]
}

/** The same of a main account and of all its subaccounts, the oldest first, in one round trip. */
export async function listFamilyBalances(
  db: Database,
  main: string,
  wallet: 'perp' | 'spot',
): Promise<{ balances: BalanceRow[]; subaccounts: FamilyMember[] }> {
  const rows = await execute<{ account: string } & (BalanceRow | Record<keyof BalanceRow, null>)>(
    db,
    sql`select a.address as account, ${COLUMNS} from ledger.accounts a
      left join ${balancesOf(wallet)}
      where a.address = ${main}
        or a.address in (select s.subaccount from public.subaccounts s where s.main_account = ${main})
      order by a.account_no, t.symbol`,
  )
  const members = new Map<string, BalanceRow[]>()
  for (const { account, ...row } of rows) {
    const balances = members.get(account) ?? []
    members.set(account, balances)
    if (row.token !== null) balances.push(row)
  }
  const subaccounts = [...members].flatMap(([account, balances]) =>
    account === main ? [] : [{ account, balances }],
  )
  return { balances: members.get(main) ?? [], subaccounts }
}

/** The spot wallet as the stream tells it: what a subscriber begins with. */
export async function spotSnapshot(db: Database, account: string): Promise<Push[]> {
  return await execute(
    db,
    sql`select a.address as account, ${COLUMNS}, floor(extract(epoch from b.updated_at))::float8 as ts
      from ledger.accounts a join ${balancesOf('spot')} where a.address = ${account} order by t.symbol`,
  )
}
