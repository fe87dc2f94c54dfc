import { expect, it } from 'vitest'
import { runSoak } from '../scripts/soak/run.ts'

const SECONDS = 30

it(
  'loses, doubles and invents no money while networks cut, Postgres crashes, the runtime is killed and KMS fails',
  async () => {
    const seed = Number(process.env.SEED ?? Math.floor(Math.random() * 2 ** 31))
    console.log(`soak: SEED=${seed}`)
    const summary = await runSoak({ seconds: SECONDS, seed, clients: 8, log: () => {} })
    console.log(JSON.stringify(summary))
    expect(summary.violations).toEqual([])
    // A soak that did nothing would pass too.
    expect(summary.faults['postgres crash']).toBeGreaterThan(0)
    expect(summary.outcomes['transfer acknowledged']).toBeGreaterThan(10)
    expect(summary.outcomes['withdraw acknowledged']).toBeGreaterThan(0)
    expect(summary.retries).toBeGreaterThan(0)
    expect(summary.checks).toBeGreaterThan(0)
    expect(summary.settles).toBeGreaterThan(0)
    expect(summary.withdrawals.confirmed).toBeGreaterThan(0)
  },
  (SECONDS + 180) * 1000,
)
