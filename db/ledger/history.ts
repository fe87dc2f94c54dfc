/** What moved an account's balances: a read over `entries`, one row for each change of a balance. */
import { sql, type SQL } from 'drizzle-orm'
import { execute, type Database } from '../client.ts'

/** Every kind of movement that the verbs post. */
export const MOVEMENT_KINDS = [
  'perp_to_spot',
  'spot_to_perp',
  'credit',
  'withdraw_reserve',
  'withdraw_release',
  'withdraw_confirm',
  'withdraw_expire',
  'withdraw_fee',
  'withdraw_paid_after_expiry',
  'withdraw_recovered',
  'deposit',
  'subaccount_spot_transfer',
  'subaccount_perp_transfer',
] as const

export interface HistoryFilter {
  kind: string | undefined
  token: string | undefined
  wallet: string | undefined
  /** Unix seconds: not before, and before. */
  start: number | undefined
  end: number | undefined
  /** The caller's key of a movement; then the whole history is searched for it. */
  idempotencyKey: string | undefined
  limit: number
  /** Entries older than this one. */
  cursor: string | undefined
  /** Entries that one read looks at, at most, however few of them the filter keeps. */
  scanMax: number
}

export interface HistoryRow {
  id: string
  transfer_id: string
  kind: string
  token: string
  wallet: string
  amount: string
  available_delta: string
  frozen_delta: string
  available_after: string
  frozen_after: string
  version: number
  from_account: string
  from_wallet: string
  to_account: string
  to_wallet: string
  reference: Record<string, unknown> | null
  created_at: number
}

export interface HistoryPage {
  /** Newest first, up to `limit + 1`. */
  rows: HistoryRow[]
  /** The last entry that was looked at, when the scan ended before the page was full and before the history did. */
  scannedTo: string | undefined
  /** False where the token of the filter is none. */
  tokenKnown: boolean
}

/**
 * Reads a page of an account's history in one round trip.
 *
 * The entries come from `(account, id)` in the order of the page, so the cost is that of a page however long the history
 * is. `kind` is a column of the movement, not of the entry: `offset 0` keeps each movement a look-up by its id, whatever
 * the planner thinks of the filter.
 */
export async function readHistory(
  db: Database,
  account: string,
  filter: HistoryFilter,
): Promise<HistoryPage> {
  const { limit, token } = filter
  const bounds = boundsOf(account, filter)
  const byKey = filter.idempotencyKey !== undefined
  const candidates = byKey
    ? entriesOfKey(account, filter.idempotencyKey ?? '', bounds)
    : sql`select e.* from public.entries e where ${bounds} order by e.id desc limit ${filter.scanMax}`
  const rows = await execute<Record<string, unknown>>(
    db,
    sql`
      with page as materialized (
        select ${COLUMNS}
        from (${candidates}) e
        cross join lateral (select * from public.transfers m where m.id = e.transfer_id offset 0) t
        where ${conditions(filter)}
        order by e.id desc limit ${limit + 1}
      )
      select page.*,
        ${token === undefined ? sql`true` : sql`exists (select from public.tokens k where k.symbol = ${token})`} as token_known,
        case when ${byKey} or (select count(*) from page) > ${limit} then null else
          (select e.id from public.entries e where ${bounds} order by e.id desc offset ${filter.scanMax - 1} limit 1)
        end as scanned_to
      from (select 1) one left join page on true
      order by page.id desc`,
  )
  const first = rows[0]
  return {
    rows: rows.filter((row) => row.id !== null).map(historyRow),
    scannedTo: (first?.scanned_to as string | null) ?? undefined,
    tokenKnown: first?.token_known === true,
  }
}

const COLUMNS = sql`e.id, e.transfer_id, t.kind, e.token, e.wallet, trim_scale(t.amount)::text as amount,
  trim_scale(e.available_delta)::text as available_delta, trim_scale(e.frozen_delta)::text as frozen_delta,
  trim_scale(e.available_after)::text as available_after, trim_scale(e.frozen_after)::text as frozen_after,
  e.version, t.from_account, t.from_wallet, t.to_account, t.to_wallet, t.reference,
  floor(extract(epoch from t.created_at))::bigint as created_at`

/** On the id alone, so that partitions outside the time asked for are never opened. */
function boundsOf(account: string, { start, end, cursor }: HistoryFilter): SQL {
  const conditions = [sql`e.account = ${account}`]
  if (start !== undefined) conditions.push(sql`e.id >= ledger.first_id(to_timestamp(${start}::float8))`)
  if (end !== undefined) conditions.push(sql`e.id < ledger.first_id(to_timestamp(${end}::float8))`)
  if (cursor !== undefined) conditions.push(sql`e.id < ${cursor}::uuid`)
  return sql.join(conditions, sql` and `)
}

function conditions({ kind, token, wallet }: HistoryFilter): SQL {
  const wanted = [sql`true`]
  if (kind !== undefined) wanted.push(sql`t.kind = ${kind}`)
  if (token !== undefined) wanted.push(sql`e.token = ${token}`)
  if (wallet !== undefined) wanted.push(sql`e.wallet = ${wallet}`)
  return sql.join(wanted, sql` and `)
}

/**
 * The account's entries of the movements that one key stands for. The key's index leads with (account, endpoint): each
 * endpoint is found by a step in it, never by a walk over the account's keys. Entries carry the time of their movement in
 * the upper half of their id (ledger.post), which is a range of the one index that entries have.
 */
const entriesOfKey = (account: string, key: string, bounds: SQL): SQL => sql`
  with recursive endpoints (endpoint) as (
    (select k.endpoint from public.idempotency_keys k where k.account = ${account} order by k.endpoint limit 1)
    union all
    select (select k.endpoint from public.idempotency_keys k
        where k.account = ${account} and k.endpoint > s.endpoint order by k.endpoint limit 1)
      from endpoints s where s.endpoint is not null
  )
  select e.* from endpoints s
  join public.idempotency_keys k on k.account = ${account} and k.endpoint = s.endpoint and k.key = ${key}
  cross join lateral (
    select e.* from public.entries e where ${bounds} and e.transfer_id = k.transfer_id
      and e.id between (left(k.transfer_id::text, 19) || '8000-000000000000')::uuid
        and (left(k.transfer_id::text, 19) || 'bfff-ffffffffffff')::uuid
    offset 0
  ) e`

function historyRow({ token_known: _known, scanned_to: _to, ...row }: Record<string, unknown>): HistoryRow {
  // The driver gives bigint as text; both stay far below 2^53.
  return {
    ...(row as unknown as HistoryRow),
    version: Number(row.version),
    created_at: Number(row.created_at),
  }
}
