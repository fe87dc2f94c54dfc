import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getContractAddress, maxUint256, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { connect } from '../db/client.ts'
import { expire } from '../db/ledger/expire.ts'
import { readCursor, recordLogs } from '../db/ledger/record-logs.ts'
import { compileContracts, contractNamed } from '../scripts/stack/compile.ts'
import { succeed } from '../scripts/stack/deploy.ts'
import { settleStage, type SettleStage } from './support/settle.ts'
import { depositData, resolveLogs, storeLog, withdrawalData } from './support/stored-log.ts'

let s: SettleStage
beforeAll(async () => {
  s = await settleStage()
  await s.finalize()
  await s.run()
})
afterEach(async () => await s.calm())
afterAll(async () => await s.stop())

const rogueLog = async (event: 'withdrawal' | 'deposit', account: string, contract: string, data: Hex) =>
  await storeLog(s.client.sql, {
    chainId: s.stack.manifest.chainId,
    vault: s.vault,
    event,
    account,
    contract,
    data,
  })
const reasonOf = async (hash: string) =>
  (
    await s.client.sql<{ reason: string; status: string }>(
      'select reason, status from chain_logs where tx_hash = $1',
      [hash],
    )
  )[0]

describe('an event that does not fit', () => {
  test('by its amount is quarantined, pauses signing, moves nothing, and does not hold up the others', async () => {
    const [odd, good] = [await s.account(), await s.account()]
    const [row, other] = [await s.signed(odd), await s.signed(good)]
    const hash = await rogueLog('withdrawal', odd.id, s.df, withdrawalData(row.wei + 1n, row.nonce))
    await s.paid(other)
    await s.finalize()
    expect(await s.run()).toMatchObject({ confirmed: 1, quarantined: 1 })
    expect(await reasonOf(hash)).toMatchObject({ status: 'quarantined', reason: 'withdrawal_mismatch' })
    expect([await s.status(row.id), await s.status(other.id), await s.paused()]).toEqual([
      'signed',
      'confirmed',
      true,
    ])
    expect(await s.alerts()).toEqual(expect.arrayContaining(['log_quarantined', 'withdrawals_paused']))
    // Its account's money stays frozen past every deadline until somebody has looked.
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    expect(await s.run()).toMatchObject({ expired: 0 })
    expect(await s.balance(odd.id)).toBe('90+10')
    await resolveLogs(s.client.sql, hash, false)
  })

  test('any ledger row, a reservation without a signature, or not even the form, is quarantined and pauses', async () => {
    const [stranger, waiting, broken] = [await s.account(), await s.account(), await s.account()]
    const reservation = await s.reserved(waiting.id)
    const cases = {
      unknown_withdrawal: await rogueLog('withdrawal', stranger.id, s.df, withdrawalData(5n, 0)),
      paid_without_signature: await rogueLog(
        'withdrawal',
        waiting.id,
        s.df,
        withdrawalData(BigInt(reservation.amount_in_wei), reservation.nonce),
      ),
      malformed: await rogueLog('withdrawal', broken.id, s.df, '0x00'),
    }
    expect(await s.run()).toMatchObject({ quarantined: 3, confirmed: 0 })
    for (const [reason, hash] of Object.entries(cases))
      expect(await reasonOf(hash)).toMatchObject({ status: 'quarantined', reason })
    expect(await s.paused()).toBe(true)
    expect(await s.broken()).toEqual([])
  })

  test('because it pays an expired row takes what is left, records the debt, pauses, and does it once', async () => {
    const holder = await s.account('10')
    const row = await s.signed(holder)
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    await s.run()
    expect(await s.balance(holder.id)).toBe('10')
    await s.client.sql(`select ledger.post('withdraw_recovered', 'DF', 4, $1, 'spot', 'vault', 'system')`, [
      holder.id,
    ])
    const hash = await rogueLog('withdrawal', holder.id, s.df, withdrawalData(row.wei, row.nonce))
    expect(await s.run()).toMatchObject({ quarantined: 1 })
    expect(await s.balance(holder.id)).toBe('0')
    const debts = async () =>
      await s.client.sql('select trim_scale(amount)::text as amount from debts where account = $1', [
        holder.id,
      ])
    expect([await debts(), await s.paused()]).toEqual([[{ amount: '4' }], true])
    expect(await s.alerts()).toEqual(
      expect.arrayContaining(['debts', 'paid_after_expiry', 'withdrawals_paused']),
    )
    await resolveLogs(s.client.sql, hash, true)
    await s.run()
    expect([await debts(), await s.balance(holder.id)]).toEqual([[{ amount: '4' }], '0'])
    expect(await s.broken()).toEqual(['nobody owes the exchange for a payment that was also given back'])
    const settle = `select ledger.settle_debt(id, $2) as done from debts where account = $1`
    expect(await s.client.sql(settle, [holder.id, 'he sent it back'])).toEqual([{ done: true }])
    expect(await s.client.sql(settle, [holder.id, 'and again'])).toEqual([{ done: false }])
    expect([await s.broken(), await s.alerts()]).toEqual([[], expect.not.arrayContaining(['debts'])])
    await s.run()
    expect(await s.alerts()).not.toContain('debts')
  })

  test('because it pays an expired row whose slot was taken again is the old row’s debt, and never the new row’s payment', async () => {
    const holder = await s.account('10')
    const old = await s.signed(holder)
    await s.mineAt(old.deadline + 1)
    await s.finalize()
    await s.run()
    const fresh = await s.signed(holder, '3')
    expect([fresh.nonce, await s.status(old.id), await s.balance(holder.id)]).toEqual([
      old.nonce,
      'expired',
      '7+3',
    ])
    const hash = await rogueLog('withdrawal', holder.id, s.df, withdrawalData(old.wei, old.nonce))
    expect(await s.run()).toMatchObject({ quarantined: 1, confirmed: 0 })
    expect(await reasonOf(hash)).toMatchObject({ status: 'quarantined', reason: 'paid_after_expiry' })
    expect([await s.status(old.id), await s.status(fresh.id), await s.balance(holder.id)]).toEqual([
      'expired',
      'signed',
      '0+3',
    ])
    expect(
      await s.client.sql(
        'select withdrawal_id, trim_scale(amount)::text as amount from debts where account = $1',
        [holder.id],
      ),
    ).toEqual([{ withdrawal_id: old.id, amount: '3' }])
    expect(await s.paused()).toBe(true)
    expect(await s.alerts()).toEqual(
      expect.arrayContaining(['debts', 'paid_after_expiry', 'withdrawals_paused']),
    )
    await s.client.sql(`select ledger.settle_debt(id, 'test') from debts where settled_at is null`)
  })
})

