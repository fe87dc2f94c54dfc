import { and, desc, eq, gte, lt, sql, type SQL } from 'drizzle-orm'
import { type Database, run } from '../client.ts'
import { deposits } from '../schema.ts'

/** As clients know them: what is `confirmed` here is `credited` in the ledger. */
export type DepositStatus = 'confirmed' | 'unsupported'

export interface DepositRow {
  id: string
  /** The token's symbol; null where the ledger does not know the contract. */
  token: string | null
  /** Decimal text in whole tokens; null where nobody knows how many that are. */
  amount: string | null
  /** Whole number text in the contract's smallest unit. */
  amount_in_wei: string
  chain_id: number
  tx_hash: string
  log_index: number
  block_number: number
  status: DepositStatus
  created_at: number
  confirmed_at: number | null
}

export interface DepositFilter {
  status: DepositStatus | undefined
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
    status && eq(deposits.status, status === 'confirmed' ? 'credited' : status),
    token === undefined ? undefined : eq(deposits.token, token),
    start === undefined ? undefined : gte(deposits.createdAt, sql`to_timestamp(${start})`),
    end === undefined ? undefined : lt(deposits.createdAt, sql`to_timestamp(${end})`),
    cursor === undefined ? undefined : lt(deposits.id, cursor),
  ]
  return await run(db, (query) =>
    query
      .select({
        id: deposits.id,
        token: deposits.token,
        amount: sql<string | null>`trim_scale(${deposits.amount})::text`,
        amount_in_wei: sql<string>`${deposits.amountInWei}::text`,
        chain_id: deposits.chainId,
        tx_hash: deposits.txHash,
        log_index: deposits.logIndex,
        block_number: deposits.blockNumber,
        status: sql<DepositStatus>`case ${deposits.status} when 'credited' then 'confirmed' else ${deposits.status} end`,
        created_at: sql<number>`floor(extract(epoch from ${deposits.createdAt}))::float8`,
        confirmed_at: sql<number | null>`floor(extract(epoch from ${deposits.confirmedAt}))::float8`,
      })
      .from(deposits)
      .where(and(...conditions))
      .orderBy(desc(deposits.id))
      .limit(limit),
  )
}
