/** What the runtime spends on a withdrawal: Workers are billed by CPU, and signing is most of it. */
import { checkInvariants } from '../stack/invariants.ts'
import { startDriver, type Driver } from './drive.ts'
import { withdrawRequest, withdrawRequestSlowKms } from './money-in-and-out.ts'
import { runtimeCpu } from './runtime-cpu.ts'
import { median, shown, table, type Options, type Outcome, type Section } from './section.ts'
import { openStage, type Stage } from './stage.ts'
import { transferDistinct, type Variant } from './variants.ts'

/** Each account may have a few open withdrawals only. */
const ACCOUNTS = 1_000
const KINDS = [transferDistinct, withdrawRequest, withdrawRequestSlowKms]

async function once(stage: Stage, driver: Driver, { name, requests, kmsMs = 0 }: Variant): Promise<number> {
  stage.stack.kms.control({ faults: kmsMs > 0 ? [{ kind: 'slow', ms: kmsMs }] : [], clearLog: true })
  const { cpuMs, measured } = await runtimeCpu(stage, driver, requests?.(stage) ?? [])
  if (measured.failures > 0)
    throw new Error(`${name}: ${measured.failures} requests failed\n${measured.firstFailure}`)
  return cpuMs
}

async function run({ rounds, ms, say }: Options): Promise<Outcome> {
  const stage = await openStage({ workers: ['app'], accounts: ACCOUNTS, measureMs: ms, say })
  const driver = startDriver()
  const cpu = new Map<Variant, number[]>(KINDS.map((kind) => [kind, []]))
  try {
    // The first calls of an isolate are those of code that is not compiled yet.
    for (const kind of KINDS) await once(stage, driver, kind)
    for (let n = 1; n <= rounds; n += 1) {
      for (const kind of KINDS) cpu.get(kind)?.push(await once(stage, driver, kind))
      say(`round ${n} of ${rounds}`)
    }
    const cost = (kind: Variant) => median(cpu.get(kind) ?? [])
    const rows = KINDS.map((kind) => [
      kind.name,
      shown(cost(kind), 2),
      shown(cost(kind) / cost(transferDistinct), 2),
    ])
    return {
      markdown: table(['CPU of the runtime', 'ms a call', '× transfer'], rows),
      ratios: [withdrawRequest, withdrawRequestSlowKms].map((kind) => ({
        what: `ms of the runtime’s CPU: ${kind.name}`,
        measured: cost(kind),
        atMost: 1.6,
      })),
      broken: (await checkInvariants(stage.manifest.databaseUrl))
        .filter(({ violations }) => violations > 0)
        .map(({ name }) => name),
    }
  } finally {
    driver.stop()
    await stage.stop()
  }
}

export const withdrawals: Section = { name: 'withdrawals', run }
