/**
 * How properties are run: `RUNS=500 npx vitest …` goes on longer; a failure prints its seed and path, and
 * `SEED=… REPLAY=…` plays it again.
 */
import type { Manifest } from '../../scripts/stack/manifest.ts'
import { ledgerStage, type LedgerStage } from './ledger-stage.ts'

/** Every invariant reads the whole ledger after each step: a long series begins a new one now and then. */
const RUNS_A_LEDGER = 150

export function propertyOptions(name: string, runs: number) {
  const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
  const numRuns = Number(process.env.RUNS ?? runs)
  // Far more than they take: a busy machine must not end them.
  const limitMs = Math.max(300_000, numRuns * 4_000)
  console.log(`${name}: SEED=${seed} RUNS=${numRuns}`)
  return {
    options: {
      seed,
      numRuns,
      ...(process.env.REPLAY ? { path: process.env.REPLAY } : {}),
      // Shrinking ends in time for the report: a test that is cut off says no seed and no path.
      interruptAfterTimeLimit: limitMs - 15_000,
      markInterruptAsFailure: true,
    },
    limitMs,
  }
}

/** A ledger for many runs; one in which a run failed is put away, so that shrinking does not judge its remains. */
export function ledgers(manifest: Manifest) {
  let stage: LedgerStage | undefined
  let runs = 0
  const stop = async () => {
    const old = stage
    stage = undefined
    await old?.stop()
  }
  return {
    stop,
    run: async (work: (stage: LedgerStage) => Promise<void>): Promise<void> => {
      if (runs >= RUNS_A_LEDGER) await stop()
      if (!stage) {
        stage = await ledgerStage(manifest)
        runs = 0
      }
      runs += 1
      try {
        await work(stage)
      } catch (error) {
        await stop()
        throw error
      }
    },
  }
}