describe('an event that is known and waits', () => {
  const reportedMissing = async () =>
    JSON.stringify(
      await s.client.sql(`select detail from alerts where kind = 'event_missing' and resolved_at is null`),
    )
  const due = async () => {
    const holder = await s.account()
    const row = await s.signed(holder)
    await s.mineAt(row.deadline + 1)
    await s.finalize()
    return { holder, row }
  }
  test('for a person is not missed: nothing of its account expires, and nobody is told that its event is missing', async () => {
    const { holder, row } = await due()
    const hash = await rogueLog('withdrawal', holder.id, s.df, withdrawalData(row.wei + 1n, row.nonce))
    expect(await s.run()).toMatchObject({ quarantined: 1, expired: 0 })
    expect(await s.run()).toMatchObject({ outcome: 'ok', expired: 0 })
    expect([await s.status(row.id), await reportedMissing()]).toEqual([
      'signed',
      expect.not.stringContaining(row.id),
    ])
    expect(await reasonOf(hash)).toMatchObject({ status: 'quarantined' })
  })

  test('to be settled is not missed either, and its row does not expire, whatever the vault’s counter says', async () => {
    const { holder, row } = await due()
    const hash = await rogueLog('withdrawal', holder.id, s.df, withdrawalData(row.wei, row.nonce))
    // Followed to the final block without settling: as when another copy holds the account's rows.
    const settleLogin = connect(s.stack.manifest.loginUrls.settle, 10_000)
    const key = { chainId: s.stack.manifest.chainId, vault: s.vault }
    const head = await s.chain.getBlock()
    const at = { number: Number(head.number), hash: head.hash, timestamp: Number(head.timestamp) }
    const before = await readCursor(settleLogin, key)
    await recordLogs(settleLogin, key, before!.number, before!.hash, at, [])
    for (const nextNonce of ['0', '1'])
      expect(await expire(settleLogin, key, at, [{ id: row.id, nextNonce }])).toMatchObject({
        expired: 0,
        unproved: [],
      })
    expect([await s.status(row.id), await reportedMissing()]).toEqual([
      'signed',
      expect.not.stringContaining(row.id),
    ])
    await s.finalize()
    expect(await s.run()).toMatchObject({ confirmed: 1, expired: 0 })
    expect([await reasonOf(hash), await s.balance(holder.id)]).toMatchObject([{ status: 'processed' }, '90'])
  })
})

