/** What goes wrong, one thing after another, chosen by the seed. */
import type { Stack } from '../stack/stack.ts'
import { pause } from './books.ts'

export interface FaultOptions {
  stack: Stack
  random: () => number
  /** True once no new fault may begin. */
  over: () => boolean
  log: (line: string) => void
}
type Counts = Record<string, number>

/** Until it is over: a fault, its end, a breath. Answers how often each kind was played; ends with everything healed. */
export async function playFaults(options: FaultOptions): Promise<Counts> {
  const { stack, random, over, log } = options
  const counts: Counts = {}
  const seconds = (from: number, to: number) => (from + random() * (to - from)) * 1000
  stack.proxy.control({ seed: Math.floor(random() * 2 ** 31), reset: true })
  for (let turn = 0; !over(); turn += 1) {
    await pause(seconds(0.3, 1.2))
    if (over()) break
    const dice = random()
    // The heavy ones come round surely, however short the run.
    const kind = turn % 8 === 2 ? 'postgres crash' : turn % 8 === 6 ? 'runtime killed' : light(dice)
    log(kind)
    counts[kind] = (counts[kind] ?? 0) + 1
    await PLAYS[kind](stack, random, seconds)
  }
  heal(stack)
  for (const { kind } of stack.proxy.injected()) counts[`proxy ${kind}`] = (counts[`proxy ${kind}`] ?? 0) + 1
  return counts
}

type Play = (
  stack: Stack,
  random: () => number,
  seconds: (from: number, to: number) => number,
) => Promise<void>
type FaultKind = 'database network' | 'slow database' | 'kms' | 'rpc' | 'postgres crash' | 'runtime killed'

const light = (dice: number): FaultKind =>
  dice < 0.5 ? 'database network' : dice < 0.6 ? 'slow database' : dice < 0.85 ? 'kms' : 'rpc'

const PLAYS: Record<FaultKind, Play> = {
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
    stack.kms.control({ faults: [{ kind: kinds[Math.floor(random() * kinds.length)]!, probability: 0.7 }] })
    await pause(seconds(0.5, 2))
    stack.kms.control({ faults: [] })
  },
  rpc: async (stack, random, seconds) => {
    const kinds = ['down', 'http429', 'garbage', 'emptyLogs'] as const
    stack.rpc.setFaults({ [kinds[Math.floor(random() * kinds.length)]!]: 0.6 })
    await pause(seconds(0.5, 2))
    stack.rpc.setFaults({ down: 0, http429: 0, garbage: 0, emptyLogs: 0 })
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
}

function heal(stack: Stack): void {
  stack.proxy.control({ rates: [], next: [], delayMs: 0 })
  stack.kms.control({ faults: [] })
  stack.rpc.setFaults({ down: 0, http429: 0, garbage: 0, emptyLogs: 0 })
}
