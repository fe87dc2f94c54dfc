/** What a page of GET /spot/transfers costs as the account's history grows, by the function's own read through the Neon proxy. */
import type pg from 'pg'
import { connect, type Database } from '../../db/client.ts'
import { readHistory, type HistoryFilter } from '../../db/ledger/history.ts'
import { HISTORY_SCAN_MAX } from '../../functions/_lib/limits.ts'
import type { LocalPostgres } from '../stack/postgres.ts'
import { explain } from './explain.ts'
import { load, makePastPartitions, newDatabase, PASSWORD, settleDown } from './movements.ts'
import { median, shown, table, type Options, type Ratio } from './section.ts'

const CALLS = 200
const WARM_UP_CALLS = 40
/** One movement in six seconds: 430 thousand in a month's partition. */
const STEP_SECONDS = 6
const MONTH_SECONDS = 30 * 24 * 3600
const NEWEST = 'newest page'

/** One place to read: an account of so many entries, in a database of so many. */
interface Place {
  name: string
  db: Database
  account: string
  filters: Record<string, HistoryFilter>
}

async function filtersOf(owner: pg.Client, account: string, movements: number) {
  const { rows } = await owner.query<{ id: string; at: number }>(
    `select id, floor(extract(epoch from created_at))::float8 as at from transfers where to_account = $1 order by id offset $2 limit 1`,
    [account, Math.floor(movements / 2)],
  )
  const middle = rows[0]
  if (!middle) throw new Error('nothing was loaded')
  return {
    [NEWEST]: filterOf({}),
    'page from the middle': filterOf({ cursor: middle.id }),
    'one hour of the middle': filterOf({ start: middle.at - 1800, end: middle.at + 1800 }),
    'wallet=spot (half match)': filterOf({ wallet: 'spot' }),
    idempotency_key: filterOf({ idempotencyKey: `key-${Math.floor(movements / 2)}` }),
    'kind=deposit (none match)': filterOf({ kind: 'deposit' }),
    'token=DF (none match)': filterOf({ token: 'DF' }),
  }
}

const filterOf = (partial: Partial<HistoryFilter>): HistoryFilter => ({
  ...{ kind: undefined, token: undefined, wallet: undefined, start: undefined, end: undefined },
  ...{ cursor: undefined, idempotencyKey: undefined, limit: 50, scanMax: HISTORY_SCAN_MAX },
  ...partial,
})

/** Powers of ten from 10 thousand, and the largest. */
export function sizesUpTo(rows: number): number[] {
  const sizes = [10_000, 100_000, 1_000_000].filter((size) => size < rows)
  return [...sizes, rows]
}

const inWords = (rows: number): string =>
  rows >= 1_000_000 ? `${rows / 1_000_000} million` : `${rows / 1000} thousand`

export interface HistoryGrowth {
  markdown: string
  ratio: Ratio
}

/** Calls go round the places in turn, so whatever else the machine does hits all of them alike. */
async function measure(places: Place[]): Promise<HistoryGrowth> {
  const rows: { cells: string[]; growth: number; read: string }[] = []
  for (const read of Object.keys(places[0]?.filters ?? {})) {
    const times = places.map((): number[] => [])
    for (let call = -WARM_UP_CALLS; call < CALLS; call += 1) {
      for (const [at, { db, account, filters }] of places.entries()) {
        const startedAt = performance.now()
        await readHistory(db, account, filters[read] ?? filterOf({}))
        if (call >= 0) times[at]?.push(performance.now() - startedAt)
      }
    }
    const medians = times.map(median)
    const growth = (medians.at(-1) ?? NaN) / (medians[0] ?? NaN)
    rows.push({ cells: [read, ...medians.map((time) => shown(time, 2)), shown(growth, 2)], growth, read })
  }
  const head = [
    'page of 50 by an account of … entries, p50 ms',
    ...places.map(({ name }) => name),
    'last : first',
  ]
  const newest = rows.find(({ read }) => read === NEWEST)
  return {
    markdown: table(
      head,
      rows.map(({ cells }) => cells),
    ),
    ratio: {
      what: `${NEWEST} of history, ${places.at(-1)?.name} : ${places[0]?.name}`,
      measured: newest?.growth ?? NaN,
      atMost: 1.2,
    },
  }
}

const accountOf = (size: number) => `0x${size.toString().padStart(40, '0')}`

/** A database with an account of each size, and how to read each of them. */
async function fill(
  postgres: LocalPostgres,
  proxyPort: number,
  database: string,
  sizes: number[],
  plans: boolean,
): Promise<Place[]> {
  const owner = await newDatabase(postgres, database)
  try {
    const largest = Math.max(...sizes)
    await makePastPartitions(owner, Math.ceil(((largest / 2) * STEP_SECONDS) / MONTH_SECONDS) + 1)
    for (const size of sizes)
      await load(owner, {
        account: `'${accountOf(size)}'::text`,
        accounts: 1,
        count: size / 2,
        stepSeconds: STEP_SECONDS,
      })
    await settleDown(owner)
    const db = connect(`postgresql://tidegate_reads:${PASSWORD}@127.0.0.1:${proxyPort}/${database}`, 4_000)
    const places: Place[] = []
    for (const size of sizes) {
      const account = accountOf(size)
      places.push({ name: inWords(size), db, account, filters: await filtersOf(owner, account, size / 2) })
    }
    if (plans) await explain(owner, db, accountOf(largest), [filterOf({}), lastHour()])
    return places
  } finally {
    await owner.end()
  }
}

function lastHour(): HistoryFilter {
  const now = Math.floor(Date.now() / 1000)
  return filterOf({ start: now - 3600, end: now })
}

/** The smallest history stands in a database of its own, the others beside each other in one. */
export async function historyGrowth(
  postgres: LocalPostgres,
  proxyPort: number,
  { rows, plans, say }: Options,
): Promise<HistoryGrowth & { databases: string[] }> {
  const [smallest = rows, ...larger] = sizesUpTo(rows)
  const places = await fill(postgres, proxyPort, 'history_small', [smallest], false)
  if (larger.length > 0) places.push(...(await fill(postgres, proxyPort, 'history_large', larger, plans)))
  say(`histories of up to ${inWords(rows)} entries are written`)
  return {
    ...(await measure(places)),
    databases: larger.length > 0 ? ['history_small', 'history_large'] : ['history_small'],
  }
}
