import { encodeFunctionData } from 'viem'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { vaultAbi } from '../scripts/stack/contract-abi.ts'
import { FINALIZED_FAILURES, NO_FINALIZED_ANSWERS, type RpcFaults } from '../scripts/stack/rpc-faults.ts'
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
  const broken = await s.broken()
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

/** One paid and one unused withdrawal, both past their deadlines, with final blocks on top. */
async function paidAndUnused() {
  const [payer, sleeper] = [await s.account(), await s.account()]
  const [paid, unused] = [await s.signed(payer), await s.signed(sleeper)]
  await s.paid(paid)
  await s.mineAt(Math.max(paid.deadline, unused.deadline) + 1)
  await s.finalize()
  const states = async () => [await s.status(paid.id), await s.status(unused.id)]
  return { states }
}

describe('a node that cannot be relied on', () => {
  const cases: [string, Partial<RpcFaults>][] = [
    ['is down', { down: 1 }],
    ['throttles', { http429: 1 }],
    ['answers with a page instead of JSON', { garbage: 1 }],
    ['is on another chain', { wrongChainId: 1 }],
    ['is far behind', { staleHead: 10_000 }],
  ]
  for (const [name, faults] of cases) {
    test(`that ${name}: nothing expires, nothing is skipped, and the next good run makes it right`, async () => {
      const { states } = await paidAndUnused()
      const before = await s.cursor()
      s.stack.rpc.setFaults(faults)
      expect(await s.run()).toMatchObject({ confirmed: 0, expired: 0, logs: 0 })
      expect([await states(), await s.cursor()]).toEqual([['signed', 'signed'], before])
      s.stack.rpc.setFaults({})
      expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 1, expired: 1 })
      expect(await states()).toEqual(['confirmed', 'expired'])
      expect(await s.alerts()).toEqual([])
    })
  }

  test('that refuses ranges above 3 blocks is asked for smaller ones, and every log arrives', async () => {
    const { states } = await paidAndUnused()
    await s.finalize(40)
    s.stack.rpc.setFaults({ maxLogRange: 3 })
    for (let runs = 0; runs < 5 && (await states()).includes('signed'); runs += 1) await s.run()
    expect(await states()).toEqual(['confirmed', 'expired'])
  })

  test('that leaves out logs: the paid withdrawal stays frozen, never comes back, and is found by the vault’s counter', async () => {
    const { states } = await paidAndUnused()
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    expect(await s.run()).toMatchObject({ confirmed: 0, expired: 1 })
    expect(await states()).toEqual(['signed', 'expired'])
    expect(await s.alerts()).toContain('event_missing')
    // So far behind the cursor that the overlap of the next runs does not reach it.
    await s.finalize(700)
    expect(await s.run()).toMatchObject({ confirmed: 0 })
    s.stack.rpc.setFaults({})
    for (let runs = 0; runs < 3 && (await states())[0] === 'signed'; runs += 1) await s.run()
    expect(await states()).toEqual(['confirmed', 'expired'])
    // Found and settled: only that a node leaves logs out is left for a person.
    expect(await s.run()).toMatchObject({ outcome: 'ok', alerts: 1 })
    expect(await s.alerts()).toEqual(['logs_were_missed'])
  })

  test('that goes on leaving out logs keeps event_missing open, counted and not opened anew', async () => {
    const { states } = await paidAndUnused()
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    for (let runs = 0; runs < 3; runs += 1) await s.run()
    expect(
      await s.client.sql(
        `select kind, times_seen from alerts where kind = 'event_missing' and resolved_at is null`,
      ),
    ).toEqual([{ kind: 'event_missing', times_seen: 3 }])
    s.stack.rpc.setFaults({})
    await s.run()
    expect(await states()).toEqual(['confirmed', 'expired'])
  })

  test('that left out a deposit is read again by the next run, which credits it once', async () => {
    const holder = await s.account()
    await s.deposit(holder, s.df, 5n * 10n ** 18n)
    await s.finalize()
    s.stack.rpc.setFaults({ emptyLogs: 1 })
    expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 0 })
    s.stack.rpc.setFaults({})
    expect(await s.run()).toMatchObject({ deposited: 1 })
    expect(await s.run()).toMatchObject({ deposited: 0, logs: 0 })
    expect(await s.balance(holder.id)).toBe('105')
    expect(await s.alerts()).toContain('logs_were_missed')
  })
})

