import { and, asc, eq, lt, sql } from 'drizzle-orm'
import { callVerb, type Database, type Push, run } from '../client.ts'
import { withdrawals } from '../schema.ts'
import type { BlockMark, VaultKey } from './record-logs.ts'

export interface DueWithdrawal {
  id: string
  account: string
  deadline: number
}
export interface Expired {
  expired: number
  /** Past the deadline, but the vault's counter is past the nonce although no event is known. */
  unproved: string[]
  /** When the oldest of them was requested, unix seconds. */
  unproved_since: number | null
  pushes: Push[]
}

/** Signed rows whose deadline is before `time`, oldest first, after the one given. */
export async function dueWithdrawals(
  db: Database,
  { chainId, vault }: VaultKey,
  time: number,
  limit: number,
  after: DueWithdrawal | undefined,
): Promise<DueWithdrawal[]> {
  return await run(db, (query) =>
    query
      .select({ id: withdrawals.id, account: withdrawals.account, deadline: withdrawals.deadline })
      .from(withdrawals)
      .where(
        and(
          eq(withdrawals.status, 'signed'),
          eq(withdrawals.chainId, chainId),
          eq(withdrawals.vault, vault),
          lt(withdrawals.deadline, time),
          after &&
            sql`(${withdrawals.deadline}, ${withdrawals.id}) > (${after.deadline}::bigint, ${after.id}::uuid)`,
        ),
      )
      .orderBy(asc(withdrawals.deadline), asc(withdrawals.id))
      .limit(limit),
  )
}

/**
 * Gives back what the chain never paid. The verb looks at every condition again under the rows' locks.
 *
 * @param at the block at which `nextNonce` was read from the vault, as decimal text
 */
export async function expire(
  db: Database,
  { chainId, vault }: VaultKey,
  at: BlockMark,
  rows: { id: string; nextNonce: string }[],
): Promise<Expired> {
  const proof = JSON.stringify(rows.map((row) => ({ id: row.id, next_nonce: row.nextNonce })))
  return await callVerb(
    db,
    sql`select ledger.expire(${chainId}, ${vault}, ${at.number}, ${at.hash}, ${at.timestamp}, ${proof}::jsonb) as result`,
  )
}
