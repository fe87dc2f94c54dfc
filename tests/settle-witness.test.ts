/** What the ledger's witness remembers, and what a run concludes from it. */
import { randomUUID } from 'node:crypto'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { locksWhileWaiting } from './support/row-locks.ts'
import { settleStage, type SettleStage } from './support/settle.ts'
import { storeLog, withdrawalData } from './support/stored-log.ts'
import { withoutTriggers } from './support/without-triggers.ts'

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
  await s.calm()
})
afterEach(async () => {
  s.witness.down = false
  await s.client.sql(
    `update restores set reconciled_at = now(), reconciled_by = 'a test', reconciled_why = 'x', signer_after = 'x' where reconciled_at is null`,
  )
  await s.calm()
})
afterAll(async () => await s.stop())

const restores = async () =>
  (await s.client.sql<{ lost: string[] }>('select lost from restores where reconciled_at is null')).map(
    ({ lost }) => lost,
  )

test('what the ledger still has is no restore, also where two runs begin at once or one died on its way to the witness', async () => {
  for (let round = 0; round < 3; round += 1) {
    await Promise.all([s.run(), s.run()])
    const before = s.witness.state
    await s.run()
    s.witness.state = before
  }
  await s.run()
  expect([await restores(), await s.paused(), await s.alerts()]).toEqual([[], false, []])
})

test.each([
  ['a run', (id: string) => (s.witness.state = { ...s.witness.state, mark: id })],
  ['a reservation', (id: string) => (s.witness.state = { ...s.witness.state, reserved: [id] })],
])(
  '%s that is gone pauses signing until somebody has reconciled, and is told once, however often settle runs',
  async (_what, remember) => {
    const id = randomUUID()
    remember(id)
    for (let runs = 0; runs < 3; runs += 1) expect(await s.run()).toMatchObject({ outcome: 'ok' })
    expect([await restores(), await s.paused()]).toEqual([[[id]], true])
    expect(await s.alerts()).toEqual(['ledger_restored', 'withdrawals_paused'])
    await expect(s.client.sql(`select ledger.resume_withdrawals('x')`)).rejects.toThrow(/npm run reconcile/)
    expect(await s.paused()).toBe(true)
  },
)

test('a witness that does not answer is told as an alert, the run goes on, and nothing is forgotten meanwhile', async () => {
  const holder = await s.account()
  await s.deposit(holder, s.df, 10n ** 18n)
  await s.finalize()
  const before = s.witness.state
  s.witness.down = true
  expect(await s.run()).toMatchObject({ outcome: 'ok', deposited: 1 })
  expect([await s.alerts(), s.witness.state]).toEqual([['witness_unavailable'], before])
  s.witness.down = false
  expect(await s.run()).toMatchObject({ outcome: 'ok', alerts: 0 })
  expect(s.witness.state.mark).not.toBe(before.mark)
})

test('of a payment whose withdrawal was lost, what the account has left is booked and the rest is a debt, once', async () => {
  const holder = await s.account('4')
  const place = { chainId: s.stack.manifest.chainId, vault: s.vault, contract: s.df }
  s.witness.state = {
    ...s.witness.state,
    mark: randomUUID(),
    signer: s.stack.env.SIGNER_ADDRESS!.toLowerCase(),
  }
  const data = withdrawalData(10n ** 19n, 0)
  await storeLog(s.client.sql, { ...place, event: 'withdrawal', account: holder.id, data })
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 1 })
  const reconcile = async () =>
    (
      await s.client.sql<{ result: { done: boolean; booked: string[]; left: string[] } }>(
        `select ledger.reconcile('ann', 'x') as result`,
      )
    )[0]!.result
  expect((await reconcile()).booked).toEqual([expect.stringContaining(holder.id)])
  const second = await reconcile()
  expect(second).toMatchObject({ done: false, booked: [] })
  expect(second.left).toContainEqual(expect.stringContaining('1 debts are open'))
  const debts = await s.client.sql(
    'select trim_scale(amount)::text as amount, withdrawal_id from debts where account = $1',
    [holder.id],
  )
  expect([await s.balance(holder.id), debts]).toEqual(['0', [{ amount: '6', withdrawal_id: null }]])
  expect(await s.broken()).toEqual(['nobody owes the exchange for a payment that was also given back'])
  await s.client.sql(`select ledger.settle_debt(id, 'made good') from debts where account = $1`, [holder.id])
  expect(await s.broken()).toEqual([])
})

test('a lost payment is booked also where a later withdrawal has taken its nonce, which is given back by voiding it', async () => {
  const holder = await s.account('30')
  const row = await s.signed(holder)
  s.witness.state = { ...s.witness.state, mark: randomUUID() }
  const place = { chainId: s.stack.manifest.chainId, vault: s.vault, contract: s.df }
  const data = withdrawalData(5n * 10n ** 18n, row.nonce)
  await storeLog(s.client.sql, { ...place, event: 'withdrawal', account: holder.id, data })
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 1 })
  const [said] = await s.client.sql<{ result: { booked: string[] } }>(
    `select ledger.reconcile('ann', 'x') as result`,
  )
  expect([said!.result.booked.length, await s.balance(holder.id)]).toEqual([1, '15+10'])
  await s.client.sql(`select ledger.void_withdrawal($1, 'x')`, [row.id])
  expect([await s.balance(holder.id), await s.broken()]).toEqual(['25', []])
})

test('lost payments are booked in the order of the chain, and their accounts locked in the order of every verb', async () => {
  const holders = [await s.account('1'), await s.account('1')].sort((a, b) => (a.id < b.id ? 1 : -1))
  s.witness.state = { ...s.witness.state, mark: randomUUID() }
  const place = { chainId: s.stack.manifest.chainId, vault: s.vault, contract: s.df }
  // The account that sorts last was paid first.
  const logs = []
  for (const { id: account } of holders)
    logs.push(await storeLog(s.client.sql, { ...place, event: 'withdrawal', account, data: withdrawalData(10n ** 18n, 0) })) // prettier-ignore
  await withoutTriggers(
    async (text) => await s.client.sql(text),
    `update chain_logs set block_number = 2 where tx_hash = '${logs[1]}'`,
  )
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 2 })
  const [last, first] = holders.map(({ id: account }) => ({ account, wallet: 'spot', token: 'DF' }) as const)
  const { otherIsLocked } = await locksWhileWaiting(s.stack.manifest.databaseUrl, first!, last!, async () =>
    await s.client.sql(`select ledger.reconcile('ann', 'x')`),
  ) // prettier-ignore
  expect(otherIsLocked).toBe(false)
  expect(await Promise.all(holders.map(async ({ id }) => await s.balance(id)))).toEqual(['0', '0'])
})
