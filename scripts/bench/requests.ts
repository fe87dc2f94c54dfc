/** What a request costs beside the limit, beside `SELECT 1` through the same runtime, and beside the interactive transaction. */
import { checkInvariants } from '../stack/invariants.ts'
import { startDriver, type Driver } from './drive.ts'
import type { Measured } from './driver.ts'
import {
  adminCredit,
  creditsBesideFastKms,
  creditsBesideSlowKms,
  KMS_MS,
  withdrawRequest,
  withdrawRequestSlowKms,
} from './money-in-and-out.ts'
import { driverShare, latencyTable, of, requestTable, type Results } from './report.ts'
import type { Options, Outcome, Ratio, Section } from './section.ts'
import { signedTransfer } from './signed-transfer.ts'
import { ACCOUNTS, openStage, type Stage } from './stage.ts'
import {
  interactiveDistinct,
  interactiveHot,
  selectOne,
  selectOneBehindSession,
  transferDistinct,
  transferHeard,
  transferHot,
  variants,
  verbDistinct,
  verbHot,
  type Variant,
} from './variants.ts'

const WARMUP_MS = 300
const CONNECTIONS = 16
/** Each way, between the functions and the database. */
const DELAYS_MS = [0, 5]
const ALL = [
  ...variants,
  signedTransfer,
  withdrawRequest,
  withdrawRequestSlowKms,
  adminCredit,
  creditsBesideFastKms,
  creditsBesideSlowKms,
]
/** Measured with one client too, which is one account with one session. */
const ALONE = [selectOne, selectOneBehindSession, transferHot, signedTransfer, withdrawRequest, adminCredit]
/** Every row is compared with them, so they are measured whatever is picked. */
const BASES = [selectOne, selectOneBehindSession, transferDistinct, transferHot]

async function once(stage: Stage, driver: Driver, variant: Variant, connections: number): Promise<Measured> {
  const load = { connections, warmupMs: WARMUP_MS, ms: stage.measureMs }
  const { kmsMs = 0 } = variant
  stage.stack.kms.control({ faults: kmsMs > 0 ? [{ kind: 'slow', ms: kmsMs }] : [], clearLog: true })
  const port = stage.ports[variant.worker ?? 'app'] ?? 0
  const measured = variant.run
    ? await variant.run(stage, load)
    : await driver.run({ ...load, port, requests: variant.requests?.(stage) ?? [] })
  if (measured.failures > 0) {
    throw new Error(
      `${variant.name}: ${measured.failures} requests failed, the first with\n${measured.firstFailure}`,
    )
  }
  return measured
}

/** Variants take turns within a round, so that a noisy minute hits all of them. */
async function round(stage: Stage, driver: Driver, list: Variant[], connections: number, into: Results) {
  for (const delayMs of DELAYS_MS) {
    stage.stack.proxy.control({ delayMs })
    for (const variant of list) {
      if (delayMs > 0 && variant.onlyWithoutDelay) continue
      const key = `${variant.name}|${delayMs}`
      into.set(key, [...(into.get(key) ?? []), await once(stage, driver, variant, connections)])
    }
  }
  stage.stack.proxy.control({ delayMs: 0 })
}

const picked = (list: Variant[], only: string) =>
  list.filter((variant) => BASES.includes(variant) || variant.name.includes(only))

async function run({ rounds, ms, only, say }: Options): Promise<Outcome> {
  const whole = requests.name.includes(only)
  const [many, alone] = [ALL, ALONE].map((list) => picked(list, whole ? '' : only)) as [Variant[], Variant[]]
  const stage = await openStage({
    workers: ['app', 'interactive', 'select-one'],
    accounts: ACCOUNTS,
    measureMs: ms,
    say,
  })
  const driver = startDriver()
  const single: Results = new Map()
  const together: Results = new Map()
  try {
    for (const variant of new Set([...many, ...alone])) await variant.prepare?.(stage)
    for (let n = 1; n <= rounds; n += 1) {
      await round(stage, driver, alone, 1, single)
      await round(stage, driver, many, CONNECTIONS, together)
      say(`round ${n} of ${rounds}`)
    }
    const bases = { selectOne: selectOne.name, transfer: transferDistinct.name }
    return {
      markdown: [
        requestTable(CONNECTIONS, many, DELAYS_MS, together, bases),
        latencyTable(alone, DELAYS_MS, single, { ...bases, transfer: transferHot.name }),
      ].join('\n\n'),
      ratios: [...ratiosOf(single, together), driverShare(together)],
      broken: (await checkInvariants(stage.manifest.databaseUrl))
        .filter(({ violations }) => violations > 0)
        .map(({ name }) => name),
    }
  } finally {
    driver.stop()
    await stage.stop()
  }
}

function ratiosOf(single: Results, many: Results): Ratio[] {
  const rate = ({ name }: Variant, ms: number) => of(many, name, ms, 'perSecond')
  const p50 = ({ name }: Variant, ms: number) => of(single, name, ms, 'p50')
  const p50s = (words: string, one: Variant, base: Variant, atMost?: number) =>
    DELAYS_MS.map((ms): Ratio => {
      const where = ms === 0 ? 'no delay' : `${ms} ms each way`
      const ratio = { what: `one client, p50: ${words}, ${where}`, measured: p50(one, ms) / p50(base, ms) }
      return atMost === undefined ? ratio : { ...ratio, atMost }
    })
  return [
    {
      what: 'transfer : interactive transaction, distinct accounts',
      measured: rate(transferDistinct, 0) / rate(interactiveDistinct, 0),
      atLeast: 8,
    },
    {
      what: 'transfer : interactive transaction, one hot account, 5 ms each way',
      measured: rate(transferHot, 5) / rate(interactiveHot, 5),
      atLeast: 30,
    },
    {
      what: 'transfer : the verb straight at Postgres, distinct accounts',
      measured: rate(transferDistinct, 0) / rate(verbDistinct, 0),
    },
    {
      what: 'transfer : the verb straight at Postgres, one hot account',
      measured: rate(transferHot, 0) / rate(verbHot, 0),
    },
    {
      what: 'transfer of an account that nobody listens to : with a listener',
      measured: rate(transferDistinct, 0) / rate(transferHeard, 0),
    },
    ...p50s('transfer : SELECT 1', transferHot, selectOne, 1.6),
    ...p50s(
      'transfer : SELECT 1 behind the same session check and body',
      transferHot,
      selectOneBehindSession,
      1.6,
    ),
    ...p50s('signed transfer : transfer', signedTransfer, transferHot, 2),
    ...p50s('withdraw request : transfer', withdrawRequest, transferHot, 3.5),
    ...p50s('admin credit : transfer', adminCredit, transferHot),
    {
      what: `admin credit of balances being withdrawn from, KMS at ${KMS_MS} ms : at once`,
      measured: rate(creditsBesideSlowKms, 0) / rate(creditsBesideFastKms, 0),
      // A lock held while KMS works would leave a fraction; what is below 1 is noise.
      atLeast: 0.9,
    },
  ]
}

export const requests: Section = { name: 'requests', parts: ALL.map(({ name }) => name), run }
