/**
 * `npx tsx scripts/bench/history-growth.ts [--plans]`: what a page of GET /spot/transfers costs as the history grows, by the
 * function's own read through the Neon proxy, on a Postgres of its own that is thrown away. Ratios count; times are the machine's.
 */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { connect, type Database } from '../../db/client.ts'
import { readHistory, type HistoryFilter } from '../../db/ledger/history.ts'
import { HISTORY_SCAN_MAX } from '../../functions/_lib/limits.ts'
import { migrateDatabase, putTokens, setRolePasswords } from '../stack/database.ts'
import { checkInvariants } from '../stack/invariants.ts'
import { startNeonProxy } from '../stack/neon-proxy.ts'
import { startPostgres } from '../stack/postgres.ts'

const CALLS = 200
const WARM_UP_CALLS = 40
const SIZES = [10_000, 100_000, 1_000_000]
const PASSWORD = 'benchmark'
const USDT = {
  symbol: 'USDT',
  decimals: 6,
  chainId: null,
  contract: null,
  transferable: true,
  withdrawable: false,
  minWithdraw: '0',
}

/**
 * Movements `from`+1 to `to` of one account, written as ledger.post would have: a credit of 1000 first, then 1 to perp and
 * back in turn, spread over the months that have partitions. Foreign keys are not checked again for rows made right.
 */
const LOAD = `
  create temp table moved on commit drop as
    select i, at, ledger.new_id(at) as id, case when i = 1 then 'credit' when i % 2 = 0 then 'spot_to_perp' else 'perp_to_spot' end as kind
    from (select i, date_trunc('month', now()) + i * interval '6 seconds' as at from generate_series($2::int + 1, $3::int) i) n;
  insert into transfers (id, kind, token, amount, from_account, from_wallet, to_account, to_wallet, created_at)
    select id, kind, 'USDT', case when i = 1 then 1000 else 1 end, case when i = 1 then 'issuance' else $1 end,
      case kind when 'credit' then 'system' when 'spot_to_perp' then 'spot' else 'perp' end, $1,
      case kind when 'spot_to_perp' then 'perp' else 'spot' end, at from moved;
  insert into spot_admin_credits (id, user_address, token, amount, admin_actor, transfer_id, created_at)
    select ledger.new_id(at), $1, 'USDT', 1000, 'admin_api_key', id, at from moved where i = 1;
  insert into entries (account, id, transfer_id, wallet, token, available_delta, frozen_delta, available_after, frozen_after, version)
    select 'issuance', ledger.new_id(at), id, 'system', 'USDT', -1000, 0, null::numeric, null::numeric, null::bigint from moved where i = 1
    union all
    select $1, ledger.new_id(at), id, 'spot', 'USDT', case when i = 1 then 1000 when i % 2 = 0 then -1 else 1 end, 0,
      case when i % 2 = 0 then 999 else 1000 end, 0, i from moved
    union all
    select $1, ledger.new_id(at), id, 'perp', 'USDT', case when i % 2 = 0 then 1 else -1 end, 0, case when i % 2 = 0 then 1 else 0 end, 0, i - 1
      from moved where i > 1;
  insert into idempotency_keys (account, endpoint, key, request_hash, transfer_id)
    select $1, 'spot-transfer', 'key-' || i, '\\x00', id from moved where i > 1;
  insert into balances (account, wallet, token, available, version)
    select $1, 'spot', 'USDT', case when $3::int % 2 = 0 then 999 else 1000 end, $3::int
    union all select $1, 'perp', 'USDT', case when $3::int % 2 = 0 then 1 else 0 end, $3::int - 1 where $3::int > 1
    on conflict (account, wallet, token) do update set available = excluded.available, version = excluded.version`

async function load(owner: pg.Client, account: string, from: number, to: number): Promise<void> {
  const filled = LOAD.replaceAll('$1', `'${account}'::text`)
    .replaceAll('$2', String(from))
    .replaceAll('$3', String(to))
  await owner.query(`begin; set local session_replication_role = replica; ${filled}; commit`)
}

interface Reads {
  [name: string]: Partial<HistoryFilter>
}
async function readsOf(owner: pg.Client, account: string, movements: number): Promise<Reads> {
  const { rows } = await owner.query<{ id: string; at: number }>(
    `select id, floor(extract(epoch from created_at))::float8 as at from transfers where to_account = $1 order by id offset $2 limit 1`,
    [account, Math.floor(movements / 2)],
  )
  const middle = rows[0]
  if (!middle) throw new Error('nothing was loaded')
  return {
    'newest page': {},
    'page from the middle': { cursor: middle.id },
    'one hour of the middle': { start: middle.at - 1800, end: middle.at + 1800 },
    'wallet=spot (half match)': { wallet: 'spot' },
    idempotency_key: { idempotencyKey: `key-${Math.floor(movements / 2)}` },
    'kind=deposit (none match)': { kind: 'deposit' },
    'token=DF (none match)': { token: 'DF' },
  }
}

