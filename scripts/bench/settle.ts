/** One run of settle over many due withdrawals, beside the same work done one row a transaction. */
import pg from 'pg'
import { chainClient } from '../stack/deploy.ts'
import { checkInvariants } from '../stack/invariants.ts'
import { expireOneByOne } from './one-by-one.ts'
import { median, shown, table, type Options, type Outcome, type Ratio, type Section } from './section.ts'
import { openStage, type Stage } from './stage.ts'

const DUE = 10_000
/** Of the loop, whose rate does not depend on how many there are: what it takes without and with a delay. */
const LOOP_ROWS: Record<number, number> = { 0: 2_000, 5: 100 }
const DELAYS_MS = [0, 5]
/** Past every deadline that was signed before. */
const STEP_SECONDS = 100

interface Run {
  rows: number
  seconds: number
  database: number
  node: number
}
type Way = 'settle' | 'loop'
type Runs = Map<string, Run[]>

/** Signed, with a deadline that a final block of the chain has passed. */
async function makeDue({ manifest }: Stage, rows: number): Promise<void> {
  const client = new pg.Client({ connectionString: manifest.databaseUrl })
  await client.connect()
  try {
    const account = `'0x' || lpad(to_hex(n), 40, '0')`
    await client.query(
      `select ledger.store_signature((ledger.reserve(${account}, 'DF', 10, ${account}, $1, lower($2), 1, null, null)
        -> 'reservation' ->> 'id')::uuid, '0x' || repeat('ab', 65), 0) from generate_series(1, ${rows}) n`,
      [manifest.chainId, manifest.vault],
    )
    await client.query('vacuum (analyze) withdrawals')
  } finally {
    await client.end()
  }
  const chain = chainClient(manifest.rpcUrl, manifest.chainId)
  const now = Math.max(Number((await chain.getBlock()).timestamp), Math.floor(Date.now() / 1000))
  await chain.setNextBlockTimestamp({ timestamp: BigInt(now + STEP_SECONDS) })
  await chain.mine({ blocks: 1 })
  await chain.mine({ blocks: 2 })
}

async function settle({ stack, ports }: Stage): Promise<Run> {
  stack.proxy.control({ reset: true })
  stack.rpc.resetCounters()
  const startedAt = performance.now()
  const response = await fetch(`http://127.0.0.1:${ports.settle}/`)
  const answer = await response.text()
  const seconds = (performance.now() - startedAt) / 1000
  if (!response.ok) throw new Error(`settle answered ${response.status} ${answer}`)
  const { expired, outcome } = JSON.parse(answer) as { expired: number; outcome: string }
  if (expired !== DUE || outcome !== 'ok') throw new Error(`settle did not finish: ${answer}`)
  const { httpRequests: node } = stack.rpc.counters()
  return { rows: expired, seconds, database: stack.proxy.roundTrips().httpRequests, node }
}

async function loop(stage: Stage, delayMs: number): Promise<Run> {
  const { statements, ...done } = await expireOneByOne(stage, delayMs)
  return { ...done, database: statements, node: 0 }
}

async function measure(stage: Stage, rounds: number, say: Options['say']): Promise<Runs> {
  const runs: Runs = new Map()
  const note = (way: Way, delayMs: number, run: Run) =>
    runs.set(`${way}|${delayMs}`, [...(runs.get(`${way}|${delayMs}`) ?? []), run])
  // Makes the isolate, the cursor and the partitions: a cron function is warm.
  await makeDue(stage, DUE)
  await settle(stage)
  for (let n = 1; n <= rounds; n += 1) {
    for (const delayMs of DELAYS_MS) {
      await makeDue(stage, DUE)
      stage.stack.proxy.control({ delayMs })
      note('settle', delayMs, await settle(stage))
      stage.stack.proxy.control({ delayMs: 0 })
      await makeDue(stage, LOOP_ROWS[delayMs] ?? 0)
      stage.stack.proxy.control({ delayMs })
      note('loop', delayMs, await loop(stage, delayMs))
      stage.stack.proxy.control({ delayMs: 0 })
    }
    say(`round ${n} of ${rounds}`)
  }
  return runs
}

const rate = (runs: Runs, way: Way, delayMs: number) =>
  median((runs.get(`${way}|${delayMs}`) ?? []).map(({ rows, seconds }) => rows / seconds))

function rowOf(runs: Runs, way: Way, delayMs: number): string[] {
  const per = (what: 'database' | 'node') =>
    median((runs.get(`${way}|${delayMs}`) ?? []).map((run) => (run[what] / run.rows) * DUE))
  const rows = rate(runs, way, delayMs)
  const where = delayMs === 0 ? 'no delay' : `${delayMs} ms each way`
  const words = { settle: 'one run of settle', loop: 'a loop, one row a transaction' }[way]
  return [
    `${words}, ${where}`,
    shown(DUE / rows, 1),
    shown(rows, 0),
    shown(per('database'), 0),
    shown(per('node'), 0),
  ]
}

async function run({ rounds, ms, say }: Options): Promise<Outcome> {
  const stage = await openStage({ workers: ['settle'], accounts: DUE, measureMs: ms, say })
  try {
    const runs = await measure(stage, rounds, say)
    return {
      markdown: table(
        [`${shown(DUE, 0)} due withdrawals`, 'seconds', 'rows/s', 'requests to the database', 'to the node'],
        DELAYS_MS.flatMap((delayMs) => [rowOf(runs, 'settle', delayMs), rowOf(runs, 'loop', delayMs)]),
      ),
      ratios: DELAYS_MS.map((delayMs): Ratio => ({
        what: `settle : one row a transaction, rows/s, ${delayMs === 0 ? 'no delay' : `${delayMs} ms each way`}`,
        measured: rate(runs, 'settle', delayMs) / rate(runs, 'loop', delayMs),
      })),
      broken: (await checkInvariants(stage.manifest.databaseUrl))
        .filter(({ violations }) => violations > 0)
        .map(({ name }) => name),
    }
  } finally {
    await stage.stop()
  }
}

export const settleRuns: Section = { name: 'settle', run }
