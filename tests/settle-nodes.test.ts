/** Several nodes, of which enough must agree; and one that answers with nulls, from replicas that are not level, or without old state. */
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RpcFaults } from '../scripts/stack/rpc-faults.ts'
import { BARE_CALL_ANSWERS } from '../scripts/stack/rpc-limits.ts'
import { startRpcProxy, type RpcProxy } from '../scripts/stack/rpc-proxy.ts'
import { settleStage, type SettleStage } from './support/settle.ts'

const DF = 10n ** 18n
let s: SettleStage
/** Beside the stage's own one. */
let others: RpcProxy[]
beforeAll(async () => {
  s = await settleStage()
  others = await Promise.all([0, 1].map(async () => await startRpcProxy({ target: s.stack.manifest.rpcUrl })))
  await s.finalize()
  await s.run()
  // The stage itself changed the signer.
  await s.calm()
})
afterEach(async () => {
  const broken = await s.broken()
  for (const node of others) node.setFaults({})
  await s.calm()
  await s.client.sql(`update chain_cursors set node_limits = '[]'`)
  expect(broken).toEqual([])
})
afterAll(async () => {
  for (const node of others ?? []) await node.stop()
  await s?.stop()
})

/** A payment, a withdrawal that nobody used and a deposit, all of them final; how they stand is in that order. */
async function three() {
  const [payer, sleeper, saver] = [await s.account(), await s.account(), await s.account()]
  const [paid, unused] = [await s.signed(payer), await s.signed(sleeper)]
  await s.paid(paid)
  await s.deposit(saver, s.df, 5n * DF)
  await s.mineAt(Math.max(paid.deadline, unused.deadline) + 1)
  await s.finalize()
  return async () => [await s.status(paid.id), await s.status(unused.id), await s.balance(saver.id)]
}
const OPEN = ['signed', 'signed', '100']
const DONE = ['confirmed', 'expired', '105']
const twoOf = (...nodes: RpcProxy[]) => ({
  RPC_URL: [s.stack.rpc, ...nodes].map(({ url }) => url).join(','),
  RPC_QUORUM: '2',
})
const disagreement = async () =>
  await s.client.sql(`select detail from alerts where kind = 'nodes_disagree' and resolved_at is null`)

/** With the block at which a person compares the nodes. */
const told = (what: string) => ({
  detail: { answer: expect.stringMatching(new RegExp(`^${what} \\d+$`)) as string, nodes: [1, 2] },
})

describe('with RPC_QUORUM=2, two nodes that differ', () => {
  const lies: [string, Partial<RpcFaults>][] = [
    ['hides every log', { emptyLogs: 1 }],
    ['has an index that lags', { indexLag: 1_000 }],
  ]
  test.each(lies)(
    'on logs, where one %s: nothing is booked and the cursor stays; once they agree, each event counts once',
    async (_how, faults) => {
      const [node] = others as [RpcProxy]
      const states = await three()
      const before = await s.cursor()
      node.setFaults(faults)
      for (let runs = 0; runs < 2; runs += 1) {
        expect(await s.run(twoOf(node))).toMatchObject({ outcome: 'nodes_disagree', logs: 0, confirmed: 0, deposited: 0, expired: 0 }) // prettier-ignore
        expect([await states(), await s.cursor()]).toEqual([OPEN, before])
        expect(await disagreement()).toEqual([told('logs of the blocks \\d+ to')])
      }
      node.setFaults({})
      expect(await s.run(twoOf(node))).toMatchObject({ outcome: 'ok', confirmed: 1, deposited: 1, expired: 1, alerts: 0 }) // prettier-ignore
      expect(await s.run(twoOf(node))).toMatchObject({
        outcome: 'ok',
        confirmed: 0,
        deposited: 0,
        expired: 0,
      })
      expect(await states()).toEqual(DONE)
    },
  )

  test('on a counter: what is paid and deposited counts, and nothing comes back until they agree', async () => {
    const [node] = others as [RpcProxy]
    const states = await three()
    node.setFaults({ counterAhead: 1 })
    expect(await s.run(twoOf(node))).toMatchObject({ outcome: 'nodes_disagree', confirmed: 1, deposited: 1, expired: 0 }) // prettier-ignore
    expect(await states()).toEqual(['confirmed', 'signed', '105'])
    expect(await disagreement()).toEqual([told('counters at block')])
    node.setFaults({})
    expect(await s.run(twoOf(node))).toMatchObject({ outcome: 'ok', confirmed: 0, deposited: 0, expired: 1, alerts: 0 }) // prettier-ignore
    expect(await states()).toEqual(DONE)
  })

  test('on holdings: solvency is not judged by either of them', async () => {
    const [node] = others as [RpcProxy]
    await s.client.sql('delete from solvency_checks')
    node.setFaults({ holdingsShort: 1 })
    expect(await s.run(twoOf(node))).toMatchObject({ outcome: 'nodes_disagree' })
    expect(await disagreement()).toEqual([told('the vault at block')])
    expect(await s.client.sql('select * from solvency_checks')).toEqual([])
    node.setFaults({})
    expect(await s.run(twoOf(node))).toMatchObject({ outcome: 'ok', alerts: 0 })
  })

  test('are outvoted by a third: the two that agree are believed, and a person hears of the one that does not', async () => {
    const states = await three()
    s.stack.rpc.setFaults({ emptyLogs: 1, counterAhead: 1 })
    expect(await s.run(twoOf(...others))).toMatchObject({ outcome: 'ok', confirmed: 1, deposited: 1, expired: 1 }) // prettier-ignore
    expect(await states()).toEqual(DONE)
    expect(await s.alerts()).toEqual(['nodes_disagree'])
    s.stack.rpc.setFaults({})
    expect(await s.run(twoOf(...others))).toMatchObject({ outcome: 'ok', alerts: 0 })
  })
})

