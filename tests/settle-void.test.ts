import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { alertsCommand } from './support/alerts-command.ts'
import { settleStage, type SettleStage, type SignedRow } from './support/settle.ts'
import { forgetForged, storeLog, withdrawalData } from './support/stored-log.ts'

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

const alerts = async (...args: string[]) => await alertsCommand(s.stack.manifest.databaseUrl, ...args)
const voided = async (id: string) => await alerts('void', id, '--why', 'looked at the block explorer')
const verb = async (id: string) =>
  (
    await s.client.sql<{ result: { voided: boolean; reason: string } }>(
      `select ledger.void_withdrawal($1, 'test') as result`,
      [id],
    )
  )[0]?.result
/** All that a refusal must leave as it was. */
const stateOf = async (row: SignedRow) =>
  JSON.stringify([
    await s.client.sql('select * from withdrawals where id = $1', [row.id]),
    await s.client.sql('select * from balances where account = $1', [row.account]),
    await s.client.sql('select * from transfers order by id'),
    await s.client.sql('select * from alerts order by id'),
    await s.client.sql('select * from chain_logs order by tx_hash'),
  ])

/** The vault pays something else under the row's nonce: a signature that the ledger knows nothing of. */
async function nonceTaken(row: SignedRow): Promise<void> {
  const wei = row.wei + 1n
  const signature = await s.authorize(row.wallet.address, row.contract, wei, row.nonce, row.deadline)
  await s.paid({ ...row, wei, signature })
}

/** A log of the vault with any fields, as settle would have stored it. */
async function storedLog(row: SignedRow, change: Record<string, unknown> = {}): Promise<void> {
  const log = { account: row.account, vault: s.vault, wei: row.wei + 1n, nonce: row.nonce, status: 'quarantined', event: 'withdrawal' as const, ...change } // prettier-ignore
  const data = withdrawalData(log.wei, log.nonce)
  const { chainId } = s.stack.manifest
  await storeLog(s.client.sql, { ...log, chainId, contract: row.contract, data, reason: 'test' })
}
const counterPast = async (row: SignedRow) =>
  await s.client.sql('update withdrawal_nonces set next_on_chain = $2 where account = $1', [
    row.account,
    row.nonce + 1,
  ])

describe('a withdrawal whose nonce another payment used', () => {
  test('is given back by the owner’s command once, with the proof and the reason on the movement, and is never paid', async () => {
    const row = await s.signed(await s.account())
    const early = await voided(row.id)
    expect([early.code, early.error]).toEqual([
      1,
      'not voided: no final event is known that used nonce 0 of the account: the signature may still be paid\n',
    ])
    await nonceTaken(row)
    await s.finalize()
    expect(await s.run()).toMatchObject({ quarantined: 1 })
    expect([await s.status(row.id), await s.balance(row.account)]).toEqual(['signed', '90+10'])

    const done = await voided(row.id)
    expect([done.code, done.out]).toEqual([0, `10 DF are available to ${row.account} again\n`])
    expect([await s.status(row.id), await s.balance(row.account)]).toEqual(['expired', '100'])
    const [movement] = await s.client.sql<{ reference: object }>(
      `select reference from transfers where kind = 'withdraw_expire' and reference ->> 'withdrawal_id' = $1`,
      [row.id],
    )
    expect(movement?.reference).toMatchObject({
      nonce_used_by: expect.stringMatching(/^0x[0-9a-f]{64}$/),
      log_index: expect.any(Number),
      voided: 'looked at the block explorer',
    })
    const again = await voided(row.id)
    expect([again.code, again.error]).toEqual([
      1,
      'not voided: the withdrawal is expired: nothing is frozen for a signature\n',
    ])
    await expect(s.paid(row)).rejects.toThrow()
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 0, confirmed: 0 })
    expect(await s.balance(row.account)).toBe('100')
  })

  test('is told as nonce_used once its event was dealt with, not as missing for ever, and voiding closes the alert', async () => {
    const row = await s.signed(await s.account())
    await nonceTaken(row)
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    await s.run()
    await s.client.sql(`update chain_logs set status = 'resolved' where status = 'quarantined'`)
    await s.client.sql('update alerts set resolved_at = now() where resolved_at is null')
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 0, alerts: 1 })
    expect([await s.status(row.id), await s.alerts()]).toEqual(['signed', ['nonce_used']])
    expect(await s.client.sql('select rescan_from from chain_cursors')).toEqual([{ rescan_from: null }])
    expect(await verb(row.id)).toMatchObject({ voided: true })
    expect([await s.balance(row.account), await s.alerts()]).toEqual(['100', []])
    expect(await s.run()).toMatchObject({ alerts: 0 })
  })

  test('is given back once by two people at once, and once beside a run of settle', async () => {
    const row = await s.signed(await s.account())
    await nonceTaken(row)
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    await s.run()
    const results = await Promise.all([verb(row.id), s.run(), verb(row.id)])
    expect([results[0], results[2]].filter((result) => result?.voided)).toHaveLength(1)
    expect(await s.balance(row.account)).toBe('100')
  })
})

