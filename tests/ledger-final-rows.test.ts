import { randomBytes } from 'node:crypto'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { expire } from '../db/ledger/expire.ts'
import { startCursor } from '../db/ledger/record-logs.ts'
import { giveBack } from '../db/ledger/give-back.ts'
import { reserve } from '../db/ledger/reserve.ts'
import { settleEvents } from '../db/ledger/settle-events.ts'
import { storeSignature } from '../db/ledger/store-signature.ts'
import { credit } from '../db/ledger/credit.ts'
import { CHAIN_ID, ledgerStage, TOKENS, VAULT, type LedgerStage } from './support/ledger-stage.ts'
import { depositData, storeLog, withdrawalData } from './support/stored-log.ts'

const key = { chainId: CHAIN_ID, vault: VAULT }
const account = `0x${randomBytes(20).toString('hex')}`
const { symbol: token, contract } = TOKENS[0]!
/** Withdrawals of the account by the state they are in. */
const ids = { confirmed: '', expired: '', released: '', signed: '', reserved: '' }
let stage: LedgerStage
let sql: (text: string, values?: unknown[]) => Promise<unknown[]>

beforeAll(async () => {
  stage = await ledgerStage(inject('stack'))
  sql = async (text, values = []) => (await stage.owner.query(text, values)).rows as unknown[]
  const unkeyed = { idempotency: undefined, requestId: 'test', reason: undefined }
  await credit(stage.admin, { account, token, amount: '20', ...unkeyed })
  ids.confirmed = await signed(600)
  const log = { ...key, account, contract }
  await storeLog(sql, { ...log, event: 'withdrawal', data: withdrawalData(10n ** 18n, 0) })
  await storeLog(sql, { ...log, event: 'deposit', data: depositData(5n) })
  const unknown = `0x${'98'.repeat(20)}`
  await storeLog(sql, { ...log, event: 'deposit', data: depositData(6n), contract: unknown })
  await settleEvents(stage.settle, key, 100)
  ids.expired = await signed(1)
  const at = { number: 9, hash: `0x${'09'.repeat(32)}`, timestamp: Math.floor(Date.now() / 1000) + 300 }
  await startCursor(stage.settle, key, at)
  await expire(stage.settle, key, at, [{ id: ids.expired, nextNonce: '1' }])
  ids.released = await reserved(600)
  await giveBack(stage.withdrawals, ids.released, 'sign_failed')
  ids.signed = await signed(600)
  ids.reserved = await reserved(600)
  const states = await sql('select status from withdrawals order by id')
  expect(states).toEqual(Object.keys(ids).map((status) => ({ status })))
})
afterAll(async () => await stage.stop())

async function reserved(ttlSeconds: number): Promise<string> {
  const idempotency = { key: randomBytes(8).toString('hex'), requestHash: randomBytes(32).toString('hex') }
  const place = { ...key, account, recipient: account }
  const result = await reserve(stage.withdrawals, { ...place, token, amount: '1', ttlSeconds, idempotency })
  if (result.outcome !== 'reserved') throw new Error(result.outcome)
  return result.reservation.id
}
async function signed(ttlSeconds: number): Promise<string> {
  const id = await reserved(ttlSeconds)
  const [proved] = await sql('select next_on_chain::int as next from withdrawal_nonces')
  const counter = (proved as { next: number }).next
  await storeSignature(stage.withdrawals, id, `0x${'11'.repeat(65)}`, counter)
  return id
}
const everything = async () =>
  JSON.stringify(
    await Promise.all(
      ['withdrawals', 'deposits', 'chain_logs', 'idempotency_keys', 'balances', 'transfers'].map(
        async (table) => await sql(`select * from ${table} order by 1, 2, 3`),
      ),
    ),
  )
/** Each of these is refused, to the owner too, and has changed nothing. */
async function refused(statements: string[]): Promise<void> {
  const before = await everything()
  for (const statement of statements)
    await expect(sql(statement), statement).rejects.toMatchObject({ code: 'TG099' })
  expect(await everything()).toBe(before)
}