describe('a node', () => {
  const faulty: [string, Partial<RpcFaults>][] = [
    ['with a null for one answer', { nullAnswer: 0.3 }],
    ['with a null for one answer of every request', { nullAnswer: 1 }],
    ['with a null within one answer', { nullField: 0.3 }],
    ['with a null within one answer of every request', { nullField: 1 }],
    ['with one answer missing', { missingAnswer: 0.3 }],
    ['without blocks that it has', { unknownBlocks: 0.3 }],
    ['from replicas that are not level', { unlevelHead: 0.3 }],
    ['from replicas that are not level, with nulls', { unlevelHead: 0.5, nullField: 0.2, unknownBlocks: 0.1 }], // prettier-ignore
  ]
  test.each(faulty)(
    'that answers %s has nothing booked that is not so, and loses nothing',
    async (_how, faults) => {
      const states = await three()
      await s.finalize(30)
      for (let seed = 1; seed <= 8; seed += 1) {
        s.stack.rpc.setFaults(faults, seed)
        await s.run()
        const [paid, unused, saved] = await states()
        expect(['signed', 'confirmed'], `seed ${seed}`).toContain(paid)
        expect(['signed', 'expired'], `seed ${seed}`).toContain(unused)
        expect(['100', '105'], `seed ${seed}`).toContain(saved)
      }
      expect(s.stack.rpc.counters().faults).not.toEqual({})
      s.stack.rpc.resetCounters()
      s.stack.rpc.setFaults({})
      // A node that was found to be small is asked for more again.
      await s.client.sql(`update chain_cursors set node_limits = '[]'`)
      expect(await s.run()).toMatchObject({ outcome: 'ok' })
      expect(await states()).toEqual(DONE)
      expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 0, deposited: 0, expired: 0 })
      // Only a replica that is behind answers without saying so; what is null or missing was never taken for nothing.
      if (!faults.unlevelHead) expect(await s.alerts()).toEqual([])
    },
  )

  test('that answers null for logs has not said that there are none: the cursor stays, and no log was missed', async () => {
    const states = await three()
    const before = await s.cursor()
    s.stack.rpc.setFaults({ nullLogs: 1 })
    expect(await s.run()).toMatchObject({ outcome: 'rpc_unavailable', logs: 0, expired: 0 })
    expect([await states(), await s.cursor(), await s.alerts()]).toEqual([OPEN, before, ['rpc_unavailable']])
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 1, deposited: 1, expired: 1, alerts: 0 })
    expect(await states()).toEqual(DONE)
  })

  test('that has dropped the state of the final block: payments and deposits count, nothing comes back, and a person hears of it', async () => {
    const states = await three()
    s.stack.rpc.setFaults({ keptStates: 1 })
    for (let runs = 0; runs < 2; runs += 1) {
      expect(await s.run()).toMatchObject({ outcome: 'state_missing', expired: 0 })
      expect(await states()).toEqual(['confirmed', 'signed', '105'])
      expect(await s.alerts()).toEqual(['state_missing'])
    }
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 1, alerts: 0 })
    expect(await states()).toEqual(DONE)
  })

  test('that runs no call without a contract, or gives it too little gas, proves nothing unused and calls nothing no vault, and a person hears of it', async () => {
    const states = await three()
    const ways = BARE_CALL_ANSWERS.map((_, n) => ({ bareCallAnswer: n + 1 }))
    for (const faults of [...ways, { maxCallGas: 60_000 }, { maxCallGas: 1_000_000 }]) {
      s.stack.rpc.setFaults(faults)
      expect(await s.run()).toMatchObject({ outcome: 'rpc_unavailable', expired: 0, vault_signer: null })
      expect(await states()).toEqual(['confirmed', 'signed', '105'])
      expect(await s.alerts()).toEqual(['rpc_unavailable'])
    }
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 1, alerts: 0 })
    expect(await states()).toEqual(DONE)
  })
})
