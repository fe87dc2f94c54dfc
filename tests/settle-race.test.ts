import { afterAll, beforeAll, expect, test } from 'vitest'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { settleStage, type SettleStage, type SignedRow } from './support/settle.ts'
import { randomFrom } from '../scripts/stack/random.ts'

const ROUNDS = Number(process.env.ROUNDS ?? 4)
const ROWS_A_ROUND = 64
let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
})
afterAll(async () => await s.stop())

test(
  `of ${ROUNDS * ROWS_A_ROUND} withdrawals raced against their expiry, each is paid or returned, never both and never neither`,
  async () => {
    const seed = Date.now() % 1_000_000
    const random = randomFrom(seed)
    const all: SignedRow[] = []
    await s.chain.setAutomine(false)
    for (let round = 0; round < ROUNDS; round += 1) {
      const time = await s.now()
      // A few at once: who has no turn at the database in time is refused, and they are only the stage.
      const rows: SignedRow[] = []
      while (rows.length < ROWS_A_ROUND) {
        const holders = await Promise.all(Array.from({ length: 16 }, async () => await s.account()))
        const ttl = () => 20 + Math.floor(random() * 6)
        rows.push(...(await Promise.all(holders.map(async (holder) => await s.signed(holder, '10', ttl())))))
      }
      all.push(...rows)
      let racing = true
      const settling = async () => {
        while (racing) await s.run()
      }
      // Two copies of settle run all the while; each withdrawal is sent before a block near its deadline, or never.
      const copies = [settling(), settling()]
      const late = new Map(rows.map((row) => [row.id, Math.floor(random() * 9)]))
      for (let second = 18; second < 34; second += 1) {
        for (const row of rows) if (18 + (late.get(row.id) ?? 0) * 2 === second) await s.submit(row)
        await s.mineAt(time + second)
      }
      racing = false
      await Promise.all(copies)
    }
    await s.chain.setAutomine(true)
    await s.mineAt((await s.now()) + 100)
    await s.finalize()
    await s.run()
    await s.run()

    let paid = 0
    for (const row of all) {
      const used = await s.chain.readContract({
        address: s.vault,
        abi: vaultAbi,
        functionName: 'releaseNonces',
        args: [row.wallet.address],
      })
      const outcome = `${used} ${await s.status(row.id)} ${await s.balance(row.account)}`
      expect(['1 confirmed 90', '0 expired 100'], `seed ${seed}`).toContain(outcome)
      paid += Number(used)
    }
    // A race that one side always wins proves nothing.
    expect(Math.min(paid, all.length - paid)).toBeGreaterThan(all.length / 10)
    expect([await s.broken(), await s.paused()]).toEqual([[], false])
  },
  ROUNDS * 45_000,
)
