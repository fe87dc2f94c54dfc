/**
 * `npm run bench`: what a transfer costs beside the limit, beside `SELECT 1` through the same runtime, and beside the
 * interactive transaction. Starts a stack of its own; trust the ratios, the figures belong to the machine.
 */
import { parseArgs } from 'node:util'
import { cpus } from 'node:os'
import { startDriver } from './bench/drive.ts'
import type { Measured } from './bench/driver.ts'
import { medians, printLatencies, printTable, printTargets, type Results } from './bench/report.ts'
import { openStage, type Stage } from './bench/stage.ts'
import { selectOne, transferDistinct, variants, type Variant } from './bench/variants.ts'
import { signedTransfer } from './bench/signed-transfer.ts'
import { checkInvariants } from './stack/invariants.ts'

const { values } = parseArgs({
  options: {
    seconds: { type: 'string', default: '3' },
    rounds: { type: 'string', default: '3' },
    only: { type: 'string', default: '' },
  },
})
const WARMUP_MS = 500
const CONNECTIONS = 16
/** Each way, between the functions and the database. */
const DELAYS_MS = [0, 5]
const ms = Number(values.seconds) * 1000
const rounds = Number(values.rounds)
const chosen = [...variants, signedTransfer].filter(({ name }) => name.includes(values.only))

type Driver = ReturnType<typeof startDriver>

async function once(stage: Stage, driver: Driver, variant: Variant, connections: number): Promise<Measured> {
  const load = { connections, warmupMs: WARMUP_MS, ms }
  if (variant.run) return await variant.run(stage, load)
  const port = stage.ports[variant.worker ?? 'app'] ?? 0
  const measured = await driver.run({ ...load, port, requests: variant.requests?.(stage) ?? [] })
  if (measured.failures > 0) {
    throw new Error(
      `${variant.name}: ${measured.failures} requests failed, the first with\n${measured.firstFailure}`,
    )
  }
  return measured
}

/** Variants take turns within a round, so that a noisy minute hits all of them. */
async function measureAll(
  stage: Stage,
  driver: Driver,
  list: Variant[],
  connections: number,
): Promise<Results> {
  const results: Results = new Map()
  for (let round = 1; round <= rounds; round += 1) {
    for (const delayMs of DELAYS_MS) {
      stage.stack.proxy.control({ delayMs })
      for (const variant of list) {
        if (delayMs > 0 && variant.onlyWithoutDelay) continue
        const key = `${variant.name}|${delayMs}`
        results.set(key, [...(results.get(key) ?? []), await once(stage, driver, variant, connections)])
      }
    }
    console.error(`round ${round} of ${rounds}, ${connections} connections`)
  }
  stage.stack.proxy.control({ delayMs: 0 })
  return results
}

const stage = await openStage((step) => console.error(step))
const driver = startDriver()
let sound = false
try {
  const alone = [selectOne, transferDistinct, signedTransfer]
  for (const variant of new Set([...chosen, ...alone])) await variant.prepare?.(stage)
  const single = await measureAll(stage, driver, alone, 1)
  const many = await measureAll(stage, driver, chosen, CONNECTIONS)
  console.log(
    `\n${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}, ${CONNECTIONS} connections, ${rounds} rounds of ${ms / 1000} s, medians\n`,
  )
  printTable(chosen, DELAYS_MS, medians(many))
  printLatencies(alone, DELAYS_MS, medians(single))
  printTargets(medians(single), medians(many))
  const broken = (await checkInvariants(stage.manifest.databaseUrl)).filter(
    ({ violations }) => violations > 0,
  )
  for (const { name, violations } of broken) console.error(`FAIL  ${violations} violations: ${name}`)
  console.log(broken.length === 0 ? '\nthe ledger is sound' : '')
  sound = broken.length === 0
} finally {
  driver.stop()
  await stage.stop()
}
process.exit(sound ? 0 : 1)
