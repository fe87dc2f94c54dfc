/** What goes wrong, one thing after another, chosen by the seed; the node goes wrong beside all of it. */
import type { RpcFaults } from '../../scripts/stack/rpc-faults.ts'
import { FINALIZED_ANSWERS } from '../../scripts/stack/rpc-head-faults.ts'
import { BARE_CALL_ANSWERS, BATCH_REFUSALS, REFUSALS } from '../../scripts/stack/rpc-limits.ts'
import type { Stack } from '../../scripts/stack/stack.ts'
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
    const value = RPC_VALUE[kind]?.(random) ?? between(random, 0.3, 0.9)
    return { [kind]: value, ...RPC_WITH[kind]?.(random) }
  }
  return random() < 0.2 ? { ...one(), ...one() } : one()
}

/** Complete by type: what the node of the lab learns is drawn here from then on. */
const RPC: Record<keyof RpcFaults, number> = {
  ...{ down: 2, hang: 0.5, http429: 2, garbage: 1, slowMs: 2, wrongChainId: 1 },
  ...{ emptyLogs: 5, indexLag: 2, nullLogs: 1, cutLogs: 2, untimedLogs: 1 },
  ...{ renumberedLogs: 3, repeatedLogs: 1, hiddenTwins: 1, unsortedLogs: 1, upperCaseLogs: 1 },
  ...{ removedLogs: 1, forkedLogs: 1 },
  ...{ staleHead: 4, unlevelHead: 2, unknownBlocks: 1, finalizedAnswer: 2, finalizedAbove: 1 },
  ...{ frozenHead: 1, frozenFinal: 1, keptStates: 1 },
  ...{ maxBatch: 1, batchRefusal: 1, maxLogRange: 1, maxLogs: 1, rangeRefusal: 1, maxAnswerBytes: 1 },
  ...{ maxCallGas: 1, bareCallAnswer: 1 },
  ...{ textIds: 1, shuffledBatch: 1, upperCase: 1, nullAnswer: 1, nullField: 1, missingAnswer: 1 },
  ...{ counterAhead: 1, counterAheadCalls: 0, holdingsShort: 1 },
}
const batch = (random: Random) => oneOf(random, [1, 3, 10, 100])
const range = (random: Random) => oneOf(random, [20, 100, 700])
/** Those that are no probability. */
const RPC_VALUE: Partial<Record<keyof RpcFaults, (random: Random) => number>> = {
  slowMs: (random) => 50 + below(random, 1_000),
  indexLag: (random) => 1 + below(random, 40),
  staleHead: (random) => 1 + below(random, 12),
  finalizedAnswer: (random) => 1 + below(random, FINALIZED_ANSWERS.length),
  finalizedAbove: (random) => 1 + below(random, 40),
  frozenHead: (random) => 1 + below(random, 3_000),
  frozenFinal: (random) => 1 + below(random, 3_000),
  keptStates: (random) => 1 + below(random, 64),
  maxBatch: batch,
  batchRefusal: (random) => 1 + below(random, BATCH_REFUSALS.length),
  maxLogRange: range,
  maxLogs: (random) => 1 + below(random, 30),
  rangeRefusal: (random) => 1 + below(random, REFUSALS.length),
  maxAnswerBytes: (random) => oneOf(random, [1_000, 5_000, 50_000]),
  maxCallGas: (random) => oneOf(random, [50_000, 1_000_000, 3_000_000]),
  bareCallAnswer: (random) => 1 + below(random, BARE_CALL_ANSWERS.length),
  counterAhead: (random) => 1 + below(random, 5),
  holdingsShort: (random) => 1 + below(random, 1_000),
}
/** What a fault needs beside it to be one. */
const RPC_WITH: Partial<Record<keyof RpcFaults, (random: Random) => Partial<RpcFaults>>> = {
  batchRefusal: (random) => ({ maxBatch: batch(random) }),
  rangeRefusal: (random) => ({ maxLogRange: range(random) }),
  counterAhead: (random) => ({ counterAheadCalls: 1 + below(random, 3) }),
}
