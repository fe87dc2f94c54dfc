/** Reservations that settle must leave as they are for a while, and what comes behind them. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { credit } from '../db/ledger/credit.ts'
import { endReservations, staleReservations } from '../db/ledger/stale-reservations.ts'
import { reserve } from '../db/ledger/reserve.ts'
import { invariants } from '../scripts/stack/invariants.ts'
import { CHAIN_ID, ledgerStage, TOKENS, VAULT, type LedgerStage } from './support/ledger-stage.ts'
import { withoutTriggers } from './support/without-triggers.ts'

const { symbol: token } = TOKENS[0]!
let stage: LedgerStage
beforeAll(async () => (stage = await ledgerStage(inject('stack'))))
afterAll(async () => {
  try {
    expect(await stage.violations()).toEqual([])
  } finally {
    await stage.stop()
  }
})

const sql = async (text: string, values: unknown[] = []) =>
  (await stage.owner.query<Record<string, unknown>>(text, values)).rows

/** An account of its own with a reservation that nobody ended. */
async function reserved(key?: string): Promise<string> {
  const account = `0x${randomBytes(20).toString('hex')}`
  await credit(stage.admin, {
    ...{ account, token, amount: '5', reason: undefined, requestId: 'test', idempotency: undefined },
  })
  const result = await reserve(stage.withdrawals, {
    ...{ account, recipient: account, token, amount: '2', ttlSeconds: 600, chainId: CHAIN_ID, vault: VAULT },
    idempotency: key === undefined ? undefined : { key, requestHash: 'ab'.repeat(32) },
  })
  return (result as { reservation: { id: string } }).reservation.id
}
const statusOf = async (id: string) =>
  (await sql('select status from withdrawals where id = $1', [id]))[0]?.status

test('those that wait hold up no newer one, however few are looked at together, and are ended when they may be', async () => {
  const waiting = [await reserved(), await reserved(), await reserved()]
  const dead = await reserved()
  const kept = Object.fromEntries(waiting.map((id) => [id, `0x${'11'.repeat(65)}`]))
  const round = async () =>
    await endReservations(stage.settle, await staleReservations(stage.settle, 0, 2), kept)
  await sql(`select ledger.pause_withdrawals('a test')`)
  // Two of the three, then the third and the dead one.
  expect([await round(), await round()]).toMatchObject([{ released: 0 }, { released: 1 }])
  expect([await statusOf(dead), ...(await Promise.all(waiting.map(statusOf)))]).toEqual([
    'released',
    ...['reserved', 'reserved', 'reserved'],
  ])
  // And in turn: none of them is looked at twice before each was once.
  const [first] = await staleReservations(stage.settle, 0, 1)
  expect(waiting.slice(0, 2)).toContain(first)
  await sql(`select ledger.resume_withdrawals('over')`)
  expect([await round(), await round()].map(({ signed }) => signed.length)).toEqual([2, 1])
  expect(await Promise.all(waiting.map(statusOf))).toEqual(['signed', 'signed', 'signed'])
})

test('a withdrawal’s key that is gone, or is there although its funds went back, is found by an invariant', async () => {
  const [lost, back] = [await reserved('lost'), await reserved('back')]
  const find = invariants().find(({ name }) => name.includes('asked with a key'))!.query
  expect(await sql(find)).toEqual([])
  const keyOf = 'ledger.idempotency_keys where withdrawal_id'
  await sql(`create table kept_keys as select * from ${keyOf} in ('${lost}', '${back}')`)
  const spoilt = async (text: string) => await withoutTriggers(sql, text)
  await spoilt(`delete from ${keyOf} = '${lost}'`)
  expect(await sql(find)).toEqual([{ id: lost }])
  await spoilt(`insert into ledger.idempotency_keys select * from kept_keys where withdrawal_id = '${lost}'`)
  await spoilt(
    `update ledger.idempotency_keys set key_id = gen_random_uuid() where withdrawal_id = '${lost}'`,
  )
  expect(await sql(find)).toEqual([{ id: lost }])
  await spoilt(`update ledger.idempotency_keys i set key_id = k.key_id from kept_keys k where k.withdrawal_id = i.withdrawal_id and i.withdrawal_id = '${lost}'`) // prettier-ignore
  expect(await endReservations(stage.settle, [back], {})).toMatchObject({ released: 1 })
  expect(await sql(find)).toEqual([])
  await spoilt(`insert into ledger.idempotency_keys select * from kept_keys where withdrawal_id = '${back}'`)
  expect(await sql(find)).toEqual([{ id: back }])
  await spoilt(`delete from ${keyOf} = '${back}'`)
})
