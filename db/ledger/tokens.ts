import { asc, eq, sql } from 'drizzle-orm'
import { run, type Database } from '../client.ts'
import { tokens } from '../schema.ts'

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

const columns = {
  symbol: tokens.symbol,
  decimals: tokens.decimals,
  chainId: tokens.chainId,
  contract: tokens.contract,
  transferable: tokens.transferable,
  withdrawable: tokens.withdrawable,
  minWithdraw: sql<string>`trim_scale(${tokens.minWithdraw})::text`,
}

export async function listTokens(db: Database): Promise<TokenRow[]> {
  return await run(db, (query) => query.select(columns).from(tokens).orderBy(asc(tokens.symbol)))
}

export async function findToken(db: Database, symbol: string): Promise<TokenRow | undefined> {
  const rows = await run(db, (query) => query.select(columns).from(tokens).where(eq(tokens.symbol, symbol)))
  return rows[0]
}
