import { and, asc, eq, isNotNull, sql } from 'drizzle-orm'
import { callVerb, type Database, run } from '../client.ts'
import { SUM_COST_FACTOR } from '../limits.ts'
import { solvencyChecks, tokens } from '../schema.ts'
import type { VaultKey } from './record-logs.ts'

/** Tokens of the chain, their contracts, and whether their solvency is due to be checked. */
export async function tokensToCheck(
  db: Database,
  { chainId, vault }: VaultKey,
): Promise<{ symbol: string; contract: string; due: boolean }[]> {
  const rows = await run(db, (query) =>
    query
      .select({
        symbol: tokens.symbol,
        contract: tokens.contract,
        due: sql<boolean>`coalesce(now() - ${solvencyChecks.checkedAt} > make_interval(secs => ${SUM_COST_FACTOR} * ${solvencyChecks.tookMs} / 1000.0), true)`,
      })
      .from(tokens)
      .leftJoin(
        solvencyChecks,
        and(
          eq(solvencyChecks.chainId, chainId),
          eq(solvencyChecks.vault, vault),
          eq(solvencyChecks.token, tokens.symbol),
        ),
      )
      .where(and(eq(tokens.chainId, chainId), isNotNull(tokens.contract)))
      .orderBy(asc(tokens.symbol)),
  )
  return rows.flatMap(({ symbol, contract, due }) => (contract === null ? [] : [{ symbol, contract, due }]))
}

/**
 * Compares what the vault held at a block with what is owed; a breach is an alert, and pauses signing when `pause`. So is a token
 * that could not be read (null), which pauses nothing.
 */
export async function checkSolvency(
  db: Database,
  { chainId, vault }: VaultKey,
  block: number,
  holdings: { token: string; in_wei: string | null }[],
  pause: boolean,
): Promise<{ breaches: string[] }> {
  return await callVerb(
    db,
    sql`select ledger.check_solvency(${chainId}, ${vault}, ${block}, ${JSON.stringify(holdings)}::jsonb, ${pause}) as result`,
  )
}

/** The invariants that are cheap enough for every minute; answers the number of violations. */
export async function checkOpenWithdrawals(db: Database): Promise<number> {
  return await callVerb(db, sql`select ledger.check_open_withdrawals() as result`)
}
