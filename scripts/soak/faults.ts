/** What goes wrong, one thing after another, chosen by the seed; the node goes wrong beside all of it. */
import type { RpcFaults } from '../stack/rpc-faults.ts'
import { FINALIZED_ANSWERS } from '../stack/rpc-head-faults.ts'
import type { Stack } from '../stack/stack.ts'
import { count, pause } from './books.ts'
import { below, between, oneOf, seedFrom, weighted, type Random } from './random.ts'

export interface FaultOptions {
  stack: Stack
  /** Of the faults of database, KMS and runtime, and of the node's. */
  random: Random
  rpcRandom: Random
  /** True once no new fault may begin. */
  over: () => boolean
  log: (line: string) => void
}
type Counts = Record<string, number>
type Seconds = (from: number, to: number) => number
type Play = (stack: Stack, random: Random, seconds: Seconds) => Promise<void>

/** Until it is over. Answers how often each kind was played; ends with everything healed. */
export async function playFaults(options: FaultOptions): Promise<Counts> {
  const { stack } = options
  const counts: Counts = {}
  await Promise.all([playMain(options, counts), playRpc(options, counts)])
  stack.proxy.control({ rates: [], next: [], delayMs: 0 })
  stack.kms.control({ faults: [] })
  stack.rpc.setFaults({})
  for (const { kind } of stack.proxy.injected()) count(counts, `proxy ${kind}`)
  for (const [kind, times] of Object.entries(stack.rpc.counters().faults)) counts[`node ${kind}`] = times
  return counts
}

/** A fault, its end, a breath. */
async function playMain({ stack, random, over, log }: FaultOptions, counts: Counts): Promise<void> {
  const seconds: Seconds = (from, to) => between(random, from, to) * 1000
  stack.proxy.control({ seed: seedFrom(random), reset: true })
  for (let turn = 0; !over(); turn += 1) {
    await pause(seconds(0.3, 1.2))
    if (over()) break
    const dice = weighted(random, LIGHT)
    // The heavy ones come round surely, however short the run; so does the one that gives reservations back.
    const kind = ORDER[turn % ORDER.length] ?? dice
    log(kind)
    count(counts, kind)
    await PLAYS[kind](stack, random, seconds)
  }
}

const LIGHT = { 'database network': 5, 'slow database': 1, kms: 3 }
const ORDER: (keyof typeof PLAYS | undefined)[] = [
  'kms',
  undefined,
  'postgres crash',
  undefined,
  undefined,
  undefined,
  'runtime killed',
  undefined,
]
const PLAYS = {
  'database network': async (stack, random, seconds) => {
    const kinds = ['cutBeforeSend', 'cutAfterCommit', 'duplicate', 'duplicateRace'] as const
    stack.proxy.control({ rates: kinds.map((kind) => ({ kind, probability: 0.05 + random() * 0.15 })) })
    await pause(seconds(0.5, 2))
    stack.proxy.control({ rates: [] })
  },
  'slow database': async (stack, _random, seconds) => {
    stack.proxy.control({ delayMs: { min: 5, max: 150 } })
    await pause(seconds(0.5, 2))
    stack.proxy.control({ delayMs: 0 })
  },
  kms: async (stack, random, seconds) => {
    const kinds = ['throttle', 'down', 'hang', 'stall', 'cut', 'wrongKey', 'error500', 'garbage'] as const
    stack.kms.control({ faults: [{ kind: oneOf(random, kinds), probability: 0.7 }], seed: seedFrom(random) })
    await pause(seconds(0.5, 2))
    stack.kms.control({ faults: [] })
  },
  'postgres crash': async (stack, _random, seconds) => {
    await stack.postgres.stop('immediate')
    await pause(seconds(0.1, 1.5))
    await stack.postgres.restart()
  },
  'runtime killed': async (stack) => {
    await stack.gateway?.kill()
    await stack.restartGateway()
  },
} satisfies Record<string, Play>

/** A node that fails about half of the time, whatever else is at fault: settle must live with it all through. */
async function playRpc({ stack, rpcRandom, over, log }: FaultOptions, counts: Counts): Promise<void> {
  stack.rpc.resetCounters()
  while (!over()) {
    await pause(between(rpcRandom, 500, 3_000))
    if (over()) break
    const faults = rpcFaults(rpcRandom)
    log(`node: ${JSON.stringify(faults)}`)
    count(counts, 'rpc')
    stack.rpc.setFaults(faults, seedFrom(rpcRandom))
    await pause(between(rpcRandom, 500, 3_000))
    stack.rpc.setFaults({})
  }
}

/** One way, or now and then two at once. `hang` is rare, since one run of settle waits long for it. */
function rpcFaults(random: Random): Partial<RpcFaults> {
  const one = (): Partial<RpcFaults> => {
    const kind = weighted(random, RPC)
    return { [kind]: RPC_VALUE[kind]?.(random) ?? between(random, 0.3, 0.9) }
  }
  return random() < 0.2 ? { ...one(), ...one() } : one()
}

const RPC: Partial<Record<keyof RpcFaults, number>> & Record<string, number> = {
  emptyLogs: 5,
  staleHead: 4,
  down: 2,
  http429: 2,
  garbage: 1,
  slowMs: 2,
  hang: 0.5,
  wrongChainId: 1,
  maxLogRange: 1,
  finalizedAnswer: 2,
  finalizedAbove: 1,
  renumberedLogs: 3,
  repeatedLogs: 1,
  hiddenTwins: 1,
  unsortedLogs: 1,
  upperCaseLogs: 1,
  removedLogs: 1,
  forkedLogs: 1,
}
/** Those that are no probability. */
const RPC_VALUE: Record<string, (random: Random) => number> = {
  staleHead: (random) => 1 + below(random, 12),
  slowMs: (random) => 50 + below(random, 1_000),
  maxLogRange: (random) => oneOf(random, [20, 100, 700]),
  finalizedAnswer: (random) => 1 + below(random, FINALIZED_ANSWERS.length),
  finalizedAbove: (random) => 1 + below(random, 40),
}
