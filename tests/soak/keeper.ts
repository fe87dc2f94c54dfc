/** What time does in production: the cron function runs, and somebody looks at the invariants. */
import pg from 'pg'
import type { Stack } from '../../scripts/stack/stack.ts'
import { pause, type Books } from './books.ts'
import { brokenInvariants } from './judge.ts'
import { between, type Random } from './random.ts'

const CHECK_EVERY_MS = 5_000
const SETTLE_LIMIT_MS = 30_000

/** Far more often than every minute, and at times two runs at once: in the life of a soak much must be settled. */
export async function keepSettling(stack: Stack, pauses: Random[], ended: () => boolean): Promise<void> {
  const one = async (random: Random) => {
    while (!ended()) {
      // Postgres, the node or the functions are down at the moment: that is the test.
      await settle(stack).catch(() => {})
      await pause(between(random, 300, 1_500))
    }
  }
  await Promise.all(pauses.map(one))
}

/** Answers how often every invariant was looked at. */
export async function keepChecking(stack: Stack, books: Books, ended: () => boolean): Promise<number> {
  let checks = 0
  for (let next = Date.now(); !ended(); await pause(200)) {
    if (Date.now() < next) continue
    next = Date.now() + CHECK_EVERY_MS
    try {
      books.violations.push(...(await brokenInvariants(stack)))
      checks += 1
    } catch {
      // Postgres is down at the moment.
    }
  }
  return checks
}

/** A run of the cron function, as the platform fires it. @throws when it failed */
export async function settle(stack: Stack): Promise<void> {
  const response = await fetch(stack.manifest.settleUrl, { signal: AbortSignal.timeout(SETTLE_LIMIT_MS) })
  await response.text()
  if (!response.ok) throw new Error(`settle failed: HTTP ${response.status}`)
}

export async function withdrawalStates(stack: Stack): Promise<Record<string, number>> {
  return await counts(
    stack,
    'select status as name, count(*)::int as n from withdrawals group by status order by 1',
  )
}

/** Runs of settle that came to their end, by outcome. */
export async function settleOutcomes(stack: Stack): Promise<Record<string, number>> {
  return await counts(
    stack,
    `select summary ->> 'outcome' as name, count(*)::int as n from settle_runs group by 1 order by 1`,
  )
}

/** Alerts that settle itself closes when what they tell of is over. */
export async function passingAlerts(stack: Stack): Promise<Record<string, number>> {
  return await counts(
    stack,
    `select kind as name, count(*)::int as n from alerts where resolved_at is null
       and kind in ('rpc_unavailable', 'settle_failed', 'finality_unknown', 'node_behind', 'wrong_chain_id', 'event_missing',
         'vault_unexplained', 'vault_differs', 'no_vault', 'state_missing', 'token_unreadable', 'falling_behind',
         'head_stands_still', 'finality_stands_still') group by kind`,
  )
}

/** How often each kind was raised, those that are over included. */
export async function alertsRaised(stack: Stack): Promise<Record<string, number>> {
  return await counts(
    stack,
    'select kind as name, sum(times_seen)::int as n from alerts group by kind order by 1',
  )
}

async function counts(stack: Stack, query: string): Promise<Record<string, number>> {
  const connection = new pg.Client({ connectionString: stack.manifest.databaseUrl })
  connection.on('error', () => {})
  await connection.connect()
  try {
    const { rows } = await connection.query(query)
    return Object.fromEntries((rows as { name: string; n: number }[]).map(({ name, n }) => [name, n]))
  } finally {
    await connection.end()
  }
}
