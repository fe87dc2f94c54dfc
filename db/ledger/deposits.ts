import { and, desc, eq, gte, lt, sql, type SQL } from 'drizzle-orm'
import { type Database, run } from '../client.ts'
import { deposits } from '../schema.ts'

export interface DepositRow {
  id: string
  /** The token's symbol, or the contract's address where the ledger does not know it. */
  token: string
  /** Decimal text in whole tokens; in the contract's smallest unit where the ledger does not know it. */
  amount: string
  chain_id: number
  tx_hash: string
  log_index: number
  block_number: number
  status: 'credited' | 'unsupported'
  created_at: number
  confirmed_at: number | null
}

export interface DepositFilter {
  status: 'credited' | 'unsupported' | undefined
  token: string | undefined
  /** Unix seconds: not before, and before. */
  start: number | undefined
  end: number | undefined
  /** An id: only older ones. */
  cursor: string | undefined
}

/** Deposits of an account, newest first. */
export async function listDeposits(
  db: Database,
  account: string,
  filter: DepositFilter,
  limit: number,
): Promise<DepositRow[]> {
  const { status, token, start, end, cursor } = filter
  const conditions: (SQL | undefined)[] = [
    eq(deposits.account, account),
    status === undefined ? undefined : eq(deposits.status, status),
    token === undefined ? undefined : eq(deposits.token, token),
    start === undefined ? undefined : gte(deposits.createdAt, sql`to_timestamp(${start})`),
    end === undefined ? undefined : lt(deposits.createdAt, sql`to_timestamp(${end})`),
    cursor === undefined ? undefined : lt(deposits.id, cursor),
  ]
  return await run(db, (query) =>
    query
      .select({
        id: deposits.id,
        token: sql<string>`coalesce(${deposits.token}, ${deposits.contract})`,
        amount: sql<string>`trim_scale(coalesce(${deposits.amount}, ${deposits.amountInWei}))::text`,
        chain_id: deposits.chainId,
        tx_hash: deposits.txHash,
        log_index: deposits.logIndex,
        block_number: deposits.blockNumber,
        status: deposits.status,
        created_at: sql<number>`floor(extract(epoch from ${deposits.createdAt}))::float8`,
        confirmed_at: sql<number | null>`floor(extract(epoch from ${deposits.confirmedAt}))::float8`,
      })
      .from(deposits)
      .where(and(...conditions))
      .orderBy(desc(deposits.id))
      .limit(limit),
  )
}
