/** What the ledger itself asks of a proof that a signed withdrawal was not paid, whatever settle says: each condition alone. */
import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import { credit } from '../db/ledger/credit.ts'
import { expire } from '../db/ledger/expire.ts'
import { startCursor } from '../db/ledger/record-logs.ts'
import { reserve, type Reservation } from '../db/ledger/reserve.ts'
import { storeSignature } from '../db/ledger/store-signature.ts'
import { CHAIN_ID, ledgerStage, TOKENS, VAULT, type LedgerStage } from './support/ledger-stage.ts'

const key = { chainId: CHAIN_ID, vault: VAULT }
const token = TOKENS[0]!.symbol
const HASH = `0x${'0a'.repeat(32)}`
let stage: LedgerStage

beforeAll(async () => {
  stage = await ledgerStage(inject('stack'))
  await startCursor(stage.settle, key, { number: 1, hash: `0x${'01'.repeat(32)}`, timestamp: 1 })
})
afterAll(async () => {
  try {
    expect(await stage.violations()).toEqual([])
  } finally {
    await stage.stop()
  }
})

async function signed(): Promise<Reservation> {
  const account = `0x${randomBytes(20).toString('hex')}`
  await credit(stage.admin, {
    ...{ account, token, amount: '5', idempotency: undefined, requestId: 'test', reason: undefined },
  })
  const request = { account, recipient: account, token, amount: '2', ttlSeconds: 600, idempotency: undefined }
  const { reservation } = (await reserve(stage.withdrawals, { ...key, ...request })) as {
    reservation: Reservation
  }
  await storeSignature(stage.withdrawals, reservation.id, `0x${'11'.repeat(65)}`, 0)
  return reservation
}
/** Up to where the vault's logs were read. */
const readTo = async (number: number, hash: string, timestamp: number) =>
  await stage.owner.query(
    'update chain_cursors set block_number = $1, block_hash = $2, block_timestamp = $3',
    [number, hash, timestamp],
  )
const stateOf = async ({ id, account }: Reservation) => {
  const { rows } = await stage.owner.query(
    `select w.status, trim_scale(b.available)::text as available, trim_scale(b.frozen)::text as frozen
     from withdrawals w join spot_balances b on b.account = w.account and b.token = w.token where w.id = $1 and w.account = $2`,
    [id, account],
  )
  return rows as unknown[]
}
const FROZEN = [{ status: 'signed', available: '3', frozen: '2' }]

test('nothing expires before the chain’s clock is past the deadline, nor on a block up to which not all was read', async () => {
  const row = await signed()
  const [proof, late] = [[{ id: row.id, nextNonce: '0' }], row.deadline + 1]
  const block = { number: 10, hash: HASH, timestamp: late }
  await readTo(10, HASH, late)
  expect(await expire(stage.settle, key, { ...block, timestamp: row.deadline }, proof)).toMatchObject({
    expired: 0,
  })
  for (const [number, hash, timestamp] of [
    [9, HASH, late],
    [10, `0x${'0b'.repeat(32)}`, late],
    [11, HASH, late - 1],
  ] as const) {
    await readTo(number, hash, timestamp)
    expect(await expire(stage.settle, key, block, proof)).toMatchObject({ expired: 0, unproved: [] })
  }
  expect(await stateOf(row)).toEqual(FROZEN)
  await readTo(10, HASH, late)
  expect(await expire(stage.settle, key, block, proof)).toMatchObject({ expired: 1, unproved: [] })
  expect(await stateOf(row)).toEqual([{ status: 'expired', available: '5', frozen: '0' }])
})

test('nothing expires whose slot the vault has used: it is unproved, and its funds stay frozen', async () => {
  const row = await signed()
  const block = { number: 10, hash: HASH, timestamp: row.deadline + 1 }
  await readTo(10, HASH, row.deadline + 1)
  const used = [{ id: row.id, nextNonce: '1' }]
  expect(await expire(stage.settle, key, block, used)).toMatchObject({ expired: 0, unproved: [row.id] })
  // Told twice, the reading that says more was used counts.
  const both = [...used, { id: row.id, nextNonce: '0' }]
  expect(await expire(stage.settle, key, block, both)).toMatchObject({ expired: 0, unproved: [row.id] })
  expect(await stateOf(row)).toEqual(FROZEN)
})
