import { and, eq, isNull, sql } from 'drizzle-orm'
import { callVerb, type Database, type Push, run } from '../client.ts'
import { counterDoubts } from '../schema.ts'
import type { BlockMark, VaultKey } from './record-logs.ts'

/** `blocked`: nothing is signed for the account until its counter is explained. `contradicted`: it is explained after all. */
export interface CounterRefused {
  outcome: 'blocked' | 'contradicted'
  /** False when the row was not `reserved` any more: somebody gave the funds back before. */
  released: boolean
  pushes: Push[]
}

/** Gives back a reservation whose counter could not be explained, and blocks its account where that is so still. */
export async function refuseCounter(db: Database, id: string, counter: number): Promise<CounterRefused> {
  return await callVerb(db, sql`select ledger.refuse_counter(${id}::uuid, ${counter}::bigint) as result`)
}

/** Accounts whose counter is in doubt, any of them: one that stays so for months must not keep others from their turn. */
export async function doubtedAccounts(
  db: Database,
  { chainId, vault }: VaultKey,
  limit: number,
): Promise<string[]> {
  const rows = await run(db, (query) =>
    query
      .select({ account: counterDoubts.account })
      .from(counterDoubts)
      .where(
        and(
          eq(counterDoubts.chainId, chainId),
          eq(counterDoubts.vault, vault),
          isNull(counterDoubts.clearedAt),
        ),
      )
      .orderBy(sql`random()`)
      .limit(limit),
  )
  return rows.map(({ account }) => account)
}

/** Ends the doubts that a final block explains; answers the accounts that stay blocked. */
export async function settleCounters(
  db: Database,
  { chainId, vault }: VaultKey,
  at: BlockMark,
  rows: { account: string; counter: string }[],
): Promise<string[]> {
  return await callVerb(
    db,
    sql`select ledger.settle_counters(${chainId}, ${vault}, ${at.number}, ${at.hash}, ${JSON.stringify(rows)}::jsonb) as result`,
  )
}
