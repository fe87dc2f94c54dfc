/**
 * `npm run soak -- --minutes 30 [--seed 7] [--clients 16]`: mixed load on a stack of its own while networks cut, Postgres
 * crashes, the runtime is killed and KMS and the node fail; then everything acknowledged must be in the ledger, once, and
 * each signed withdrawal paid or expired, exactly one of the two, as the chain has it.
 * Ends with a table and one line of JSON; exit 1 on any violation. Loopback only.
 */
import '../../scripts/stack/forget-shell.ts'
import { runSoak, type Summary } from './run.ts'
import { argumentsOf, command, UsageError } from '../../scripts/stack/command.ts'

const MINUTES_MAX = 24 * 60

const USAGE = 'usage: npm run soak -- [--minutes n | --seconds n] [--seed n] [--clients 1..256] [--quiet]'

await command(async () => {
  const { values } = argumentsOf({
    usage: USAGE,
    options: {
      minutes: { type: 'string' },
      seconds: { type: 'string' },
      seed: { type: 'string' },
      clients: { type: 'string', default: '16' },
      quiet: { type: 'boolean', default: false },
    },
  })
  const seconds = values.seconds === undefined ? Number(values.minutes ?? 1) * 60 : Number(values.seconds)
  const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31))
  const clients = Number(values.clients)
  const whole = (value: number, max: number) => Number.isInteger(value) && value >= 1 && value <= max
  if (!whole(seconds, MINUTES_MAX * 60) || !Number.isInteger(seed) || !whole(clients, 256))
    throw new UsageError(USAGE)
  await soak(seconds, seed, clients, values.quiet)
})

async function soak(seconds: number, seed: number, clients: number, quiet: boolean): Promise<void> {
  const startedAt = Date.now()
  const log = (line: string) => {
    if (!quiet) console.log(`${((Date.now() - startedAt) / 1000).toFixed(1).padStart(7)} s  ${line}`)
  }
  console.log(`soak: ${seconds} s, ${clients} clients, --seed ${seed}`)
  const summary = await runSoak({ seconds, seed, clients, log })
  print(summary)
  console.log(JSON.stringify(summary))
  process.exit(summary.violations.length === 0 ? 0 : 1)
}

function print(result: Summary): void {
  const section = (title: string, counts: Record<string, number>) => {
    console.log(title)
    for (const [name, count] of Object.entries(counts)) console.log(`  ${String(count).padStart(8)}  ${name}`)
  }
  section('requests', { sent: result.requests, 'of them repeated after an unknown outcome': result.retries })
  section('answers (0: none came)', result.statuses)
  section('faults played, and those of the network one by one', result.faults)
  section('outcomes', result.outcomes)
  section('signatures, by what their client meant to do', result.fates)
  section('transactions of the clients, by what the vault did', result.vault)
  section('withdrawals in the end', result.withdrawals)
  section('payments and deposits, the same on chain and in the ledger', { ...result.chain })
  section('checks of all invariants under load', { done: result.checks })
  section('runs of settle that came to their end, by outcome', result.settles)
  section('alerts raised', result.alerts)
  const { confirmed = 0, expired = 0, released = 0 } = result.withdrawals
  console.log(
    `${confirmed} confirmed, ${expired} expired, ${released} released, ${result.chain.deposits} deposits; open: ${result.open}`,
  )
  console.log(result.violations.length === 0 ? 'violations: 0' : `violations: ${result.violations.length}`)
  for (const violation of result.violations.slice(0, 50)) console.log(`  ${violation}`)
}
