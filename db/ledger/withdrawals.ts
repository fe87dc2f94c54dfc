import { and, desc, eq, gte, lt, sql } from 'drizzle-orm'
import type { NeonHttpDatabase } from 'drizzle-orm/neon-http'
import { type Database, run } from '../client.ts'
import { withdrawalNonces, withdrawals } from '../schema.ts'

export const WITHDRAWAL_STATUSES = withdrawals.status.enumValues
export type WithdrawalStatus = (typeof WITHDRAWAL_STATUSES)[number]

export interface WithdrawalFilter {
  status?: WithdrawalStatus | undefined
  token?: string | undefined
  /** As it was sent with the request. */
  idempotencyKey?: string | undefined
  /** Unix seconds: not before, and before. */
  start?: number | undefined
  end?: number | undefined
  /** Older than this withdrawal. */
  cursor?: string | undefined
  limit: number
}

const seconds = (column: unknown) => sql<number | null>`floor(extract(epoch from ${column}))::float8`

/** A withdrawal as the reads show it. `next_on_chain` is the vault's counter as confirmed events have proved it. */
const columns = {
  id: withdrawals.id,
  token: withdrawals.token,
  token_contract: withdrawals.contract,
  amount: sql<string>`trim_scale(${withdrawals.amount})::text`,
  amount_in_wei: withdrawals.amountInWei,
  fee: sql<string>`trim_scale(${withdrawals.fee})::text`,
  recipient: withdrawals.recipient,
  chain_id: withdrawals.chainId,
  vault_address: withdrawals.vault,
  nonce: withdrawals.nonce,
  status: withdrawals.status,
  deadline: withdrawals.deadline,
  signature: withdrawals.signature,
  tx_hash: withdrawals.txHash,
  block_number: withdrawals.blockNumber,
  requested_at: seconds(withdrawals.requestedAt),
  confirmed_at: seconds(withdrawals.confirmedAt),
  next_on_chain: withdrawalNonces.nextOnChain,
}

const select = (query: NeonHttpDatabase) =>
  query
    .select(columns)
    .from(withdrawals)
    .leftJoin(
      withdrawalNonces,
      and(
        eq(withdrawalNonces.account, withdrawals.account),
        eq(withdrawalNonces.chainId, withdrawals.chainId),
        eq(withdrawalNonces.vault, withdrawals.vault),
      ),
    )

export type WithdrawalRow = Awaited<ReturnType<typeof select>>[number]

/** Newest first; one row more than `limit` when there is a next page. */
export async function listWithdrawals(
  db: Database,
  account: string,
  filter: WithdrawalFilter,
): Promise<WithdrawalRow[]> {
  const { status, token, idempotencyKey, start, end, cursor, limit } = filter
  // Ids carry the time of the request, so a span of time is a span of the index by account and id.
  return await run(db, (query) =>
    select(query)
      .where(
        and(
          eq(withdrawals.account, account),
          cursor === undefined ? undefined : lt(withdrawals.id, cursor),
          start === undefined ? undefined : gte(withdrawals.id, firstId(start)),
          end === undefined ? undefined : lt(withdrawals.id, firstId(end)),
          status === undefined ? undefined : eq(withdrawals.status, status),
          token === undefined ? undefined : eq(withdrawals.token, token),
          idempotencyKey === undefined ? undefined : eq(withdrawals.idempotencyKey, idempotencyKey),
        ),
      )
      .orderBy(desc(withdrawals.id))
      .limit(limit + 1),
  )
}

export async function findWithdrawal(
  db: Database,
  account: string,
  id: string,
): Promise<WithdrawalRow | undefined> {
  const rows = await run(db, (query) =>
    select(query).where(and(eq(withdrawals.account, account), eq(withdrawals.id, id))),
  )
  return rows[0]
}

/** Smallest uuid v7 of a second. */
function firstId(unixSeconds: number): string {
  const ms = (unixSeconds * 1000).toString(16).padStart(12, '0')
  return `${ms.slice(0, 8)}-${ms.slice(8, 12)}-7000-8000-000000000000`
}
