/** Nodes that take few blocks a range, on a chain of many: it has a file of its own, because anvil gets slower with each block. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { limitedStage } from './support/limited-node.ts'

let s: Awaited<ReturnType<typeof limitedStage>>
beforeAll(async () => void (s = await limitedStage()))
afterEach(async () => {
  await s.end()
})
afterAll(async () => await s.stop())

describe('a range limit', () => {
  test.each([50, 500, 2_000])(
    'of %i blocks is found',
    async (maxLogRange) => {
      await s.mine(maxLogRange)
      await s.settledInTwo({ maxLogRange })
    },
    120_000,
  )

  test('of 10 blocks keeps up with 100 blocks a minute, in batches or without', async () => {
    for (const maxBatch of [0, 3, 1]) {
      await s.forget()
      s.stack.rpc.setFaults({ maxLogRange: 10, maxBatch }, 1)
      await s.run()
      for (let minute = 0; minute < 4; minute += 1) {
        await s.mine(100)
        expect(await s.run(), `batches of ${maxBatch}`).toMatchObject({ outcome: 'ok', alerts: 0 })
      }
    }
  }, 120_000)

  test('so small that the cursor falls back is told to a person, until it keeps up again', async () => {
    s.stack.rpc.setFaults({ maxLogRange: 1, maxBatch: 1 }, 1)
    const outcomes: string[] = []
    for (let minute = 0; minute < 4; minute += 1) {
      await s.mine(120)
      outcomes.push((await s.run()).outcome)
    }
    expect([outcomes.at(-1), await s.alerts()]).toEqual(['budget', ['falling_behind']])
    s.stack.rpc.setFaults({})
    await s.forget()
    expect(await s.run()).toMatchObject({ outcome: 'ok', alerts: 0 })
  }, 120_000)
})
