/** Nodes that take few calls a batch, few blocks a range, few logs an answer, and say so in their own ways. */
import { encodeFunctionData, maxUint256, type PrivateKeyAccount } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { tokenAbi, vaultAbi } from '../scripts/stack/contract-abi.ts'
import { succeed } from '../scripts/stack/deploy.ts'
import type { RpcFaults } from '../scripts/stack/rpc-faults.ts'
import { BATCH_REFUSALS, REFUSALS } from '../scripts/stack/rpc-limits.ts'
import { settleStage, type SettleStage } from './support/settle.ts'

const DF = 10n ** 18n
let s: SettleStage
/** Has coins, and the vault may take them: a deposit of its is one transaction in one block. */
let saver: { wallet: PrivateKeyAccount; id: string }
beforeAll(async () => {
  s = await settleStage()
  saver = await s.account()
  const token = { account: saver.wallet, address: s.df, abi: tokenAbi } as const
  await succeed(s.chain, await s.chain.writeContract({ ...token, functionName: 'mint', args: [saver.wallet.address, 1_000_000n * DF] })) // prettier-ignore
  await succeed(s.chain, await s.chain.writeContract({ ...token, functionName: 'approve', args: [s.vault, maxUint256] })) // prettier-ignore
  await s.finalize()
  await s.run()
  await s.calm()
})
afterEach(async () => {
  vi.useRealTimers()
  const broken = await s.broken()
  await s.calm()
  await forget()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

/** As if no run had been refused anything. */
const forget = async () => await s.client.sql(`update chain_cursors set node_limits = '[]', behind = 0`)
const limits = async () =>
  (await s.client.sql<{ node_limits: object[] }>('select node_limits from chain_cursors'))[0]?.node_limits[0]
/** So many deposits of one coin in so many blocks, all of them final. */
async function deposits(times: number): Promise<void> {
  const data = encodeFunctionData({ abi: vaultAbi, functionName: 'deposit', args: [s.df, DF] })
  for (let n = 0; n < times; n += 1)
    await succeed(s.chain, await s.chain.sendTransaction({ account: saver.wallet, to: s.vault, data, gas: 200_000n })) // prettier-ignore
  await s.finalize()
}
/** A few at a time: a busy machine takes long for many. */
async function mine(blocks: number): Promise<void> {
  for (let left = blocks; left > 0; left -= 20) await s.finalize(Math.min(left, 20))
}
const held = async () => Number(await s.balance(saver.id))
const refusals = () => {
  const { maxBatch = 0, maxLogRange = 0, maxLogs = 0, maxAnswerBytes = 0 } = s.stack.rpc.counters().faults
  return maxBatch + maxLogRange + maxLogs + maxAnswerBytes
}
/** Two runs: the first finds the node's size, the second knows it. */
async function settledInTwo(faults: Partial<RpcFaults>): Promise<void> {
  const before = await held()
  const words = JSON.stringify(faults)
  await deposits(6)
  s.stack.rpc.setFaults(faults, 1)
  expect(await s.run(), words).toMatchObject({ outcome: 'ok', deposited: 6, alerts: 0 })
  s.stack.rpc.resetCounters()
  await deposits(6)
  expect(await s.run(), words).toMatchObject({ outcome: 'ok', deposited: 6, alerts: 0 })
  expect([words, await held(), refusals()]).toEqual([words, before + 12, 0])
  s.stack.rpc.setFaults({})
}

describe('a batch limit', () => {
  test.each(BATCH_REFUSALS.map((_, at) => at + 1))(
    'of 3 in the way %i: six deposits in six blocks without a time are credited, and the next run knows the limit',
    async (batchRefusal) => await settledInTwo({ maxBatch: 3, batchRefusal, untimedLogs: 1 }),
  )

  test.each([1, 2, 10, 100])('of %i calls is found in any wording', async (maxBatch) => {
    await settledInTwo({ maxBatch, untimedLogs: 1 })
  })

  test('that is gone is noticed after ten minutes, and one that stays costs a request then', async () => {
    await settledInTwo({ maxBatch: 3, untimedLogs: 1 })
    expect(await limits()).toMatchObject({ batch: { size: 3 } })
    const later = Date.now() + 601_000
    vi.useFakeTimers({ toFake: ['Date'], now: later })
    const refusedAt = async (minutes: number, faults: Partial<RpcFaults>) => {
      vi.setSystemTime(later + minutes * 60_000)
      await deposits(12)
      s.stack.rpc.setFaults({ untimedLogs: 1, ...faults }, 1)
      s.stack.rpc.resetCounters()
      expect(await s.run()).toMatchObject({ deposited: 12 })
      return refusals()
    }
    expect(await refusedAt(0, { maxBatch: 3 })).toBe(1)
    expect(await refusedAt(1, { maxBatch: 3 })).toBe(0)
    expect(await refusedAt(9, {})).toBe(0)
    expect(await limits()).toMatchObject({ batch: { size: 3 } })
    await refusedAt(11, {})
    await refusedAt(11, {})
    expect(await limits()).toMatchObject({ batch: { size: 50 } })
  })
})

describe('a range limit', () => {
  test.each([0, ...REFUSALS.map((_, at) => at + 1)])(
    'of 10 blocks in the way %i (0: an error of the call) is found, kept, and every log arrives',
    async (rangeRefusal) => await settledInTwo({ maxLogRange: 10, rangeRefusal }),
  )

  test.each([50, 500, 2_000])(
    'of %i blocks is found',
    async (maxLogRange) => {
      await mine(maxLogRange)
      await settledInTwo({ maxLogRange })
    },
    120_000,
  )

  test('and a batch limit at once, with blocks that cost a call each, still arrive', async () => {
    await settledInTwo({ maxLogRange: 10, maxBatch: 3, untimedLogs: 1 })
    await forget()
    const before = await held()
    await deposits(6)
    s.stack.rpc.setFaults({ maxLogRange: 10, maxBatch: 1, untimedLogs: 1 }, 1)
    for (let runs = 0; runs < 3 && (await held()) < before + 6; runs += 1) await s.run()
    expect(await held()).toBe(before + 6)
  })

  test('of 10 blocks keeps up with 100 blocks a minute, in batches or without', async () => {
    for (const maxBatch of [0, 3, 1]) {
      await forget()
      s.stack.rpc.setFaults({ maxLogRange: 10, maxBatch }, 1)
      await s.run()
      for (let minute = 0; minute < 4; minute += 1) {
        await mine(100)
        expect(await s.run(), `batches of ${maxBatch}`).toMatchObject({ outcome: 'ok', alerts: 0 })
      }
    }
  }, 120_000)

  test('so small that the cursor falls back is told to a person, until it keeps up again', async () => {
    s.stack.rpc.setFaults({ maxLogRange: 1, maxBatch: 1 }, 1)
    const outcomes: string[] = []
    for (let minute = 0; minute < 4; minute += 1) {
      await mine(120)
      outcomes.push((await s.run()).outcome)
    }
    expect([outcomes.at(-1), await s.alerts()]).toEqual(['budget', ['falling_behind']])
    s.stack.rpc.setFaults({})
    await forget()
    expect(await s.run()).toMatchObject({ outcome: 'ok', alerts: 0 })
  }, 120_000)
})

describe('a limit on the answer', () => {
  test('of 4 logs, or of 3,000 bytes, shrinks the range until the answers fit', async () => {
    await settledInTwo({ maxLogs: 4 })
    for (const rangeRefusal of [1, 3, 6]) {
      await forget()
      const before = await held()
      await deposits(6)
      s.stack.rpc.setFaults({ maxAnswerBytes: 3_000, rangeRefusal, maxBatch: 3 }, 1)
      for (let runs = 0; runs < 4 && (await held()) < before + 6; runs += 1) await s.run()
      expect([rangeRefusal, await held()]).toEqual([rangeRefusal, before + 6])
      s.stack.rpc.setFaults({})
    }
  })

  test('that not even one block’s logs fit is no limit to learn from: nothing is decided, and somebody is told', async () => {
    const before = [await held(), await s.cursor()]
    await deposits(1)
    s.stack.rpc.setFaults({ maxLogRange: 1, maxLogs: 0, rangeRefusal: 0, maxAnswerBytes: 100 }, 1)
    expect((await s.run()).outcome).toBe('rpc_unavailable')
    expect([[await held(), await s.cursor()], await s.alerts()]).toEqual([before, ['rpc_unavailable']])
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1, alerts: 0 })
    expect(await limits()).toBeUndefined()
  })
})

test('more blocks of logs without a time than a run may ask for are read over several runs, and none is lost', async () => {
  const before = await held()
  await deposits(60)
  s.stack.rpc.setFaults({ maxBatch: 1, untimedLogs: 1 }, 1)
  for (let runs = 0; runs < 6 && (await held()) < before + 60; runs += 1) await s.run()
  expect(await held()).toBe(before + 60)
})
