import { expect, inject, test } from 'vitest'
import { runSoak } from './soak/run.ts'

const SECONDS = 30

test(
  'loses, doubles and invents no money while networks cut, Postgres crashes, the runtime is killed, KMS and the node fail and the vault pays',
  async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
    // Shown when the test fails, as all that a test says.
    console.log(`soak: SEED=${seed}`)
    const made = { bundle: inject('bundle'), fleeting: { copyOf: inject('seed') } }
    const summary = await runSoak({ seconds: SECONDS, seed, clients: 8, log: () => {}, made })
    console.log(JSON.stringify(summary))
    expect(summary.violations, `SEED=${seed}`).toEqual([])
    // A soak that did nothing would pass too.
    expect(summary.faults['postgres crash']).toBeGreaterThan(0)
    expect(summary.outcomes['transfer acknowledged']).toBeGreaterThan(0)
    expect(summary.outcomes['withdraw acknowledged']).toBeGreaterThan(0)
    expect(summary.retries).toBeGreaterThan(0)
    expect(summary.checks).toBeGreaterThan(0)
    expect(summary.settles.ok).toBeGreaterThan(0)
    // The soak goes on until it has seen each of these, so none hangs on luck.
    expect(summary.withdrawals.confirmed).toBeGreaterThan(0)
    expect(summary.withdrawals.expired).toBeGreaterThan(0)
    expect(summary.withdrawals.released).toBeGreaterThan(0)
    expect(summary.chain.deposits).toBeGreaterThan(0)
    expect(summary.chain.payments).toBe(summary.withdrawals.confirmed)
    expect(summary.open).toBe(0)
  },
  (SECONDS + 300) * 1000,
)
