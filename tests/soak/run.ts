/** A soak from start to verdict: a stack of its own, clients, faults, rest, judgement. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { bundleFunction } from '../../scripts/stack/bundle.ts'
import { Progress } from '../../scripts/stack/progress.ts'
import { startStack, type Stack, type StackOptions } from '../../scripts/stack/stack.ts'
import { newBooks, pause, tally, type Books } from './books.ts'
import { client, type Load } from './clients.ts'
import { playFaults } from './faults.ts'
import { judge } from './judge.ts'
import type { ChainTotals } from './judge-chain.ts'
import {
  alertsRaised,
  keepChecking,
  keepSettling,
  passingAlerts,
  settle,
  settleOutcomes,
  withdrawalStates,
} from './keeper.ts'
import { newPeople } from './people.ts'
import { streamOf } from './random.ts'
import { Vault } from './vault.ts'

export interface SoakOptions {
  seconds: number
  seed: number
  clients: number
  log: (line: string) => void
  /** What its stack need not make first. */
  made?: Pick<StackOptions, 'bundle' | 'fleeting'>
}
export interface Summary {
  seed: number
  seconds: number
  requests: number
  retries: number
  statuses: Record<string, number>
  outcomes: Record<string, number>
  /** Of the ledger, after all: confirmed, expired, released. */
  withdrawals: Record<string, number>
  /** What the clients meant to do with their signatures. */
  fates: Record<string, number>
  /** Transactions of the clients, by what the vault did. */
  vault: Record<string, number>
  /** What chain and ledger agree on. */
  chain: ChainTotals
  faults: Record<string, number>
  checks: number
  /** Runs of the cron function that came to their end, by outcome. */
  settles: Record<string, number>
  /** Withdrawals that never came to an end: none. */
  open: number
  /** What a person was told meanwhile: how often each kind was raised. */
  alerts: Record<string, number>
  violations: string[]
}

/** Longer than a request that has reserved can go on; and short, so that what is not sent expires while the soak goes on. */
const RESERVATION_TTL_SECONDS = 30
const WITHDRAW_TTL_SECONDS = 15
const GRACE_MS = 60_000
/** How much longer than asked a soak may go on until each thing it is for has happened. */
const EXTRA_MS = 90_000
const PEOPLE_PER_CLIENT = 2

export async function runSoak(options: SoakOptions): Promise<Summary> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-soak-'))
  const env = {
    RESERVATION_TTL_SECONDS: String(RESERVATION_TTL_SECONDS),
    WITHDRAW_TTL_SECONDS: String(WITHDRAW_TTL_SECONDS),
  }
  const bundle = options.made?.bundle ?? (await bundleFunction({ outdir: join(folder, 'bundle') })).file
  const progress = new Progress(options.log)
  const stack = await startStack({ folder, port: 0, env, progress, ...options.made, bundle })
  const books = newBooks()
  const vault = await Vault.start(stack.chain, books, streamOf(options.seed, 'miner'))
  let whole = false
  try {
    const summary = await soak(stack, folder, vault, books, options)
    whole = true
    return summary
  } finally {
    await vault.stop().catch((error: unknown) => books.violations.push(`the chain ended: ${String(error)}`))
    await stack.stop()
    // The logs of a soak that broke off are all that says why.
    if (whole) await rm(folder, { recursive: true, force: true })
    else console.error(`the soak broke off; its logs are in ${folder}`)
  }
}

async function soak(
  stack: Stack,
  folder: string,
  vault: Vault,
  books: Books,
  options: SoakOptions,
): Promise<Summary> {
  const { seed, log } = options
  const stream = (who: string) => streamOf(seed, who)
  let giveUpAt = Infinity
  let ending = false
  let answered = false
  const asking = { stack, books, jitter: stream('set-up'), giveUpAt: () => giveUpAt }
  const crowd = { seed, people: options.clients * PEOPLE_PER_CLIENT, random: stream('set-up keys') }
  const people = await newPeople(asking, vault, folder, crowd)
  log(`${people.length} people are ready`)
  const load = { ...asking, vault, people, ending: () => ending, errands: new Set<Promise<void>>() }
  const settling = keepSettling(stack, [stream('settle 0'), stream('settle 1')], () => answered)
  const checking = keepChecking(stack, books, () => answered)
  const clients = Array.from({ length: options.clients }, async (_, index) => {
    const own: Load = { ...load, choices: stream(`client ${index}`), jitter: stream(`jitter ${index}`) }
    await client(own)
  })
  const over = await endOf(stack, books, options.seconds)
  const faults = await playFaults({ stack, random: stream('faults'), rpcRandom: stream('node'), over, log })
  ending = true
  giveUpAt = Date.now() + GRACE_MS
  await Promise.all(clients)
  log('clients are done')
  // Every deadline is over now: what still waits for its turn gives up, what was to be late is.
  await vault.miner.leap(WITHDRAW_TTL_SECONDS + 600)
  while (load.errands.size > 0) await Promise.all(load.errands)
  answered = true
  await settling
  const checks = await checking
  await bringToRest(stack, vault)
  log('at rest')
  const { violations, chain } = await judge(stack, books)
  const withdrawals = await withdrawalStates(stack)
  return {
    seed,
    seconds: options.seconds,
    requests: books.requests,
    retries: books.retries,
    statuses: books.statuses,
    outcomes: tally(books.entries.map(({ kind, outcome }) => `${kind} ${outcome}`)),
    withdrawals,
    fates: books.fates,
    vault: books.vault,
    chain,
    faults,
    checks,
    settles: await settleOutcomes(stack),
    alerts: await alertsRaised(stack),
    open: (withdrawals.reserved ?? 0) + (withdrawals.signed ?? 0),
    violations,
  }
}

/** Is it over? Not before its time, and then not before each thing a soak is for has happened once, if it can. */
async function endOf(stack: Stack, books: Books, seconds: number): Promise<() => boolean> {
  const endAt = Date.now() + seconds * 1000
  let seen = false
  const watch = async () => {
    while (!seen && Date.now() < endAt + EXTRA_MS) {
      await pause(1_000)
      // What is signed and never sent expires in any case, at the end at the latest.
      const unpaid = (books.fates.never ?? 0) + (books.fates.late ?? 0) > 0
      const states: Record<string, number> = await withdrawalStates(stack).catch(() => ({}))
      seen = unpaid && books.deposited.size > 0 && (states.confirmed ?? 0) > 0 && (states.released ?? 0) > 0
    }
  }
  void watch()
  return () => Date.now() >= endAt && (seen || Date.now() >= endAt + EXTRA_MS)
}

/** Settles until nothing is open. Nothing is at fault any more, so no run may fail. */
async function bringToRest(stack: Stack, vault: Vault): Promise<void> {
  const { number } = vault.miner.head()
  await vault.miner.when((head) => head.number >= number + 3)
  const deadline = Date.now() + GRACE_MS + RESERVATION_TTL_SECONDS * 1000
  for (; Date.now() < deadline; await pause(500)) {
    await settle(stack)
    const states = await withdrawalStates(stack)
    if (!states.reserved && !states.signed && Object.keys(await passingAlerts(stack)).length === 0) return
  }
}
