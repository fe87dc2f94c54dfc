/** A soak from start to verdict: a stack of its own, clients, faults, rest, judgement. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { bundleFunction } from '../stack/bundle.ts'
import { chainClient } from '../stack/deploy.ts'
import { startStack, type Stack } from '../stack/stack.ts'
import { newBooks, pause, randomFrom, type Books } from './books.ts'
import { client, newPeople, type Load } from './clients.ts'
import { playFaults } from './faults.ts'
import { brokenInvariants, judge } from './judge.ts'

export interface SoakOptions {
  seconds: number
  seed: number
  clients: number
  log: (line: string) => void
}
export interface Summary {
  seed: number
  seconds: number
  requests: number
  retries: number
  statuses: Record<string, number>
  outcomes: Record<string, number>
  withdrawals: Record<string, number>
  paidByVault: number
  faults: Record<string, number>
  checks: number
  /** Runs of the cron function that ended well. */
  settles: number
  violations: string[]
}

/** Longer than a request that has reserved can go on, and than one signature is good for. */
const RESERVATION_TTL_SECONDS = 30
const WITHDRAW_TTL_SECONDS = 60
const GRACE_MS = 60_000
const CHECK_EVERY_MS = 5_000

export async function runSoak(options: SoakOptions): Promise<Summary> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-soak-'))
  const env = {
    RESERVATION_TTL_SECONDS: String(RESERVATION_TTL_SECONDS),
    WITHDRAW_TTL_SECONDS: String(WITHDRAW_TTL_SECONDS),
    RATE_LIMITS: 'off',
  }
  const { file: bundle } = await bundleFunction({ outdir: join(folder, 'bundle') })
  const stack = await startStack({ folder, port: 0, env, bundle, onStep: options.log })
  try {
    return await soak(stack, folder, options)
  } finally {
    await stack.stop()
    await rm(folder, { recursive: true, force: true })
  }
}

async function soak(stack: Stack, folder: string, options: SoakOptions): Promise<Summary> {
  const random = randomFrom(options.seed)
  const books = newBooks()
  const endAt = Date.now() + options.seconds * 1000
  const load: Load = { stack, books, random, ending: false, giveUpAt: endAt + GRACE_MS }
  const people = await newPeople(load, folder, 4)
  const over = () => Date.now() >= endAt
  let answered = false
  const keeper = keepGoing(stack, books, () => answered)
  const clients = Array.from({ length: options.clients }, async () => await client(load, people))
  const faults = await playFaults({ stack, random, over, log: options.log })
  load.ending = true
  await Promise.all(clients)
  answered = true
  const checks = await keeper
  options.log('clients are done')
  await bringToRest(stack)
  options.log('at rest')
  const violations = await judge(stack, books)
  return {
    seed: options.seed,
    seconds: options.seconds,
    requests: books.requests,
    retries: books.retries,
    statuses: books.statuses,
    outcomes: tally(books.entries.map(({ kind, outcome }) => `${kind} ${outcome}`)),
    withdrawals: await withdrawalStates(stack),
    paidByVault: books.paid.size,
    faults,
    checks,
    settles: await settleRuns(stack),
    violations,
  }
}

/** What time does in production: the cron function runs, and somebody looks at the invariants. Answers how often. */
async function keepGoing(stack: Stack, books: Books, ended: () => boolean): Promise<number> {
  let checks = 0
  for (let nextCheck = Date.now(); !ended(); await pause(500)) {
    if (Date.now() < nextCheck) continue
    nextCheck = Date.now() + CHECK_EVERY_MS
    try {
      await settle(stack)
      books.violations.push(...(await brokenInvariants(stack)))
      checks += 1
    } catch {
      // Postgres or the functions are down at the moment: that is the test.
    }
  }
  return checks
}

/** A run of the cron function, as the platform fires it. @throws when it failed */
async function settle(stack: Stack): Promise<void> {
  const response = await fetch(stack.manifest.settleUrl, { signal: AbortSignal.timeout(30_000) })
  await response.text()
  if (!response.ok) throw new Error(`settle failed: HTTP ${response.status}`)
}

async function owner<T>(stack: Stack, work: (connection: pg.Client) => Promise<T>): Promise<T> {
  const connection = new pg.Client({ connectionString: stack.manifest.databaseUrl })
  connection.on('error', () => {})
  await connection.connect()
  return await work(connection).finally(() => connection.end())
}

/** Lets chain time pass every deadline and settles until nothing is open. Nothing is at fault any more, so no run may fail. */
async function bringToRest(stack: Stack): Promise<void> {
  const chain = chainClient(stack.chain.rpcUrl, stack.chain.chainId)
  await chain.increaseTime({ seconds: WITHDRAW_TTL_SECONDS + 600 })
  await chain.mine({ blocks: 10 })
  const deadline = Date.now() + GRACE_MS + RESERVATION_TTL_SECONDS * 1000
  for (; Date.now() < deadline; await pause(500)) {
    await settle(stack)
    const states = await withdrawalStates(stack)
    if (!states.reserved && !states.signed) return
  }
}

async function settleRuns(stack: Stack): Promise<number> {
  const { rows } = await owner(
    stack,
    async (connection) => await connection.query('select count(*)::int as n from settle_runs'),
  )
  return (rows as { n: number }[])[0]!.n
}

async function withdrawalStates(stack: Stack): Promise<Record<string, number>> {
  const { rows } = await owner(
    stack,
    async (connection) => await connection.query('select status from withdrawals'),
  )
  return tally((rows as { status: string }[]).map(({ status }) => status))
}

function tally(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names.sort()) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