describe('a deposit', () => {
  test('is credited once, whichever way and however often it is read', async () => {
    const holder = await s.account()
    await s.deposit(holder, s.df, 1n)
    await s.finalize()
    await Promise.all([s.run(), s.run()])
    await s.run()
    await s.client.sql('select ledger.request_rescan(chain_id, vault, 0) from chain_cursors')
    await s.run()
    expect(await s.balance(holder.id)).toBe('100.000000000000000001')
  })

  test('of an unknown token is recorded and credits nothing', async () => {
    const holder = await s.account()
    const { abi, bytecode } = contractNamed(await compileContracts(), 'TestToken')
    const nonce = await s.chain.getTransactionCount({ address: s.owner.address })
    await succeed(
      s.chain,
      await s.chain.deployContract({ account: s.owner, abi, bytecode, args: ['Odd', 'ODD', 18] }),
    )
    await s.deposit(holder, getContractAddress({ from: s.owner.address, nonce: BigInt(nonce) }), maxUint256)
    await s.finalize()
    expect(await s.run()).toMatchObject({ deposited: 0, quarantined: 0 })
    expect(
      await s.client.sql(
        'select status, token, amount_in_wei::text as wei from deposits where account = $1',
        [holder.id],
      ),
    ).toEqual([{ status: 'unsupported', token: null, wei: maxUint256.toString() }])
    expect(await s.balance(holder.id)).toBe('100')
    expect(await s.alerts()).toContain('deposit_unsupported')
  })

  test('too large for the ledger is quarantined, and the largest that fits arrives to the last digit', async () => {
    const holder = { id: privateKeyToAccount(generatePrivateKey()).address.toLowerCase() }
    const huge = [10n ** 38n, maxUint256]
    const hashes = []
    for (const wei of huge) hashes.push(await rogueLog('deposit', holder.id, s.df, depositData(wei)))
    const fits = await rogueLog('deposit', holder.id, s.df, depositData(10n ** 38n - 1n))
    const over = await rogueLog('deposit', holder.id, s.df, depositData(10n ** 38n - 1n))
    expect(await s.run()).toMatchObject({ deposited: 1, quarantined: 3 })
    for (const hash of hashes)
      expect(await reasonOf(hash)).toMatchObject({ status: 'quarantined', reason: 'amount_too_large' })
    const last = [await reasonOf(fits), await reasonOf(over)].map((log) => log?.status).sort()
    expect(last).toEqual(['processed', 'quarantined'])
    expect(await s.balance(holder.id)).toBe('99999999999999999999.999999999999999999')
    // Not a reason to stop everybody: only the account itself waits.
    expect(await s.paused()).toBe(false)
    expect(await s.broken()).toEqual([])
  })
})

