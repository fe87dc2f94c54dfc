import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { credit } from '../db/ledger/credit.ts'
import { expire } from '../db/ledger/expire.ts'
import { recordLogs, startCursor, type RawLog } from '../db/ledger/record-logs.ts'
import { reserve } from '../db/ledger/reserve.ts'
import { checkSolvency } from '../db/ledger/solvency.ts'
import { storeSignature } from '../db/ledger/store-signature.ts'
import {
  CHAIN_ID,
  ledgerStage,
  listenTo,
  newCast,
  TOKENS,
  VAULT,
  type LedgerStage,
} from './support/ledger-stage.ts'

const key = { chainId: CHAIN_ID, vault: VAULT }
const { symbol: token } = TOKENS[0]!
const time = Math.floor(Date.now() / 1000)
const block = (number: number) => ({
  number,
  hash: `0x${String(number).padStart(64, '0')}`,
  timestamp: time + 900,
})
let stage: LedgerStage
let account: string

beforeAll(async () => {
  stage = await ledgerStage(inject('stack'))
  await startCursor(stage.settle, key, block(1))
})
beforeEach(async () => {
  account = `0x${randomBytes(20).toString('hex')}`
  await listenTo(stage.owner, [account])
  const unkeyed = { idempotency: undefined, requestId: 'test', reason: undefined }
  await credit(stage.admin, { account, token, amount: '20', ...unkeyed })
})
afterAll(async () => {
  try {
    expect(await stage.violations()).toEqual([])
  } finally {
    await stage.stop()
  }
})

async function signed(amount: string): Promise<string> {
  const place = { ...key, account, recipient: account, ttlSeconds: 600 }
  const result = await reserve(stage.withdrawals, { ...place, token, amount, idempotency: undefined })
  if (result.outcome !== 'reserved') throw new Error(result.outcome)
  await storeSignature(stage.withdrawals, result.reservation.id, `0x${'11'.repeat(65)}`, 0)
  return result.reservation.id
}
const balance = async () => {
  const { rows } = await stage.owner.query(
    `select trim_scale(available)::text as available, trim_scale(frozen)::text as frozen, version::int from balances where account = $1`,
    [account],
  )
  return rows[0] as unknown
}
const movements = async () =>
  Number((await stage.owner.query('select count(*) as n from transfers')).rows.map((row) => (row as { n: string }).n)[0]) // prettier-ignore

describe('a withdrawal whose id is in the proof', () => {
  test('twice is given back once, with one movement', async () => {
    const [first, second] = [await signed('3'), await signed('4')]
    const before = await movements()
    const proof = [first, second, first, second, first].map((id) => ({ id, nextNonce: '0' }))
    const result = await expire(stage.settle, key, block(1), proof)
    expect(result).toMatchObject({ expired: 2, unproved: [] })
    expect(result.pushes).toHaveLength(2)
    expect(await balance()).toEqual({ available: '20', frozen: '0', version: 5 })
    expect(await movements()).toBe(before + 2)
    expect(await expire(stage.settle, key, block(1), proof)).toMatchObject({ expired: 0 })
    expect(await balance()).toMatchObject({ available: '20', version: 5 })
  })

  test('twice with different counters is given back on neither: one of them says that it may have been paid', async () => {
    const id = await signed('3')
    for (const order of [
      ['0', '1'],
      ['1', '0'],
    ])
      // prettier-ignore
      expect(
        await expire(stage.settle, key, block(1), order.map((nextNonce) => ({ id, nextNonce }))), // prettier-ignore
      ).toMatchObject({ expired: 0, unproved: [id] })
    expect(await balance()).toEqual({ available: '17', frozen: '3', version: 2 })
    await expire(stage.settle, key, block(1), [{ id, nextNonce: '0' }])
  })
})

test('a token whose holding is told twice is owed once, and of two holdings the lower one counts', async () => {
  const { rows } = await stage.owner.query(
    `select trunc(sum(available + frozen) * 1e18)::text as owed from balances where token = $1 and wallet = 'spot'`,
    [token],
  )
  const { owed } = rows[0] as { owed: string }
  const held = { token, in_wei: owed }
  expect(await checkSolvency(stage.settle, key, 1, [held, held, held], true)).toEqual({ breaches: [] })
  const less = { token, in_wei: String(BigInt(owed) - 1n) }
  for (const holdings of [
    [held, less],
    [less, held],
  ])
    // prettier-ignore
    expect(await checkSolvency(stage.settle, key, 1, holdings, false)).toEqual({ breaches: [token] })
  const checks = await stage.owner.query('select owed_in_wei::text as owed from solvency_checks')
  expect(checks.rows).toEqual([{ owed }])
})

test('a chain that changed below its final block pauses signing, and nothing of its logs is stored', async () => {
  const log: RawLog = { tx_hash: '0x1', log_index: 0, block_number: 2, block_hash: '0x2', block_timestamp: 1, topics: ['0x3'], data: '0x' } // prettier-ignore
  const paused = async () =>
    (await stage.owner.query(`select engaged, reason from switches where name = 'withdrawals_paused'`)).rows as unknown[] // prettier-ignore
  expect(await recordLogs(stage.settle, key, 1, `0x${'ff'.repeat(32)}`, block(2), [log])).toMatchObject({
    outcome: 'hash_break',
    stored: 0,
  })
  expect(await paused()).toEqual([
    { engaged: true, reason: 'settle: the chain changed below its final block 1' },
  ])
  await expect(signed('1')).rejects.toThrow('withdrawals_paused')
  await stage.owner.query(`select ledger.resume_withdrawals('test')`)
  expect(await balance()).toEqual({ available: '20', frozen: '0', version: 1 })
})

test('a login that leaked moves nothing between wallets that are nobody’s', async () => {
  const [main, sub] = await newCast(stage.owner)
  const before = await movements()
  for (const wallet of ['system', 'vault', '', null])
    await expect(
      stage.owner.query('select ledger.transfer_in_family($1, null, $2, $3, $4, 5, null, $5, $6)', [
        ...[main, sub, wallet, token, randomBytes(32), (time + 60) * 1000],
      ]),
      String(wallet),
    ).rejects.toMatchObject({ code: '22023' })
  expect(await movements()).toBe(before)
})
