/** What moved an account's balances: a read over `movements`, one row for each change of a balance. */
import { sql, type SQL } from 'drizzle-orm'
import { execute, type Database } from '../client.ts'

/** Every kind of movement that the verbs post, in the order of ledger.movement_kinds(). */
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
  /** False where the filter names no token that exists. */
  tokenKnown: boolean
}

/**
 * Reads a page of an account's history in one round trip.
 *
 * Movements come from two indexes in the order of the page, (from_no, id) and (to_no, id), so the cost is that of a page
 * however long the history is. An entry's id is its movement's, or the next one (ledger.taker_id), so what bounds entries
 * bounds movements too.
 */
export async function readHistory(
  db: Database,
  account: string,
  filter: HistoryFilter,
): Promise<HistoryPage> {
  const { limit, token } = filter
  const byKey = filter.idempotencyKey !== undefined
  const entries = byKey ? entriesOfKey(account, filter) : entriesOf(account, filter, filter.scanMax)
  // Where nothing is left out, a page that is not full ends the history.
  const endsEarly = !byKey && (filter.kind ?? token ?? filter.wallet) !== undefined
  const rows = await execute<Record<string, unknown>>(
    db,
    sql`
      with page as materialized (
        select ${COLUMNS}
        from (${entries}) e
        join public.tokens t on t.token_no = e.token_no
        left join ledger.accounts giver on giver.account_no = e.from_no
        left join ledger.accounts taker on taker.account_no = e.to_no
        where ${conditions(filter)}
        order by e.movement_id desc, e.id desc limit ${limit + 1}
      )
      select page.*,
        ${token === undefined ? sql`true` : sql`exists (select from public.tokens k where k.symbol = ${token})`} as token_known,
        ${endsEarly ? scannedTo(entries, filter) : sql`null`} as scanned_to
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

const scannedTo = (entries: SQL, { limit, scanMax }: HistoryFilter): SQL => sql`
  case when (select count(*) from page) > ${limit} then null
    else (select e.id from (${entries}) e offset ${scanMax - 1} limit 1) end`

const COLUMNS = sql`e.id, e.movement_id as transfer_id, (ledger.movement_kinds())[e.kind] as kind, t.symbol as token,
  ledger.wallet_name(e.side) as wallet, trim_scale(e.amount)::text as amount,
  trim_scale(e.available_delta)::text as available_delta, trim_scale(e.frozen_delta)::text as frozen_delta,
  trim_scale(e.available_after)::text as available_after, trim_scale(e.frozen_after)::text as frozen_after, e.version,
  coalesce(giver.address, ledger.system_account(e.from_side)) as from_account, ledger.wallet_name(e.from_side) as from_wallet,
  coalesce(taker.address, ledger.system_account(e.to_side)) as to_account, ledger.wallet_name(e.to_side) as to_wallet,
  e.reference, floor(extract(epoch from ledger.time_of(e.movement_id)))::bigint as created_at`

const numberOf = (account: string) =>
  sql`(select a.account_no from ledger.accounts a where a.address = ${account})`

/** On the id alone, so that partitions outside the time asked for are never opened. */
function boundsOf(id: SQL, { start, end, cursor }: HistoryFilter): SQL {
  const bounds = [sql`true`]
  if (start !== undefined) bounds.push(sql`${id} >= ledger.first_id(to_timestamp(${start}::float8))`)
  if (end !== undefined) bounds.push(sql`${id} < ledger.first_id(to_timestamp(${end}::float8))`)
  if (cursor !== undefined) bounds.push(sql`${id} < ${cursor}::uuid`)
  return sql.join(bounds, sql` and `)
}

function conditions({ kind, token, wallet }: HistoryFilter): SQL {
  const wanted = [sql`true`]
  if (kind !== undefined) wanted.push(sql`e.kind = array_position(ledger.movement_kinds(), ${kind})`)
  if (token !== undefined) wanted.push(sql`t.symbol = ${token}`)
  if (wallet !== undefined) wanted.push(sql`ledger.wallet_name(e.side) = ${wallet}`)
  return sql.join(wanted, sql` and `)
}

/** The account's sides of movements, as ledger.entries_of tells them. */
const sidesOf = (account: string, movements: SQL): SQL => sql`
  select m.id as movement_id, m.kind, m.token_no, m.amount, m.from_no, m.from_side, m.to_no, m.to_side, nullif(m.reference, '{}') as reference, e.*
  from (${movements}) m cross join lateral ledger.entries_of(m) e
  where e.account_no = ${numberOf(account)}`

/**
 * The newest entries, of which a movement has one or two. One movement more than entries are wanted: that of the cursor may
 * come again, when its other entry is the cursor or is not the account's.
 */
function entriesOf(account: string, filter: HistoryFilter, max: number): SQL {
  const bounds = boundsOf(sql`m.id`, filter)
  const newest = (mine: SQL) =>
    sql`(select m.* from ledger.movements m where ${mine} and ${bounds} order by m.id desc limit ${max + 1})`
  const me = numberOf(account)
  const movements = sql`
    ${newest(sql`m.from_no = ${me}`)} union all ${newest(sql`m.to_no = ${me} and m.to_no is distinct from m.from_no`)}
    order by id desc limit ${max + 1}`
  return sql`${sidesOf(account, movements)} and ${boundsOf(sql`e.id`, filter)} order by m.id desc, e.id desc limit ${max}`
}

/** The account's entries of the movements that one key stands for: at each endpoint a look-up, never a walk over the keys. */
const entriesOfKey = (account: string, filter: HistoryFilter): SQL => {
  const movements = sql`
    select m.* from ledger.accounts a
    cross join unnest(ledger.key_endpoints()) place(endpoint)
    join ledger.idempotency_keys k on k.family_no = a.family_no
      and k.key_id = ledger.key_id(a.address, place.endpoint, ${filter.idempotencyKey ?? ''})
    join ledger.movements m on m.family_no = a.family_no and m.id = k.movement_id
    where a.address = ${account}`
  return sql`${sidesOf(account, movements)} and ${boundsOf(sql`e.id`, filter)}`
}

function historyRow({ token_known: _known, scanned_to: _to, ...row }: Record<string, unknown>): HistoryRow {
  // The driver gives bigint as text; both stay far below 2^53.
  return {
    ...(row as unknown as HistoryRow),
    version: Number(row.version),
    created_at: Number(row.created_at),
  }
}
