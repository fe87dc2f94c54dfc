/** A payment ends once: settled or booked, whoever decides about it at the same moment, and a withdrawal it is of is never left open. */
import { randomUUID } from 'node:crypto'
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest'
import { alertsCommand } from './support/alerts-command.ts'
import { settleStage, type SettleStage, type SignedRow } from './support/settle.ts'
import { storeLog, withdrawalData } from './support/stored-log.ts'
import { until } from './support/until.ts'
import { withoutTriggers } from './support/without-triggers.ts'

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
  await s.calm()
})
afterEach(async () => {
  const broken = await s.broken()
  await s.client.sql(
    `update restores set reconciled_at = now(), reconciled_by = 'a test', reconciled_why = 'x', signer_after = 'x' where reconciled_at is null`,
  )
  await s.calm()
  expect(broken).toEqual([])
})
afterAll(async () => await s.stop())

const alerts = async (...words: string[]) =>
  await alertsCommand(s.stack.manifest.databaseUrl, ...words, '--why', 'looked at it')
const reconciled = async () =>
  (
    await s.client.sql<{ result: { booked: string[]; left: string[] } }>(
      `select ledger.reconcile('ann', 'x') as result`,
    )
  )[0]!.result
const setBack = () => (s.witness.state = { ...s.witness.state, mark: randomUUID() })
const setStatus = async ({ id }: SignedRow, status: 'reserved' | 'signed') => {
  const signature = status === 'signed' ? `'0x${'11'.repeat(65)}'` : 'null'
  await withoutTriggers(
    async (text) => await s.client.sql(text),
    `update withdrawals set status = '${status}', signature = ${signature}, signed_at = ${status === 'signed' ? 'now()' : 'null'} where id = '${id}'`,
  )
}

/** A standby takes over that had not heard of the signature, and the payment becomes final before its reservation is old. */
async function paidWhileReserved(): Promise<{ row: SignedRow; hash: string }> {
  const row = await s.signed(await s.account())
  await setStatus(row, 'reserved')
  await s.paid(row)
  await s.finalize()
  expect(await s.run()).toMatchObject({ quarantined: 1 })
  const [log] = await s.client.sql<{ tx_hash: string }>(
    `select tx_hash from chain_logs where account = $1 and reason = 'paid_without_signature'`,
    [row.account],
  )
  return { row, hash: log!.tx_hash }
}

test.each([
  [
    'booked',
    'select ledger.book_payment(chain_id, tx_hash, content_hash, ordinal, $2) from chain_logs where account = $1',
  ],
  [
    'resolved',
    'select ledger.resolve_log(chain_id, tx_hash, content_hash, ordinal, false, $2) from chain_logs where account = $1',
  ],
])(
  'a payment that somebody has just %s is not booked by who reconciles at that moment',
  async (what, decide) => {
    const holder = await s.account()
    setBack()
    const place = { chainId: s.stack.manifest.chainId, vault: s.vault, contract: s.df }
    await storeLog(s.client.sql, {
      ...place,
      event: 'withdrawal',
      account: holder.id,
      data: withdrawalData(10n ** 19n, 0),
    })
    await s.finalize()
    expect(await s.run()).toMatchObject({ quarantined: 1 })
    const first = new pg.Client({ connectionString: s.stack.manifest.databaseUrl })
    await first.connect()
    try {
      await first.query('begin')
      await first.query(decide, [holder.id, 'x'])
      const second = reconciled()
      await until(
        async () =>
          (
            await first.query(
              'select from pg_stat_activity where pg_backend_pid() = any(pg_blocking_pids(pid))',
            )
          ).rowCount === 1,
        'the one who reconciles to wait',
      )
      await first.query('commit')
      expect((await second).booked).toEqual([])
    } finally {
      await first.end()
    }
    expect(await s.balance(holder.id)).toBe(what === 'booked' ? '90' : '100')
    const moved = await s.client.sql(
      `select from transfers where kind = 'withdraw_recovered' and from_account = $1`,
      [holder.id],
    )
    expect(moved).toHaveLength(what === 'booked' ? 1 : 0)
  },
)

test('a payment of a withdrawal that waits for its signature can be neither booked nor resolved away, and confirms it once it is signed', async () => {
  const { row, hash } = await paidWhileReserved()
  const waits = `not booked: it paid exactly the withdrawal ${row.id}, which waits for its signature: resume, let settle sign it, then retry it\n`
  expect(await alerts('book', hash)).toMatchObject({ code: 1, error: waits })
  const open = /not resolved: it paid exactly a withdrawal that is still open/
  expect(await alerts('resolve-log', hash)).toMatchObject({
    code: 1,
    error: expect.stringMatching(open) as string,
  })
  await setStatus(row, 'signed')
  expect(await alerts('resolve-log', hash)).toMatchObject({
    code: 1,
    error: expect.stringMatching(open) as string,
  })
  expect(await alerts('book', hash)).toMatchObject({
    code: 1,
    error: `not booked: it paid exactly the withdrawal ${row.id}, which is signed: retry it\n`,
  })
  expect(await alerts('void', row.id)).toMatchObject({
    code: 1,
    error: expect.stringContaining('retry') as string,
  })
  expect(await s.balance(row.account)).toBe('90+10')
  expect(await alerts('retry', hash)).toMatchObject({ code: 0 })
  expect(await s.run()).toMatchObject({ confirmed: 1 })
  expect([await s.status(row.id), await s.balance(row.account)]).toEqual(['confirmed', '90'])
})

test('who reconciles after a restore books no payment of a withdrawal that is open: settle confirms it', async () => {
  const { row } = await paidWhileReserved()
  setBack()
  await s.run()
  const early = await reconciled()
  expect(early.booked).toEqual([])
  expect(early.left).toContainEqual(expect.stringContaining(`the withdrawal ${row.id} is paid by`))
  await setStatus(row, 'signed')
  expect((await reconciled()).booked).toEqual([])
  expect(await s.run()).toMatchObject({ confirmed: 1 })
  expect([await s.status(row.id), await s.balance(row.account)]).toEqual(['confirmed', '90'])
})
