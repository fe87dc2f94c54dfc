import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, beforeEach, describe, expect, inject, test } from 'vitest'
import { credit } from '../db/ledger/credit.ts'
import { giveBack, type GiveBackReason } from '../db/ledger/give-back.ts'
import { reserve } from '../db/ledger/reserve.ts'
import { GIVE_BACK_REASONS } from '../db/schema.ts'
import { WITHDRAW_TTL_SECONDS_MAX } from '../functions/_lib/limits.ts'
import { CHAIN_ID, ledgerStage, TOKENS, VAULT, type LedgerStage } from './support/ledger-stage.ts'

const { symbol: token } = TOKENS[0]!
let stage: LedgerStage
let account: string

beforeAll(async () => {
  stage = await ledgerStage(inject('stack'))
})
beforeEach(async () => {
  account = `0x${randomBytes(20).toString('hex')}`
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

const ask = async (ttlSeconds: number) => {
  const place = { chainId: CHAIN_ID, vault: VAULT, account, recipient: account }
  const idempotency = { key: randomBytes(8).toString('hex'), requestHash: randomBytes(32).toString('hex') }
  const result = await reserve(stage.withdrawals, { ...place, token, amount: '10', ttlSeconds, idempotency })
  if (result.outcome !== 'reserved') throw new Error(result.outcome)
  return result.reservation
}
const rows = async () =>
  (await stage.owner.query(
    `select w.status, w.given_back_reason, trim_scale(b.frozen)::text as frozen from balances b left join withdrawals w using (account, token)
     where b.account = $1 and b.wallet = 'spot'`,
    [account],
  )).rows as unknown[] // prettier-ignore
const untouched = [{ status: null, given_back_reason: null, frozen: '0' }]

describe('a login that reserves without the edge’s own checks', () => {
  test.each([0, -1, -86_400, WITHDRAW_TTL_SECONDS_MAX + 1, 2_147_483_647, null as never])(
    'freezes nothing for %s seconds',
    async (ttl) => {
      await expect(ask(ttl)).rejects.toMatchObject({ sqlstate: '22023', outcome: 'rolled_back' })
      expect(await rows()).toEqual(untouched)
      const keys = await stage.owner.query('select from idempotency_keys where account = $1', [account])
      expect(keys.rowCount).toBe(0)
    },
  )

  test.each([1, WITHDRAW_TTL_SECONDS_MAX])('freezes for %s seconds from now', async (ttl) => {
    const before = Math.floor(Date.now() / 1000)
    const { deadline } = await ask(ttl)
    expect(deadline - ttl).toBeGreaterThanOrEqual(before - 1)
    expect(deadline - ttl).toBeLessThanOrEqual(Date.now() / 1000 + 1)
    expect(await rows()).toEqual([{ status: 'reserved', given_back_reason: null, frozen: '10' }])
  })
})

describe('why a reservation was given back', () => {
  test.each([...GIVE_BACK_REASONS])('is one of the list: %s', async (reason) => {
    const { id } = await ask(60)
    expect(await giveBack(stage.withdrawals, id, reason)).toMatchObject({ released: true })
    expect(await rows()).toEqual([{ status: 'released', given_back_reason: reason, frozen: '0' }])
  })

  test.each([
    ['an empty text', ''],
    ['a word of somebody’s own', 'because'],
    ['one of the list in capitals', 'PAUSED'],
    ['the reason of a voided one', 'nonce_used'],
    ['nothing', null],
    ['a text of 100,000 letters', 'x'.repeat(100_000)],
  ])('is not %s: nothing is given back and the row stays as it is', async (_what, reason) => {
    const { id } = await ask(60)
    await expect(giveBack(stage.withdrawals, id, reason as GiveBackReason)).rejects.toMatchObject({
      sqlstate: '23514',
      outcome: 'rolled_back',
    })
    expect(await rows()).toEqual([{ status: 'reserved', given_back_reason: null, frozen: '10' }])
  })

  test('is not said of a row that was not given back', async () => {
    const { id } = await ask(60)
    for (const reason of ['paused', 'nonce_used'])
      await expect(
        stage.owner.query('update withdrawals set given_back_reason = $2 where id = $1', [id, reason]),
      ).rejects.toMatchObject({ code: '23514' })
  })
})
