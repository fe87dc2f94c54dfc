import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { RpcFaults } from '../scripts/stack/rpc-faults.ts'
import { settleStage, type SettleStage } from './support/settle.ts'

let s: SettleStage
/** Takes the alerts that a run tells. */
const heard: { kind: string; times_seen: number; detail: object }[] = []
let hook: { url: string; close: () => void }
beforeAll(async () => {
  hook = await alertHook()
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
afterAll(async () => {
  await s.stop()
  hook.close()
})

async function alertHook() {
  const server = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      heard.push(JSON.parse(body) as (typeof heard)[number])
      response.writeHead(204).end()
    })
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  return { url: `http://127.0.0.1:${port}`, close: () => void server.close() }
}

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
    // What was found is kept; the tests below have a node without limits.
    await s.client.sql(`update chain_cursors set node_limits = '[]'`)
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

describe('a reorganisation', () => {
  test('above the final block changes nothing: what it undid was never settled', async () => {
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

  test('below the final block stops settle with an alert and moves nothing', async () => {
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
  /** The summaries since then, oldest first. */
  const outcomes = async (after: string) =>
    (
      await s.client.sql<{ outcome: string }>(
        `select summary ->> 'outcome' as outcome from settle_runs where id > $1 order by id`,
        [after],
      )
    ).map((row) => row.outcome)
  const newest = async () =>
    (await s.client.sql<{ id: string }>('select id from settle_runs order by id desc limit 1'))[0]!.id

  const kinds = ['cutBeforeSend', 'cutAfterCommit', 'duplicate', 'duplicateRace'] as const
  test.each(kinds)(
    'at its n-th call to Postgres (%s) leaves money whole and a summary that says so; the next run ends everything exactly once',
    async (kind) => {
      const struck: string[] = []
      const env = { ALERT_WEBHOOK_URL: hook.url }
      for (let skip = 0; ; skip += 1) {
        const { states } = await paidAndUnused()
        const [depositor, dead] = [await s.account(), await s.account()]
        await s.deposit(depositor, s.df, 10n ** 18n)
        await s.finalize()
        const reservation = await s.reserved(dead.id)
        await s.client.sql(
          `update withdrawals set requested_at = now() - interval '121 seconds' where id = $1`,
          [reservation.id],
        )
        // So that a run also tells, and notes that it told.
        await s.client.sql(`select ledger.raise_alert('test', 'transaction_moved', '{}')`)
        const before = await newest()
        s.stack.proxy.control({ reset: true, next: [{ kind, skip }] })
        const result = await s.run(env).catch(() => 'failed')
        const [fault] = s.stack.proxy.injected()
        s.stack.proxy.control({ next: [] })
        const where = `${kind} ${skip}: ${fault?.query}`
        expect(await s.broken(), where).toEqual([])
        if (result === 'failed') expect((await outcomes(before)).at(-1), where).toBe('failed')
        // Of two copies of a call the slower one may be the one that is answered: the cursor was taken.
        else expect(['ok', 'taken'], where).toContain((await outcomes(before)).at(-1))
        expect(await s.run(env), where).toMatchObject({ outcome: 'ok' })
        const balances = [await s.balance(depositor.id), await s.balance(dead.id)]
        expect([...(await states()), ...balances], where).toEqual(['confirmed', 'expired', '101', '100'])
        expect(await s.alerts(), where).toEqual(['transaction_moved'])
        await s.calm()
        if (!fault) break
        struck.push(fault.query)
      }
      // Every verb of a run was struck, and not one of them many times.
      for (const verb of ['stale_reservations', 'run_upkeep', 'chain_cursors', 'record_logs', 'settle_events', '"withdrawals"', 'ledger.expire', 'check_open', 'finish_run', 'note_alerts_told']) // prettier-ignore
        expect(struck.some((query) => query.includes(verb)), verb).toBe(true) // prettier-ignore
    },
    240_000,
  )

  test('by Postgres’ refusal three times in a row is told to a person, with its code and no text; once it goes on the alert closes', async () => {
    heard.length = 0
    const env = { ALERT_WEBHOOK_URL: hook.url }
    const { states } = await paidAndUnused()
    const broken = 'alter function ledger.settle_events(bigint, text, integer) rename to settle_events_gone'
    const mended = 'alter function ledger.settle_events_gone(bigint, text, integer) rename to settle_events'
    await s.client.sql(broken)
    try {
      for (let runs = 1; runs <= 3; runs += 1) {
        await expect(s.run(env)).rejects.toThrow('database error 42883')
        expect(heard.map((alert) => alert.kind)).toEqual(runs < 3 ? [] : ['settle_failed'])
      }
    } finally {
      await s.client.sql(mended)
    }
    expect(heard[0]).toMatchObject({
      times_seen: 3,
      detail: { sqlstate: '42883', outcome: 'rolled_back' },
    })
    expect(await states()).toEqual(['signed', 'signed'])
    expect(await s.run(env)).toMatchObject({ outcome: 'ok', alerts: 0 })
    expect([await states(), await s.alerts()]).toEqual([['confirmed', 'expired'], []])
  })

  test('because upkeep is refused settles all the same, and still counts as failed', async () => {
    const { states } = await paidAndUnused()
    const before = await newest()
    await s.client.sql('alter function ledger.run_upkeep(bigint, text) rename to upkeep_gone')
    try {
      await expect(s.run()).rejects.toThrow('database error 42883')
    } finally {
      await s.client.sql('alter function ledger.upkeep_gone(bigint, text) rename to run_upkeep')
    }
    expect([await states(), await outcomes(before), await s.alerts()]).toEqual([
      ['confirmed', 'expired'],
      ['failed'],
      ['settle_failed'],
    ])
  })

  test('because frozen does not add up pauses signing and says why, although no batch goes through', async () => {
    const { states } = await paidAndUnused()
    const [row] = await s.client.sql<{ account: string }>(
      `select account from withdrawals where status = 'signed' order by id desc limit 1`,
    )
    await s.client.sql(
      `update ledger.balances set frozen = 9 where account_no = (select account_no from ledger.accounts where address = $1)`,
      [row!.account],
    )
    await expect(s.run()).rejects.toThrow('insufficient_balance')
    expect([await s.paused(), await s.alerts()]).toEqual([
      true,
      ['frozen_mismatch', 'settle_failed', 'withdrawals_paused'],
    ])
    await s.client.sql(
      `update ledger.balances set frozen = 10 where account_no = (select account_no from ledger.accounts where address = $1)`,
      [row!.account],
    )
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 1 })
    expect(await states()).toEqual(['confirmed', 'expired'])
  })

  test('because Postgres does not answer at all is told to a person at once, since nothing can be stored', async () => {
    heard.length = 0
    const { states } = await paidAndUnused()
    s.stack.proxy.control({ rates: [{ kind: 'cutBeforeSend', probability: 1 }] })
    await expect(s.run({ ALERT_WEBHOOK_URL: hook.url })).rejects.toThrow('without an answer')
    expect(heard).toMatchObject([{ kind: 'settle_failed', detail: { sqlstate: null, outcome: 'unknown' } }])
    expect(await states()).toEqual(['signed', 'signed'])
    s.stack.proxy.control({ rates: [] })
    expect(await s.run()).toMatchObject({ outcome: 'ok', confirmed: 1, expired: 1, alerts: 0 })
  })
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
  await s.client.sql(`select ledger.raise_alert('mine', 'transaction_moved', '{}')`)
  expect(await counts()).toEqual({ alerts: 2, kept: 2, open: 2 })
  s.stack.rpc.setFaults({})
  expect(await counts()).toEqual({ alerts: 1, kept: 1, open: 1 })
  await s.client.sql(`select ledger.resolve_alert(id, 'seen') from alerts where key = 'mine'`)
  expect(await counts()).toEqual({ alerts: 0, kept: 0, open: 0 })
})
