import { sql } from 'drizzle-orm'
import { execute, type Database } from '../client.ts'

export interface TokenRow {
  symbol: string
  decimals: number
  chainId: number | null
  contract: string | null
  transferable: boolean
  withdrawable: boolean
  /** Decimal text. */
  minWithdraw: string
}

// float8 of a chain id: bigint would come as text.
const SELECT = sql`select symbol, decimals, chain_id::float8 as "chainId", contract, transferable, withdrawable,
  trim_scale(min_withdraw)::text as "minWithdraw" from public.tokens`

export async function listTokens(db: Database): Promise<TokenRow[]> {
  return await execute(db, sql`${SELECT} order by symbol`)
}

export async function findToken(db: Database, symbol: string): Promise<TokenRow | undefined> {
  const [row] = await execute<TokenRow>(db, sql`${SELECT} where symbol = ${symbol}`)
  return row
}
