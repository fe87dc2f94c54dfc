/** Looks at row locks of balances from outside, to see in which order a verb takes them. */
import pg from 'pg'
import { until } from './until.ts'

export interface BalanceKey {
  account: string
  wallet: 'perp' | 'spot'
  token: string
}

const ROW = `from ledger.balances b join ledger.accounts a on a.account_no = b.account_no join tokens t on t.token_no = b.token_no
  where a.address = $1 and b.wallet = left($2, 1)::"char" and t.symbol = $3 for update of b`

/**
 * Holds `held` while `work` runs into it, and tells whether the work has locked `other` by then: so which of the two it takes
 * first, without a clock and without anything that another test could disturb.
 */
export async function locksWhileWaiting<T>(
  databaseUrl: string,
  held: BalanceKey,
  other: BalanceKey,
  work: () => Promise<T>,
): Promise<{ otherIsLocked: boolean; result: T }> {
  const holder = new pg.Client({ connectionString: databaseUrl })
  const looker = new pg.Client({ connectionString: databaseUrl })
  await Promise.all([holder.connect(), looker.connect()])
  try {
    await holder.query('begin')
    await holder.query(`select ${ROW}`, keyOf(held))
    const { rows } = await holder.query('select pg_backend_pid() as pid')
    const { pid } = rows[0] as { pid: number }
    const running = work()
    await until(async () => await waitersFor(looker, pid), 'the work to wait for the held row')
    const otherIsLocked = await isLocked(looker, other)
    await holder.query('rollback')
    return { otherIsLocked, result: await running }
  } finally {
    await Promise.all([holder.end(), looker.end()])
  }
}

const keyOf = ({ account, wallet, token }: BalanceKey) => [account, wallet, token]

async function waitersFor(client: pg.Client, pid: number): Promise<boolean> {
  const { rowCount } = await client.query(
    'select from pg_stat_activity where $1 = any(pg_blocking_pids(pid)) limit 1',
    [pid],
  )
  return rowCount === 1
}

async function isLocked(client: pg.Client, key: BalanceKey): Promise<boolean> {
  const { rowCount } = await client.query(`select ${ROW} skip locked`, keyOf(key))
  return rowCount === 0
}
