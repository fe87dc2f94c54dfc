/** `npm run alerts -- book`: what the vault paid without a signature of the ledger is taken from who was paid. */
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { alertsCommand } from './support/alerts-command.ts'
import { settleStage, type SettleStage, type SignedRow } from './support/settle.ts'

const DF = 10n ** 18n
let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
  await s.calm()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

const alerts = async (...words: string[]) =>
  await alertsCommand(s.stack.manifest.databaseUrl, ...words, '--why', 'looked at the block explorer')
/** Another system has the signer's key: it pays so much under the row's nonce, and the ledger quarantines it. */
async function paidByOthers(row: SignedRow, wei: bigint): Promise<string> {
  const signature = await s.authorize(row.wallet.address, row.contract, wei, row.nonce, row.deadline)
  await s.paid({ ...row, wei, signature })
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 1 })
  const [log] = await s.client.sql<{ tx_hash: string }>(
    `select tx_hash from chain_logs where status = 'quarantined' and account = $1`,
    [row.account],
  )
  return log!.tx_hash
}
const debtsOf = async (account: string) =>
  await s.client.sql<{ id: string; amount: string; settled_at: Date | null }>(
    'select id, trim_scale(amount)::text as amount, settled_at from debts where account = $1',
    [account],
  )

test('is refused while a withdrawal is signed with its nonce, then takes the payment once from what is available', async () => {
  const row = await s.signed(await s.account())
  const hash = await paidByOthers(row, 25n * DF)
  expect(await alerts('book', hash)).toEqual({
    ...{ code: 1, out: '' },
    error: `not booked: the withdrawal ${row.id} is signed with the nonce that this payment used: void it first\n`,
  })
  expect(await s.balance(row.account)).toBe('90+10')
  expect((await alerts('void', row.id)).code).toBe(0)
  expect(await alerts('book', hash)).toEqual({ code: 0, out: `taken from ${row.account}\n`, error: '' })
  expect([await s.balance(row.account), await debtsOf(row.account)]).toEqual(['75', []])
  expect(await alerts('book', hash)).toMatchObject({ code: 1, error: 'there is no such quarantined log\n' })
  expect(await s.balance(row.account)).toBe('75')
  await s.run()
  expect(await s.alerts()).toEqual(['withdrawals_paused'])
})

test('makes a debt of what the account no longer has, which stays an alert until it is made good', async () => {
  const row = await s.signed(await s.account('15'))
  const hash = await paidByOthers(row, 40n * DF)
  await alerts('void', row.id)
  const { out } = await alerts('book', hash)
  expect(out).toBe(`what ${row.account} had left is taken; 25 DF are a debt\n`)
  const [debt] = await debtsOf(row.account)
  expect([await s.balance(row.account), debt]).toEqual([
    '0',
    { id: debt!.id, amount: '25', settled_at: null },
  ])
  await s.run()
  expect(await s.alerts()).toContain('debts')
  expect((await alerts('settle-debt', String(debt!.id))).code).toBe(0)
  await s.run()
  expect(await s.alerts()).not.toContain('debts')
})

test('refuses a log that is no such payment, and changes nothing', async () => {
  const row = await s.signed(await s.account())
  const hash = await paidByOthers(row, 25n * DF)
  await s.client.sql(`update chain_logs set reason = 'paid_twice' where tx_hash = $1`, [hash])
  expect(await alerts('book', hash)).toMatchObject({
    code: 1,
    error: expect.stringContaining('paid_twice') as string,
  })
  expect(await s.balance(row.account)).toBe('90+10')
  await s.client.sql(`update chain_logs set reason = 'withdrawal_mismatch' where tx_hash = $1`, [hash])
  await alerts('void', row.id)
  await alerts('book', hash)
})
