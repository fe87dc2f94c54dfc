/**
 * What is measured. To add one, write a `Variant` and list it: `requests` are prepared before the clock starts and sent
 * over and over; `run` replaces the driver where the load is not HTTP.
 */
import pg from 'pg'
import type { Measured } from './driver.ts'
import { pgLoop } from './pg-loop.ts'
import { pgbench, pgbenchIsThere } from './pgbench.ts'
import { accountOf, ACCOUNTS, type Stage } from './stage.ts'

export interface Variant {
  name: string
  /** Worker of the stage that is asked. */
  worker?: string
  /** Whole HTTP requests, as they go over the wire. An answer other than 200 is a failure. */
  requests?: (stage: Stage) => string[]
  /** What the KMS stand-in takes for a signature. */
  kmsMs?: number
  /** Once, before anything is measured. */
  prepare?: (stage: Stage) => Promise<void>
  run?: (stage: Stage, load: Load) => Promise<Measured>
  /** Only where nothing delays the database: the load does not pass the proxy. */
  onlyWithoutDelay?: true
}

export interface Load {
  connections: number
  warmupMs: number
  ms: number
}

const DIRECTIONS = ['perp_to_spot', 'spot_to_perp'] as const
const AMOUNT = '0.01'
const HOT = 1
/** Nobody listens to so many of the accounts; to the rest somebody does. */
const UNHEARD = ACCOUNTS / 2

export function httpRequest(
  method: string,
  path: string,
  headers: Record<string, string>,
  json?: object,
): string {
  const body = json === undefined ? '' : JSON.stringify(json)
  const lines = Object.entries({
    Host: '127.0.0.1',
    ...headers,
    ...(json === undefined
      ? {}
      : { 'Content-Type': 'application/json', 'Content-Length': String(body.length) }),
  })
  return `${method} ${path} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n${body}`
}

/** Every account once in each direction, so that balances stay where they are. */
export const transfers = (accounts: Stage['accounts'], path = '/api/v1/spot/transfer') =>
  DIRECTIONS.flatMap((direction) =>
    accounts.map(({ token }) =>
      httpRequest(
        'POST',
        path,
        { Authorization: `Bearer ${token}` },
        {
          token: 'USDT',
          direction,
          amount: AMOUNT,
        },
      ),
    ),
  )
const interactive = (accounts: Stage['accounts']) =>
  DIRECTIONS.flatMap((direction) =>
    accounts.map(({ account }) => httpRequest('POST', '/', {}, { account, direction, amount: AMOUNT })),
  )
const hot = ({ accounts }: Stage) => accounts.slice(HOT - 1, HOT)

const verb = (account: string, direction: string) =>
  `select ledger.transfer(${account}, 'USDT', ${direction}, ${AMOUNT}, null, null)`
const anyDirection = `case when random() < 0.5 then 'perp_to_spot' else 'spot_to_perp' end`

/** Straight at Postgres: by pgbench where it is installed, else by a loop over as many connections. */
function straight(accounts: number): Variant {
  const hasPgbench = pgbenchIsThere()
  const account = `'0x' || lpad(to_hex(:n::int), 40, '0')`
  return {
    name: `verb by ${hasPgbench ? 'pgbench' : 'pg'}, ${accounts === 1 ? 'hot' : 'distinct'}`,
    onlyWithoutDelay: true,
    run: async (stage, load) =>
      hasPgbench
        ? await pgbench(
            stage.manifest.databaseUrl,
            load,
            `\\set n random(1, ${accounts})\n${verb(account, anyDirection)};`,
          )
        : await pgLoop(stage.manifest.databaseUrl, load, verb('$1', '$2'), (n) => [
            accountOf((n % accounts) + 1),
            DIRECTIONS[Math.floor(n / accounts) % 2],
          ]),
  }
}

export const selectOne: Variant = {
  name: 'SELECT 1 (GET /health)',
  worker: 'app',
  requests: () => [httpRequest('GET', '/health', {})],
}
/** What stands in front of a transfer's verb, without it. */
export const selectOneBehindSession: Variant = {
  name: 'SELECT 1 behind the same session check and body',
  worker: 'select-one',
  requests: (stage) => transfers(hot(stage), '/api/v1/select-one'),
}
export const transferDistinct: Variant = {
  name: 'transfer, distinct accounts',
  worker: 'app',
  requests: (stage) => transfers(stage.accounts.slice(0, UNHEARD)),
}
/** As many accounts as nobody listens to in `transferDistinct`: each push is a call of a Durable Object. */
export const transferHeard: Variant = {
  name: 'transfer, distinct accounts with a listener each',
  worker: 'app',
  prepare: async ({ manifest }) => {
    const client = new pg.Client({ connectionString: manifest.databaseUrl })
    await client.connect()
    try {
      await client.query(
        `insert into stream_listeners
         select '0x' || lpad(to_hex(n), 40, '0'), now() + interval '1 day' from generate_series($1::int, $2::int) n`,
        [UNHEARD + 1, ACCOUNTS],
      )
    } finally {
      await client.end()
    }
  },
  requests: (stage) => transfers(stage.accounts.slice(UNHEARD)),
}
export const transferHot: Variant = {
  name: 'transfer, one hot account',
  worker: 'app',
  requests: (stage) => transfers(hot(stage)),
}
export const interactiveDistinct: Variant = {
  name: 'interactive transaction, distinct',
  worker: 'interactive',
  requests: (stage) => interactive(stage.accounts.slice(0, UNHEARD)),
}
export const interactiveHot: Variant = {
  name: 'interactive transaction, hot',
  worker: 'interactive',
  requests: (stage) => interactive(hot(stage)),
}
export const verbDistinct = straight(UNHEARD)
export const verbHot = straight(1)

export const variants: Variant[] = [
  selectOne,
  selectOneBehindSession,
  transferDistinct,
  transferHeard,
  transferHot,
  interactiveDistinct,
  interactiveHot,
  verbDistinct,
  verbHot,
]