describe('a withdrawal that has come to its end', () => {
  test.each(['confirmed', 'expired', 'released'] as const)(
    '%s: nobody changes or deletes it, not even the owner of the database',
    async (state) => {
      const where = `where id = '${ids[state]}' and status = '${state}'`
      const others = ['reserved', 'signed', 'confirmed', 'expired', 'released'].filter((one) => one !== state)
      await refused([
        ...others.map((other) => `update withdrawals set status = '${other}' ${where}`),
        `update withdrawals set signature = null ${where}`,
        `update withdrawals set signature = '0x' || repeat('22', 65), status = 'signed' ${where}`,
        `update withdrawals set amount = amount + 1 ${where}`,
        `update withdrawals set tx_hash = 'x', given_back_reason = 'x', closed_at = null ${where}`,
        `update withdrawals set id = gen_random_uuid() ${where}`,
        `delete from withdrawals ${where}`,
      ])
    },
  )

  test('signed or reserved: what was asked and signed stays, and no state is skipped or taken back', async () => {
    const signed = `where id = '${ids.signed}'`
    const reserved = `where id = '${ids.reserved}'`
    await refused([
      `update withdrawals set deadline = deadline - 1 ${signed}`,
      `update withdrawals set signature = '0x' || repeat('22', 65) ${signed}`,
      `update withdrawals set status = 'reserved', signature = null ${signed}`,
      `update withdrawals set status = 'released', signature = null ${signed}`,
      ...[signed, reserved].flatMap((where) => [
        `update withdrawals set amount_in_wei = amount_in_wei + 1 ${where}`,
        `update withdrawals set account = '0x' || repeat('77', 20) ${where}`,
        `update withdrawals set nonce = nonce + 1 ${where}`,
        `update withdrawals set vault = '0x' || repeat('77', 20) ${where}`,
        `delete from withdrawals ${where}`,
      ]),
      `update withdrawals set status = 'expired', signature = '0x' || repeat('22', 65) ${reserved}`,
    ])
  })
})

test('what the chain said and what was made of it is neither changed nor deleted, and no ledger table is emptied', async () => {
  const mine = `where account = '${account}'`
  const number = `(select account_no from ledger.accounts where address = '${account}')`
  const keys = `where withdrawal_id in (select id from withdrawals ${mine} and signature is not null)`
  expect(await sql(`select status from deposits ${mine} order by status`)).toHaveLength(2)
  expect(await sql(`select from ledger.idempotency_keys ${keys}`)).toHaveLength(3)
  await refused([
    ...['topics = topics[1:1]', `data = '0x'`, `vault = '0x'`, 'ordinal = 1', `account = 'x'`, `status = 'pending'`, `status = 'quarantined', reason = 'x'`] // prettier-ignore
      .map((change) => `update chain_logs set ${change} ${mine}`),
    `delete from chain_logs ${mine}`,
    `update deposits set status = 'unsupported', transfer_id = null ${mine} and status = 'credited'`,
    `update deposits set amount = 7 ${mine} and status = 'credited'`,
    `update deposits set amount_in_wei = 7 ${mine} and status = 'unsupported'`,
    `update deposits set ordinal = 7 ${mine} and status = 'unsupported'`,
    `delete from deposits ${mine}`,
    `update ledger.idempotency_keys set request_hash = gen_random_uuid() ${keys}`,
    `update ledger.idempotency_keys set withdrawal_id = null ${keys}`,
    `delete from ledger.idempotency_keys ${keys}`,
    `delete from ledger.balances where account_no = ${number}`,
    `update ledger.accounts set address = '0x' || repeat('77', 20) where account_no = ${number}`,
    `delete from ledger.accounts where account_no = ${number}`,
    `update ledger.movements set amount = 1 where from_no = ${number}`,
    `delete from ledger.movements where from_no = ${number}`,
    ...['withdrawals', 'deposits', 'chain_logs', 'debts', 'ledger.idempotency_keys', 'ledger.balances', 'ledger.accounts', 'ledger.movements', 'subaccounts', 'agent_wallets', 'api_keys', 'tokens'] // prettier-ignore
      .map((table) => `truncate ${table} cascade`),
  ])
})
