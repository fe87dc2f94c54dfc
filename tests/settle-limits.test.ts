/** Nodes that take few calls a batch, few blocks a range, few logs an answer, and say so in their own ways. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import type { RpcFaults } from '../scripts/stack/rpc-faults.ts'
import { BATCH_REFUSALS, REFUSALS } from '../scripts/stack/rpc-limits.ts'
import { limitedStage } from './support/limited-node.ts'

let s: Awaited<ReturnType<typeof limitedStage>>
beforeAll(async () => void (s = await limitedStage()))
afterEach(async () => {
  vi.useRealTimers()
  await s.end()
})
afterAll(async () => await s.stop())

describe('a batch limit', () => {
  test.each(BATCH_REFUSALS.map((_, at) => at + 1))(
    'of 3 in the way %i: six deposits in six blocks without a time are credited, and the next run knows the limit',
    async (batchRefusal) => await s.settledInTwo({ maxBatch: 3, batchRefusal, untimedLogs: 1 }),
  )

  test.each([1, 2, 10, 100])('of %i calls is found in any wording', async (maxBatch) => {
    await s.settledInTwo({ maxBatch, untimedLogs: 1 })
  })

  test('that is gone is noticed after ten minutes, and one that stays costs a request then', async () => {
    await s.settledInTwo({ maxBatch: 3, untimedLogs: 1 })
    expect(await s.limits()).toMatchObject({ batch: { size: 3 } })
    const later = Date.now() + 601_000
    vi.useFakeTimers({ toFake: ['Date'], now: later })
    const refusedAt = async (minutes: number, faults: Partial<RpcFaults>) => {
      vi.setSystemTime(later + minutes * 60_000)
      await s.deposits(12)
      s.stack.rpc.setFaults({ untimedLogs: 1, ...faults }, 1)
      s.stack.rpc.resetCounters()
      expect(await s.run()).toMatchObject({ deposited: 12 })
      return s.refusals()
    }
    expect(await refusedAt(0, { maxBatch: 3 })).toBe(1)
    expect(await refusedAt(1, { maxBatch: 3 })).toBe(0)
    expect(await refusedAt(9, {})).toBe(0)
    expect(await s.limits()).toMatchObject({ batch: { size: 3 } })
    await refusedAt(11, {})
    await refusedAt(11, {})
    expect(await s.limits()).toMatchObject({ batch: { size: 50 } })
  })
})

describe('a range limit', () => {
  test.each([0, ...REFUSALS.map((_, at) => at + 1)])(
    'of 10 blocks in the way %i (0: an error of the call) is found, kept, and every log arrives',
    async (rangeRefusal) => await s.settledInTwo({ maxLogRange: 10, rangeRefusal }),
  )

  test('and a batch limit at once, with blocks that cost a call each, still arrive', async () => {
    await s.settledInTwo({ maxLogRange: 10, maxBatch: 3, untimedLogs: 1 })
    await s.forget()
    const before = await s.held()
    await s.deposits(6)
    s.stack.rpc.setFaults({ maxLogRange: 10, maxBatch: 1, untimedLogs: 1 }, 1)
    for (let runs = 0; runs < 3 && (await s.held()) < before + 6; runs += 1) await s.run()
    expect(await s.held()).toBe(before + 6)
  })
})

describe('a limit on the answer', () => {
  test('of 4 logs, or of 3,000 bytes, shrinks the range until the answers fit', async () => {
    await s.settledInTwo({ maxLogs: 4 })
    for (const rangeRefusal of [1, 3, 6]) {
      await s.forget()
      const before = await s.held()
      await s.deposits(6)
      s.stack.rpc.setFaults({ maxAnswerBytes: 3_000, rangeRefusal, maxBatch: 3 }, 1)
      for (let runs = 0; runs < 4 && (await s.held()) < before + 6; runs += 1) await s.run()
      expect([rangeRefusal, await s.held()]).toEqual([rangeRefusal, before + 6])
      s.stack.rpc.setFaults({})
    }
  })

  test('that not even one block’s logs fit is no limit to learn from: nothing is decided, and somebody is told', async () => {
    const before = [await s.held(), await s.cursor()]
    await s.deposits(1)
    s.stack.rpc.setFaults({ maxLogRange: 1, maxLogs: 0, rangeRefusal: 0, maxAnswerBytes: 100 }, 1)
    expect((await s.run()).outcome).toBe('rpc_unavailable')
    expect([[await s.held(), await s.cursor()], await s.alerts()]).toEqual([before, ['rpc_unavailable']])
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1, alerts: 0 })
    expect(await s.limits()).toBeUndefined()
  })
})

test('more blocks of logs without a time than a run may ask for are read over several runs, and none is lost', async () => {
  const before = await s.held()
  await s.deposits(60)
  s.stack.rpc.setFaults({ maxBatch: 1, untimedLogs: 1 }, 1)
  for (let runs = 0; runs < 6 && (await s.held()) < before + 60; runs += 1) await s.run()
  expect(await s.held()).toBe(before + 60)
})
