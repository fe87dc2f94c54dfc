/** What a run of settle decides by the clock, by a row that somebody else holds, and by what nobody configured. */
import pg from 'pg'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { settleStage, type SettleStage } from './support/settle.ts'
import { witnessBinding } from './support/witness.ts'

/** By a path that the compiler does not follow: the function is a Worker's, and these are Node's types. */
const FUNCTION = '../functions/settle.ts'
const { scheduled } = (await import(/* @vite-ignore */ FUNCTION)) as {
  scheduled(event: undefined, bindings: Record<string, unknown>): Promise<void>
}

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
})
afterAll(async () => await s.stop())
afterEach(async () => await s.calm())

test('upkeep forgets a signed message a day after it has expired, never while it could be played again', async () => {
  const ages = { '2 days': false, '25 hours': false, '23 hours': true, '1 second': true, '-1 hour': true }
  for (const age of Object.keys(ages))
    await s.client.sql(
      `insert into signed_messages (digest, account, expires_at)
       values (sha256($1::text::bytea), '0xaa', now() - $1::interval)`,
      [age],
    )
  await s.run()
  const left = await s.client.sql<{ digest: string }>(
    `select encode(digest, 'hex') as digest from signed_messages where account = '0xaa'`,
  )
  for (const [age, stays] of Object.entries(ages)) {
    const [{ digest } = { digest: '' }] = await s.client.sql<{ digest: string }>(
      `select encode(sha256($1::text::bytea), 'hex') as digest`,
      [age],
    )
    expect([age, left.some((row) => row.digest === digest)]).toEqual([age, stays])
  }
})

test('upkeep keeps the summaries of a week', async () => {
  const insert = `insert into settle_runs (id, finished_at, summary)
    values (ledger.new_id(now() - $1::interval), now(), jsonb_build_object('age', $1::text))`
  for (const age of ['8 days', '6 days']) await s.client.sql(insert, [age])
  await s.run()
  expect(
    await s.client.sql(`select summary->>'age' as age from settle_runs where summary ? 'age' order by 1`),
  ).toEqual([{ age: '6 days' }])
})

test('while an event waits nothing is expired and solvency is not summed, however it waits', async () => {
  const [depositor, owner] = [await s.account('0.000001'), await s.account()]
  const row = await s.signed(owner)
  await s.deposit(depositor, s.df, 10n ** 18n)
  await s.mineAt(row.deadline + 1)
  await s.finalize()
  await s.client.sql('delete from solvency_checks')
  const holder = new pg.Client({ connectionString: s.stack.manifest.databaseUrl })
  await holder.connect()
  const unchanged = async (where: string) => {
    const checks = await s.client.sql('select 1 from solvency_checks')
    expect([where, await s.status(row.id), checks, await s.alerts(), await s.paused()]).toEqual([
      where,
      'signed',
      [],
      [],
      false,
    ])
  }
  try {
    // Its account's balance is held: the batch is rolled back and the log stays as it was stored.
    await holder.query('begin')
    await holder.query('select 1 from balances where account = $1 for update', [depositor.id])
    // Whoever holds it for ever would keep everybody's money waiting: it is told.
    await expect(s.run()).rejects.toMatchObject({ sqlstate: '55P03' })
    expect(await s.alerts()).toEqual(['settle_failed'])
    await s.client.sql('update alerts set resolved_at = now() where resolved_at is null')
    await holder.query('commit')
    await unchanged('behind a balance')
    // The log itself is held, as by another copy of settle: there is nothing to claim, and yet not all is settled.
    await holder.query('begin')
    await holder.query(`select 1 from chain_logs where status = 'pending' for update`)
    expect(await s.run()).toMatchObject({ deposited: 0, expired: 0 })
    await holder.query('commit')
    await unchanged('behind another copy')
  } finally {
    await holder.end()
  }
  expect(await s.run()).toMatchObject({ deposited: 1, expired: 1 })
  expect([await s.balance(depositor.id), await s.status(row.id)]).toEqual(['1.000001', 'expired'])
})

test('a breach of solvency pauses signing where nobody has said otherwise, and on a testnet it does not', async () => {
  await s.account('2000000000')
  const breach = async (env: Record<string, string>) => {
    await s.client.sql('delete from solvency_checks')
    await s.run(env)
    expect(await s.alerts()).toContain('solvency_breach')
    return await s.paused()
  }
  expect(s.stack.env).toMatchObject({ TESTNET_ONLY: 'true' })
  expect(s.stack.env).not.toHaveProperty('SOLVENCY')
  expect(await breach({})).toBe(false)
  expect(await breach({ TESTNET_ONLY: 'false', SOLVENCY: 'report' })).toBe(false)
  for (const TESTNET_ONLY of ['false', 'TRUE', '']) {
    expect([TESTNET_ONLY, await breach({ TESTNET_ONLY })]).toEqual([TESTNET_ONLY, true])
    await s.client.sql(`select ledger.resume_withdrawals('next')`)
  }
  expect(await breach({ SOLVENCY: 'enforce' })).toBe(true)
})

test('the cron function fails where its run did, and only there', async () => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
  const bindings = { ...s.stack.env, WITNESS: witnessBinding() }
  try {
    await expect(scheduled(undefined, bindings)).resolves.toBeUndefined()
    await s.client.sql('alter function ledger.run_upkeep(bigint, text) rename to upkeep_gone')
    try {
      await expect(scheduled(undefined, bindings)).rejects.toThrow('this run of settle failed')
    } finally {
      await s.client.sql('alter function ledger.upkeep_gone(bigint, text) rename to run_upkeep')
    }
    await expect(scheduled(undefined, { ...bindings, CHAIN_ID: '' })).rejects.toThrow('this run')
  } finally {
    vi.restoreAllMocks()
  }
})
