/**
 * What a transfer costs as the ledger grows: the same accounts with a short and with a long past. All of it lies in this
 * month, so the indexes that a transfer writes to are as large as they get.
 */
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { startDriver } from './drive.ts'
import type { LocalPostgres } from '../stack/postgres.ts'
import { startRawWorkerd } from '../stack/raw-workerd.ts'
import { load, newDatabase, PASSWORD, settleDown } from './movements.ts'
import { pgLoop } from './pg-loop.ts'
import { pgbench, pgbenchIsThere } from './pgbench.ts'
import { median, shown, table, type Options, type Ratio } from './section.ts'
import { accountOf, signedIn } from './stage.ts'
import { transfers } from './variants.ts'
import { appWorker } from './workers.ts'

const FEW = 10_000
/** Each has as many entries as any other: an even number of movements, so that both wallets hold something. */
const ACCOUNTS = 500
const CONNECTIONS = 16
const WARMUP_MS = 300
const JWT_SECRET = 'benchmark-benchmark-benchmark-benchmark'

interface Place {
  entries: number
  database: string
  databaseUrl: string
  port: number
}

async function fill(postgres: LocalPostgres, database: string, entries: number): Promise<void> {
  const owner = await newDatabase(postgres, database)
  try {
    const month = await owner.query<{ seconds: number }>(
      `select extract(epoch from now() - date_trunc('month', now(), 'UTC'))::float8 as seconds`,
    )
    await load(owner, {
      account: `'0x' || lpad(to_hex(n + 1), 40, '0')`,
      accounts: ACCOUNTS,
      count: entries / 2,
      stepSeconds: (month.rows[0]?.seconds ?? 0) / (entries / 2),
    })
    await settleDown(owner)
  } finally {
    await owner.end()
  }
}

/** The verb alone, by as many as the other benchmarks have. */
async function verbRate({ databaseUrl }: Place, ms: number): Promise<number> {
  const load = { connections: CONNECTIONS, warmupMs: WARMUP_MS, ms }
  const verb = (account: string, direction: string) =>
    `select ledger.transfer(${account}, 'USDT', ${direction}, 0.01, null, null)`
  const any = `case when random() < 0.5 then 'perp_to_spot' else 'spot_to_perp' end`
  const measured = pgbenchIsThere()
    ? await pgbench(
        databaseUrl,
        load,
        `\\set n random(1, ${ACCOUNTS})\n${verb(`'0x' || lpad(to_hex(:n::int), 40, '0')`, any)};`,
      )
    : await pgLoop(databaseUrl, load, verb('$1', any), (n) => [accountOf((n % ACCOUNTS) + 1)])
  return measured.perSecond
}

export async function transferGrowth(
  postgres: LocalPostgres,
  proxyPort: number,
  folder: string,
  { rows, rounds, ms, say }: Options,
): Promise<{ markdown: string; ratios: Ratio[]; databases: string[] }> {
  const sizes = { ledger_small: FEW, ledger_large: Math.max(FEW, rows) }
  for (const [database, entries] of Object.entries(sizes)) await fill(postgres, database, entries)
  say('ledgers are written')
  await mkdir(folder, { recursive: true })
  const vars = { JWT_SECRET, CORS_ORIGINS: '*' }
  const app = await appWorker(vars, folder)
  const workerd = await startRawWorkerd({
    folder: join(folder, 'workerd'),
    workers: Object.keys(sizes).map((database) => ({
      ...app,
      name: database,
      vars: {
        ...vars,
        TRANSFERS_DATABASE_URL: `postgresql://tidegate_transfers:${PASSWORD}@127.0.0.1:${proxyPort}/${database}`,
      },
    })),
  })
  const driver = startDriver()
  try {
    const requests = transfers(await signedIn(JWT_SECRET, ACCOUNTS))
    const places = Object.entries(sizes).map(([database, entries]): Place => ({
      entries,
      database,
      databaseUrl: postgres.ownerUrl(database),
      port: workerd.ports[database] ?? 0,
    }))
    const p50s = places.map((): number[] => [])
    const rates = places.map((): number[] => [])
    for (let n = 1; n <= rounds; n += 1) {
      // Neither is always the one that comes second.
      const order = n % 2 === 1 ? [...places.entries()] : [...places.entries()].toReversed()
      for (const [at, place] of order) {
        const one = await driver.run({ port: place.port, requests, connections: 1, warmupMs: WARMUP_MS, ms })
        if (one.failures > 0) throw new Error(`a transfer failed\n${one.firstFailure}`)
        p50s[at]?.push(one.p50)
        rates[at]?.push(await verbRate(place, ms))
      }
      say(`round ${n} of ${rounds}`)
    }
    return { ...report(places, p50s.map(median), rates.map(median)), databases: Object.keys(sizes) }
  } finally {
    driver.stop()
    await workerd.stop()
  }
}

function report(places: Place[], p50s: number[], rates: number[]): { markdown: string; ratios: Ratio[] } {
  const [small = NaN, large = NaN] = p50s
  const [before = NaN, after = NaN] = rates
  return {
    markdown: table(
      [
        'transfer in a ledger of … entries',
        ...places.map(({ entries }) => shown(entries, 0)),
        'growth of the cost',
      ],
      [
        ['p50 ms of one client', shown(small, 2), shown(large, 2), shown(large / small, 2)],
        [
          'the verb straight at Postgres, per second',
          shown(before, 0),
          shown(after, 0),
          shown(before / after, 2),
        ],
      ],
    ),
    ratios: [
      {
        what: 'one client, p50: transfer in a large ledger : in a small one',
        measured: large / small,
        atMost: 1.1,
      },
      { what: 'cost of the verb in a large ledger : in a small one', measured: before / after, atMost: 1.1 },
    ],
  }
}