describe('nothing is voided, and nothing changed, where the ledger has no proof', () => {
  const cases: [string, (row: SignedRow) => Promise<void>, string][] = [
    ['no event at all', async (row) => void (await counterPast(row)), 'no final event is known'],
    ['an event of another nonce', async (row) => await storedLog(row, { nonce: row.nonce + 1 }), 'no final event is known'], // prettier-ignore
    ['an event of another vault', async (row) => await storedLog(row, { vault: `0x${'77'.repeat(20)}` }), 'no final event is known'], // prettier-ignore
    ['an event of another account', async (row) => await storedLog(row, { account: `0x${'66'.repeat(20)}` }), 'no final event is known'], // prettier-ignore
    ['a deposit that looks alike', async (row) => await storedLog(row, { event: 'deposit' }), 'no final event is known'], // prettier-ignore
    ['its own payment, in quarantine', async (row) => await storedLog(row, { wei: row.wei }), 'has paid exactly this withdrawal'], // prettier-ignore
    ['an event that is not settled yet', async (row) => await storedLog(row, { status: 'pending' }), 'waiting to be settled'], // prettier-ignore
  ]
  test.each(cases)('%s', async (_what, arrange, reason) => {
    const row = await s.signed(await s.account())
    await counterPast(row)
    await arrange(row)
    const before = await stateOf(row)
    expect(await verb(row.id)).toEqual({ voided: false, reason: expect.stringContaining(reason) })
    expect(await stateOf(row)).toBe(before)
    await forgetForged(s.client.sql, 'test')
  })

  test('an event whose nonce the counter is not past', async () => {
    const row = await s.signed(await s.account())
    await storedLog(row)
    expect(await verb(row.id)).toMatchObject({ voided: false })
    expect(await s.balance(row.account)).toBe('90+10')
    await forgetForged(s.client.sql, 'test')
  })

  test('a reservation, a confirmed withdrawal, an id of nobody, and a call without a reason', async () => {
    const [holder, other] = [await s.account(), await s.account()]
    const reservation = await s.reserved(holder.id)
    const paid = await s.signed(other)
    await s.paid(paid)
    await s.finalize()
    await s.run()
    expect(await verb(reservation.id)).toMatchObject({
      voided: false,
      reason: expect.stringContaining('reserved'),
    })
    expect(await verb(paid.id)).toMatchObject({ voided: false, reason: expect.stringContaining('confirmed') })
    expect(await verb('00000000-0000-7000-8000-000000000000')).toMatchObject({
      voided: false,
      reason: 'there is no such withdrawal',
    })
    const silent = await alerts('void', paid.id)
    expect([silent.code, silent.error]).toEqual([2, expect.stringContaining('usage:')])
    expect([await s.balance(holder.id), await s.balance(other.id)]).toEqual(['90+10', '90'])
  })

  test('whoever is not the owner: no login of a function may void', async () => {
    const logins = await s.client.sql<{ name: string }>(
      `select rolname as name from pg_roles where rolname like 'tidegate_%'
         and has_function_privilege(rolname, 'ledger.void_withdrawal(uuid, text)', 'execute')`,
    )
    expect(logins).toEqual([])
  })
})

describe('a withdrawal whose nonce was used before this ledger read the vault', () => {
  const accept = async (row: SignedRow, counter: number) =>
    await s.client.sql(`select ledger.accept_counter($1, $2, $3, $4, 'another system’s')`, [
      row.account,
      s.stack.manifest.chainId,
      s.vault,
      counter,
    ])

  const isKept = async (row: SignedRow) => {
    const before = await stateOf(row)
    expect(await verb(row.id)).toMatchObject({ voided: false })
    expect(await stateOf(row)).toBe(before)
  }
  const overdue = async (row: SignedRow) => {
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    await s.run()
    expect(await s.balance(row.account)).toBe('90+10')
  }

  test('is given back once a person has accepted the counter past it and its deadline is over, and not before', async () => {
    const row = await s.signed(await s.account())
    await accept(row, row.nonce + 1)
    // Until then the signature can still be paid, if that person is wrong.
    await isKept(row)
    await overdue(row)
    expect(await voided(row.id)).toMatchObject({
      code: 0,
      out: `10 DF are available to ${row.account} again\n`,
    })
    expect([await s.status(row.id), await s.balance(row.account)]).toEqual(['expired', '100'])
    expect(await verb(row.id)).toMatchObject({ voided: false })
    expect(await s.balance(row.account)).toBe('100')
  })

  test('is not given back on a word about the nonces below its own', async () => {
    const row = await s.signed(await s.account())
    await accept(row, row.nonce)
    await counterPast(row)
    await overdue(row)
    await isKept(row)
    await accept(row, row.nonce + 1)
    expect(await verb(row.id)).toMatchObject({ voided: true })
  })

  test('is not given back for what was accepted before it was signed', async () => {
    const row = await s.signed(await s.account())
    await accept(row, row.nonce + 1)
    await s.client.sql(`update counter_doubts set cleared_at = cleared_at - interval '1 hour' where account = $1`, [row.account]) // prettier-ignore
    await overdue(row)
    await isKept(row)
    await accept(row, row.nonce + 1)
    expect(await verb(row.id)).toMatchObject({ voided: true })
  })
})