describe('the safe head', () => {
  const ways = (answers: object[]) => answers.map((answer, at) => [JSON.stringify(answer), at + 1] as const)

  test.each(ways(NO_FINALIZED_ANSWERS))(
    'is so many confirmations below the head where the node has no final blocks (%s), and a log one block above it waits',
    async (_answer, noFinalized) => {
      const env = { CONFIRMATIONS: '5' }
      const holder = await s.account()
      const row = await s.signed(holder)
      await s.paid(row)
      await s.finalize(4)
      s.stack.rpc.setFaults({ noFinalized })
      const head = Number((await s.chain.getBlock()).number)
      expect(await s.run(env)).toMatchObject({ outcome: 'ok', safe_head: head - 5, logs: 0, confirmed: 0 })
      expect([await s.status(row.id), await s.balance(holder.id)]).toEqual(['signed', '90+10'])
      await s.finalize(1)
      expect(await s.run(env)).toMatchObject({ outcome: 'ok', safe_head: head - 4, logs: 1, confirmed: 1 })
      expect([await s.status(row.id), await s.alerts()]).toEqual(['confirmed', []])
      await s.finalize(10)
    },
  )

  test('in that way is no later than that for expiries either: the block past the deadline must be so deep', async () => {
    const env = { CONFIRMATIONS: '5' }
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.mineAt(row.deadline + 1)
    await s.finalize(4)
    s.stack.rpc.setFaults({ noFinalized: 1 })
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', expired: 0 })
    await s.finalize(1)
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', expired: 1 })
    await s.finalize(10)
  })

  test.each(ways(FINALIZED_FAILURES))(
    'is not guessed where the request for the final block failed (%s): nothing is settled, expired or skipped, and somebody is told',
    async (_answer, finalizedFails) => {
      const { states } = await paidAndUnused()
      // So that the guess would find everything settled.
      await s.finalize(10)
      const before = await s.cursor()
      s.stack.rpc.setFaults({ finalizedFails })
      expect(await s.run()).toMatchObject({
        outcome: 'rpc_unavailable',
        safe_head: null,
        confirmed: 0,
        expired: 0,
        alerts: 1,
      })
      expect([await states(), await s.cursor(), await s.alerts()]).toEqual([
        ['signed', 'signed'],
        before,
        ['rpc_unavailable'],
      ])
      s.stack.rpc.setFaults({})
      expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 1, expired: 1, alerts: 0 })
    },
  )
})

describe('a reorganisation', () => {
  test('above the safe head changes nothing: what it undid was never settled', async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.finalize()
    await s.run()
    const snapshot = await s.chain.snapshot()
    await s.paid(row)
    expect(await s.run()).toMatchObject({ confirmed: 0 })
    await s.chain.revert({ id: snapshot })
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 0, expired: 1 })
    expect(await s.balance(holder.id)).toBe('100')
  })

  test('below the safe head stops settle with an alert and moves nothing', async () => {
    const holder = await s.account()
    const row = await s.signed(holder, '10', 50)
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    const [{ block_hash: hash } = { block_hash: '' }] = await s.client.sql<{ block_hash: string }>(
      'select block_hash from chain_cursors',
    )
    await s.client.sql(`update chain_cursors set block_hash = '0x' || repeat('ab', 32)`)
    expect(await s.run()).toMatchObject({ outcome: 'hash_break', expired: 0 })
    expect(await s.status(row.id)).toBe('signed')
    expect(await s.alerts()).toContain('chain_hash_break')
    await s.client.sql(`update chain_cursors set block_hash = $1`, [hash])
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 1 })
  })
})

describe('a run that is cut off', () => {
  const verbs = [
    'release_stale',
    'upkeep',
    'chain_cursors',
    'record_logs',
    'settle_events',
    '"withdrawals"',
    'ledger.expire',
    'check_solvency',
    'check_open',
    'finish_run',
  ]
  const methods = ['cutBeforeSend', 'cutAfterCommit', 'duplicate', 'duplicateRace'] as const
  test('at any call to Postgres, before it or after its commit, leaves money whole; the next run ends it exactly once', async () => {
    for (const verb of verbs) {
      for (const kind of methods) {
        const { states } = await paidAndUnused()
        const holder = await s.account()
        await s.deposit(holder, s.df, 10n ** 18n)
        await s.finalize()
        s.stack.proxy.control({ reset: true, next: [{ kind, match: verb }] })
        await s.run().catch(() => undefined)
        expect(s.stack.proxy.injected().length, `${kind} ${verb}`).toBe(1)
        expect(await s.broken(), `${kind} ${verb}`).toEqual([])
        await s.run()
        expect([...(await states()), await s.balance(holder.id)], `${kind} ${verb}`).toEqual([
          'confirmed',
          'expired',
          '101',
        ])
      }
    }
  }, 240_000)
})

test('a run’s summary counts the alerts that are open when it ends: not those it closed, nor those a person has', async () => {
  const counts = async () => {
    const { alerts } = await s.run()
    const [kept] = await s.client.sql<{ n: number }>(
      `select (summary ->> 'alerts')::int as n from settle_runs order by id desc limit 1`,
    )
    const [open] = await s.client.sql<{ n: number }>(
      'select count(*)::int as n from alerts where resolved_at is null',
    )
    return { alerts, kept: kept?.n, open: open?.n }
  }
  expect(await counts()).toEqual({ alerts: 0, kept: 0, open: 0 })
  s.stack.rpc.setFaults({ down: 1 })
  expect(await counts()).toEqual({ alerts: 1, kept: 1, open: 1 })
  expect(await counts()).toEqual({ alerts: 1, kept: 1, open: 1 })
  await s.client.sql(`select ledger.raise_alert('mine', 'log_changed', '{}')`)
  expect(await counts()).toEqual({ alerts: 2, kept: 2, open: 2 })
  s.stack.rpc.setFaults({})
  expect(await counts()).toEqual({ alerts: 1, kept: 1, open: 1 })
  await s.client.sql(`select ledger.resolve_alert(id, 'seen') from alerts where key = 'mine'`)
  expect(await counts()).toEqual({ alerts: 0, kept: 0, open: 0 })
})

test('the signer’s change is an alert, since it voids every outstanding signature', async () => {
  await s.ownerCall(
    encodeFunctionData({ abi: vaultAbi, functionName: 'setAuthorizationSigner', args: [s.owner.address] }),
  )
  await s.ownerCall(encodeFunctionData({ abi: vaultAbi, functionName: 'pause' }))
  await s.finalize()
  await s.run()
  expect(await s.alerts()).toEqual(['vault_paused', 'vault_signer_changed'])
})