test('a breach of solvency is reported, pauses when enforced, and the webhook gets each alert as JSON once', async () => {
  const heard: { id: string; kind: string; detail: object; times_seen: number }[] = []
  let fail = true
  const hook = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      if (!fail) heard.push(JSON.parse(body) as (typeof heard)[number])
      response.writeHead(fail ? 500 : 204).end()
    })
  }).listen(0, '127.0.0.1')
  await once(hook, 'listening')
  const env = { ALERT_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}` }
  await s.account('2000000000')
  await s.client.sql('delete from solvency_checks')
  expect(await s.run(env)).toMatchObject({ outcome: 'ok' })
  expect([await s.paused(), heard.length]).toEqual([false, 0])
  fail = false
  await s.client.sql('delete from solvency_checks')
  await s.run({ ...env, SOLVENCY: 'enforce' })
  await s.run(env)
  expect(await s.paused()).toBe(true)
  const kinds = heard.map((alert) => alert.kind)
  expect(kinds).toEqual(expect.arrayContaining(['solvency_breach', 'withdrawals_paused']))
  expect(new Set(heard.map((alert) => alert.id)).size).toBe(heard.length)
  expect(heard.find((alert) => alert.kind === 'solvency_breach')?.detail).toMatchObject({ token: 'DF' })
  hook.close()
})

test('alerts that the receiver refuses for good keep no newer one waiting, are tried less and less, and are told once it takes them', async () => {
  let asked: string[] = []
  const refused = (key: string) => key.startsWith('poison') && refuses
  let refuses = true
  const hook = createServer((request, response) => {
    let body = ''
    request.on('data', (chunk: Buffer) => (body += chunk.toString()))
    request.on('end', () => {
      const { key } = JSON.parse(body) as { key: string }
      asked.push(key)
      response.writeHead(refused(key) ? 400 : 204).end()
    })
  }).listen(0, '127.0.0.1')
  await once(hook, 'listening')
  const env = { ALERT_WEBHOOK_URL: `http://127.0.0.1:${(hook.address() as AddressInfo).port}` }
  const raise = async (name: string, count: number) => {
    const keys = Array.from({ length: count }, (_, n) => `${name} ${n}`)
    for (const key of keys)
      await s.client.sql(`select ledger.raise_alert($1, 'log_quarantined', '{}')`, [key])
    return keys
  }
  /** What the receiver was asked to take by one run, in any order. */
  const told = async () => {
    // What other tests have left counts as told, and so not for an hour.
    await s.client.sql(`update alerts set notified_at = now() where key !~ '^(poison|fresh) '`)
    asked = []
    await s.run(env)
    return asked.sort()
  }
  const poison = await raise('poison', 4)
  expect(await told()).toEqual(poison)
  const fresh = await raise('fresh', 6)
  const heard = [await told(), await told(), await told()]
  for (const run of heard) expect(run.length).toBeLessThanOrEqual(4)
  expect(
    heard
      .flat()
      .filter((key) => key.startsWith('fresh'))
      .sort(),
  ).toEqual(fresh)
  // Refused twice by now: they are left alone for a minute, and longer each time.
  expect([await told(), await told()]).toEqual([[], []])
  const waits = async () =>
    await s.client.sql<{ failures: number; minutes: number }>(
      `select distinct tell_failures as failures, round(extract(epoch from tell_after - clock_timestamp()) / 60)::int as minutes
       from alerts where key like 'poison%'`,
    )
  const over = async () => await s.client.sql(`update alerts set tell_after = now() where key like 'poison%'`)
  const seen = [await waits()]
  for (let times = 0; times < 4; times += 1) {
    await over()
    await told()
    seen.push(await waits())
  }
  expect(seen.flat()).toEqual(
    [2, 3, 4, 5, 6].map((failures, at) => ({ failures, minutes: [1, 3, 7, 15, 15][at] })),
  )
  refuses = false
  await over()
  expect([await told(), await told()]).toEqual([poison, []])
  hook.close()
})
