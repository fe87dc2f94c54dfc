/** Which blocks count: what is not final is never settled, whatever a node says or does not say. */
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest'
import { FINALIZED_ANSWERS } from '../scripts/stack/rpc-head-faults.ts'
import { settleStage, type SettleStage } from './support/settle.ts'

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
  // The stage itself changed the signer.
  await s.calm()
})
afterEach(async () => {
  vi.useRealTimers()
  const broken = await s.broken()
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

const head = async () => Number((await s.chain.getBlock()).number)
const DEPOSIT = 5n * 10n ** 18n

/** One paid and one unused withdrawal, both past their deadlines, with final blocks on top. */
async function paidAndUnused() {
  const [payer, sleeper] = [await s.account(), await s.account()]
  const [paid, unused] = [await s.signed(payer), await s.signed(sleeper)]
  await s.paid(paid)
  await s.mineAt(Math.max(paid.deadline, unused.deadline) + 1)
  // So that any guess, too, would find everything settled.
  await s.finalize(10)
  return async () => [await s.status(paid.id), await s.status(unused.id)]
}

describe('FINALITY=finalized', () => {
  test('decides nothing on an answer that names no final block, in whatever words, and goes on with the first that does', async () => {
    const states = await paidAndUnused()
    const before = await s.cursor()
    for (const [at, answer] of FINALIZED_ANSWERS.entries()) {
      const words = JSON.stringify(answer)
      s.stack.rpc.setFaults({ finalizedAnswer: at + 1 })
      expect(await s.run(), words).toMatchObject({
        ...{ outcome: 'finality_unknown', final_block: null, logs: 0, confirmed: 0, expired: 0 },
      })
      expect([await states(), await s.cursor()], words).toEqual([['signed', 'signed'], before])
    }
    expect(await s.client.sql(`select kind, times_seen from alerts where resolved_at is null`)).toEqual([
      { kind: 'finality_unknown', times_seen: FINALIZED_ANSWERS.length },
    ])
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 1, expired: 1, alerts: 0 })
    expect(await states()).toEqual(['confirmed', 'expired'])
  })

  test('credits no deposit above the final block because the node forgot it for one run: the reorganisation leaves no trace', async () => {
    const final = await head()
    const holder = await s.account()
    s.stack.rpc.setFaults({ frozenFinal: final })
    await s.run()
    const snapshot = await s.chain.snapshot()
    await s.deposit(holder, s.df, DEPOSIT)
    await s.finalize(64)
    for (const finalizedAnswer of [1, 2, 4, 16])
      for (const frozenFinal of [0, final]) {
        s.stack.rpc.setFaults({ finalizedAnswer, frozenFinal })
        expect(await s.run()).toMatchObject({ outcome: 'finality_unknown', deposited: 0 })
      }
    await s.chain.revert({ id: snapshot })
    await s.finalize(80)
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 0 })
    expect(await s.balance(holder.id)).toBe('100')
  })

  test('takes a final block above the head for nonsense, and books nothing of it', async () => {
    const holder = await s.account()
    await s.deposit(holder, s.df, DEPOSIT)
    await s.finalize()
    for (const finalizedAbove of [3, 40]) {
      s.stack.rpc.setFaults({ finalizedAbove })
      expect(await s.run()).toMatchObject({
        outcome: 'finality_unknown',
        final_block: null,
        logs: 0,
        deposited: 0,
      })
      expect([await s.balance(holder.id), await s.alerts()]).toEqual(['100', ['finality_unknown']])
    }
    // As high as the head: some chains are that fast.
    s.stack.rpc.setFaults({ finalizedAbove: 2 })
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1, alerts: 0 })
    expect(await s.balance(holder.id)).toBe('105')
  })

  test('tells a person that the final block stands still while the head goes on, and settles what was final before', async () => {
    const holder = await s.account()
    await s.deposit(holder, s.df, DEPOSIT)
    await s.finalize()
    const frozenFinal = (await head()) - 2
    const late = await s.account()
    await s.deposit(late, s.df, DEPOSIT)
    s.stack.rpc.setFaults({ frozenFinal })
    await s.mineAt((await s.now()) + 3_601)
    expect(await s.run()).toMatchObject({
      outcome: 'finality_stands_still',
      final_block: frozenFinal,
      deposited: 1,
    })
    expect([await s.balance(holder.id), await s.balance(late.id)]).toEqual(['105', '100'])
    expect(await s.alerts()).toEqual(['finality_stands_still'])
    s.stack.rpc.setFaults({})
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1, alerts: 0 })
  })
})

describe('FINALITY=<n>', () => {
  const env = { FINALITY: '5' }

  test('is so many blocks below the head, never asks for the tag, and a log one block above waits', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.paid(row)
    await s.finalize(4)
    s.stack.rpc.resetCounters()
    s.stack.rpc.setFaults({ finalizedAnswer: 1 })
    const top = await head()
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', final_block: top - 5, logs: 0, confirmed: 0 })
    expect([await s.status(row.id), await s.balance(holder.id)]).toEqual(['signed', '90+10'])
    await s.finalize(1)
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', final_block: top - 4, logs: 1, confirmed: 1 })
    expect([await s.status(row.id), await s.alerts()]).toEqual(['confirmed', []])
    expect(s.stack.rpc.counters().faults).toEqual({})
    await s.finalize(10)
  })

  test('holds for expiries too: the block past the deadline must be so deep', async () => {
    const row = await s.signed(await s.account())
    await s.mineAt(row.deadline + 1)
    await s.finalize(4)
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', expired: 0 })
    await s.finalize(1)
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', expired: 1 })
    await s.finalize(10)
  })

  test('on a chain that has not so many blocks yet decides nothing', async () => {
    const before = await s.cursor()
    expect(await s.run({ FINALITY: '99999' })).toMatchObject({
      outcome: 'node_behind',
      final_block: null,
      logs: 0,
    })
    expect([await s.cursor(), await s.alerts()]).toEqual([before, []])
  })

  const bad = ['', ' ', '20 ', ' 20', '20\n', 'safe', 'latest', 'Finalized', 'finalized,5', '-1', '1.5', '1e3', '0x5', '05', '100000', '٣'] // prettier-ignore
  test.each(bad)(
    'that is %j, or anything else that is no depth, stops settle by the variable’s name',
    async (FINALITY) => {
      await expect(s.run({ FINALITY })).rejects.toThrow('bad or missing configuration: FINALITY')
    },
  )

  test('of 0, which trusts the head, is for test networks alone', async () => {
    await expect(s.run({ FINALITY: '0', TESTNET_ONLY: 'no' })).rejects.toThrow(
      'bad or missing configuration: FINALITY',
    )
    expect(await s.run({ FINALITY: '0' })).toMatchObject({ outcome: 'ok', final_block: await head() })
    await s.finalize()
  })
})

test.each([{ FINALITY: 'finalized' }, { FINALITY: '5' }])(
  'a head that is six hours old is told to a person although every call succeeds, until it moves (%o)',
  async (env) => {
    const holder = await s.account()
    await s.deposit(holder, s.df, DEPOSIT)
    await s.finalize(10)
    const later = (await s.now()) + 6 * 3_600
    vi.useFakeTimers({ toFake: ['Date'], now: later * 1_000 })
    expect(await s.run(env)).toMatchObject({ outcome: 'head_stands_still', deposited: 1, alerts: 1 })
    expect(await s.client.sql('select kind, detail from alerts where resolved_at is null')).toMatchObject([
      { kind: 'head_stands_still', detail: { block: await head() } },
    ])
    await s.mineAt(later)
    await s.finalize(10)
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', alerts: 0 })
  },
)