const filterOf = (partial: Partial<HistoryFilter>): HistoryFilter => ({
  ...{
    kind: undefined,
    token: undefined,
    wallet: undefined,
    start: undefined,
    end: undefined,
    cursor: undefined,
  },
  ...{ idempotencyKey: undefined, limit: 50, scanMax: HISTORY_SCAN_MAX },
  ...partial,
})

/** One place to read: an account of so many entries, in a database of so many. */
interface Place {
  name: string
  db: Database
  account: string
  filters: Record<string, HistoryFilter>
}

/** Calls go round the places in turn, so whatever else the machine does hits all of them alike. */
async function measure(places: Place[]): Promise<void> {
  console.log(
    `p50 of ${CALLS} calls, ms\n| read | ${places.map((place) => place.name).join(' | ')} | last : first |`,
  )
  console.log(`|---|${'---|'.repeat(places.length + 1)}`)
  for (const read of Object.keys(places[0]?.filters ?? {})) {
    const times = places.map((): number[] => [])
    for (let call = -WARM_UP_CALLS; call < CALLS; call += 1) {
      for (const [at, { db, account, filters }] of places.entries()) {
        const startedAt = performance.now()
        await readHistory(db, account, filters[read] ?? filterOf({}))
        if (call >= 0) times[at]?.push(performance.now() - startedAt)
      }
    }
    const medians = times.map((list) => list.sort((a, b) => a - b)[CALLS / 2] ?? 0)
    const ratio = (medians.at(-1) ?? 0) / (medians[0] ?? 1)
    console.log(`| ${read} | ${medians.map((time) => time.toFixed(2)).join(' | ')} | ${ratio.toFixed(2)} |`)
  }
}

/** Prints what Postgres does for the newest page: an index scan a partition, none of it longer than the page. */
async function explain(owner: pg.Client, db: Database, account: string): Promise<void> {
  const statements: { sql: string; params: unknown[] }[] = []
  const query = async (sql: string, params: unknown[]) => {
    statements.push({ sql, params })
    return { rows: [] }
  }
  const now = Math.floor(Date.now() / 1000)
  for (const partial of [{}, { start: now - 3600, end: now }])
    await readHistory(
      { ...db, client: { query } as unknown as Database['client'] },
      account,
      filterOf(partial),
    )
  for (const { sql, params } of statements) {
    const { rows } = await owner.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, costs off, timing off) ${sql}`,
      params,
    )
    console.log(rows.map((row) => row['QUERY PLAN']).join('\n'), '\n')
  }
}

const accountOf = (size: number) => `0x${size.toString().padStart(40, '0')}`
const SMALLEST = SIZES[0] ?? 0
const LARGEST = SIZES.at(-1) ?? 0

const folder = await mkdtemp(join(tmpdir(), 'tidegate-bench-'))
const postgres = await startPostgres({ dataDir: join(folder, 'postgres') })
const proxy = await startNeonProxy({ postgresHost: '127.0.0.1', postgresPort: postgres.port })

/** A database with an account of each size, and how to read each of them. */
async function fill(database: string, sizes: readonly number[]): Promise<Place[]> {
  await postgres.createDatabase(database)
  const ownerUrl = postgres.ownerUrl(database)
  await migrateDatabase(ownerUrl)
  const passwords = { tidegate_edge: PASSWORD, tidegate_admin: PASSWORD, tidegate_settle: PASSWORD }
  await setRolePasswords(ownerUrl, passwords)
  await putTokens(ownerUrl, [USDT, { ...USDT, symbol: 'DF', decimals: 18 }])
  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  for (const size of sizes) await load(owner, accountOf(size), 0, size / 2)
  await owner.query('vacuum analyze transfers, entries, idempotency_keys')
  const db = connect(`postgresql://tidegate_edge:${PASSWORD}@127.0.0.1:${proxy.port}/${database}`, 4_000)
  const total = sizes.reduce((sum, size) => sum + size, 0)
  const places: Place[] = []
  for (const size of sizes) {
    const reads = await readsOf(owner, accountOf(size), size / 2)
    const filters = Object.fromEntries(Object.entries(reads).map(([name, read]) => [name, filterOf(read)]))
    places.push({
      name: `${size / 1000}k of ${total / 1000}k entries`,
      db,
      account: accountOf(size),
      filters,
    })
  }
  if (sizes.includes(LARGEST) && process.argv.includes('--plans'))
    await explain(owner, db, accountOf(LARGEST))
  await owner.end()
  return places
}

try {
  await measure([...(await fill('small', [SMALLEST])), ...(await fill('large', SIZES))])
  const broken = (await checkInvariants(postgres.ownerUrl('large'))).filter((result) => result.violations > 0)
  console.log(
    broken.length === 0
      ? 'the loaded ledger is sound'
      : `broken: ${broken.map((one) => one.name).join('; ')}`,
  )
} finally {
  await proxy.stop()
  await postgres.stop()
  await rm(folder, { recursive: true, force: true })
}
