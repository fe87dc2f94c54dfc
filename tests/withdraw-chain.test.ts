/** The chain is asked with each withdrawal: what it has paid and the ledger cannot explain is never paid a second time. */
import type { Address } from 'viem'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { tokenAbi } from '../scripts/stack/contract-abi.ts'
import { chainClient, type ChainClient } from '../scripts/stack/deploy.ts'
import type { RpcFaults } from '../scripts/stack/rpc-faults.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import { alertsCommand } from './support/alerts-command.ts'
import { newKey, type Client } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { savedRows } from './support/saved-rows.ts'
import { until } from './support/until.ts'
import { requestWithdrawal, rowsOf, takeFromVault, type Account } from './support/withdrawals.ts'

/** Long: on a busy machine what happens while KMS works must have the time, and the answer too. */
const KMS_TIMEOUT_MS = 15_000
let stack: Stack
let client: Client
let chain: ChainClient
let stop: () => Promise<void>
let account: Account
beforeAll(async () => {
  ;({ stack, client, stop } = await ownStack({ KMS_TIMEOUT_MS: String(KMS_TIMEOUT_MS) }))
  chain = chainClient(stack.manifest.rpcUrl, stack.manifest.chainId)
})
beforeEach(async () => {
  account = await client.newAccount({ DF: '10' })
})
afterEach(async () => {
  stack.rpc.setFaults({})
  stack.kms.control({ faults: [], clearLog: true })
  await client.sql(`update chain_logs set status = 'resolved' where status = 'quarantined'`)
  await client.sql(`select ledger.resume_withdrawals('next test')`)
  await client.sql(`update alerts set resolved_at = now() where resolved_at is null`)
  expect(await client.broken()).toEqual([])
})
afterAll(async () => await stop())

const DF = () => stack.chain.tokens.DF.address
/** Coins that the vault has paid to the account, whole ones. */
const paidTo = async (address: Address) => {
  const call = { address: DF(), abi: tokenAbi, functionName: 'balanceOf', args: [address] } as const
  return Number((await chain.readContract(call)) / 10n ** 18n)
}
const request = async (amount = '10', headers: Record<string, string> = {}) =>
  await requestWithdrawal(client, account, amount, { headers })
const take = async (answer: { body: Parameters<typeof takeFromVault>[3] }) =>
  await takeFromVault(stack.manifest, account.wallet, DF(), answer.body)
/** The cron, once all blocks so far are final and a later second has one too. */
async function settle(): Promise<void> {
  await chain.mine({ blocks: 5, interval: 1 })
  expect((await fetch(stack.manifest.settleUrl)).status).toBe(200)
}
const alerts = async () =>
  (await client.sql<{ kind: string }>('select kind from alerts where resolved_at is null order by kind')).map(
    ({ kind }) => kind,
  )

describe('the node', () => {
  test('is asked while KMS works, and no later', async () => {
    stack.kms.control({ faults: [{ kind: 'slow', ms: 2_500 }], clearLog: true })
    stack.rpc.resetCounters()
    const slow = request('1')
    await until(() => stack.rpc.counters().methods.eth_call === 1, 'the chain read')
    await until(() => stack.kms.control().signCalls === 1, 'the Sign call')
    expect(stack.kms.control().signLog.at(-1)?.outcome).toBe('pending')
    expect((await slow).status).toBe(200)
    expect(stack.rpc.counters().httpRequests).toBe(1)
  })

  const faults: [string, Partial<RpcFaults>][] = [
    ['is down', { down: 1 }],
    ['hangs', { hang: 1 }],
    ['throttles', { http429: 1 }],
    ['answers no JSON', { garbage: 1 }],
  ]
  test.each(faults)(
    'that %s gets nobody a signature: 503, the funds are back, nonce and key are free again',
    async (_what, fault) => {
      const headers = { 'Idempotency-Key': newKey() }
      stack.rpc.setFaults(fault)
      const refused = await request('4', headers)
      expect([refused.status, refused.body.error]).toEqual([503, 'CHAIN_UNAVAILABLE'])
      expect([refused.headers.get('Retry-After'), refused.body.message]).toEqual([
        '2',
        expect.stringMatching(/the funds are back$/),
      ])
      expect(refused.text).not.toMatch(/0x[0-9a-f]{130}|127\.0\.0\.1/)
      expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '10' })
      stack.rpc.setFaults({})
      const again = await request('4', headers)
      expect([again.status, again.body.nonce]).toEqual([200, 0])
      expect(await rowsOf(client, account.account)).toEqual(['released 0', 'signed 0'])
    },
  )

  test('that is behind harms nobody: what was signed on its word is paid once, in its turn', async () => {
    const first = await request('4')
    expect(await take(first)).toBe('success')
    stack.rpc.setFaults({ staleHead: 3 })
    const second = await request('5')
    expect([second.status, second.body.nonce]).toEqual([200, 1])
    stack.rpc.setFaults({})
    expect([await take(second), await paidTo(account.address)]).toEqual(['success', 9])
    await settle()
    expect(await rowsOf(client, account.account)).toEqual(['confirmed 0', 'confirmed 1'])
  })

  test('that is behind what was settled is no witness: 503, the funds are back, and it heals without anybody’s help', async () => {
    expect(await take(await request('4'))).toBe('success')
    await settle()
    stack.rpc.setFaults({ staleHead: 10 })
    const refused = await request('5')
    expect([refused.status, refused.body.error]).toEqual([503, 'CHAIN_UNAVAILABLE'])
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '6' })
    stack.rpc.setFaults({})
    const again = await request('5')
    expect([again.status, again.body.nonce, await take(again)]).toEqual([200, 1, 'success'])
    await settle()
    expect([await rowsOf(client, account.account), await alerts()]).toEqual([
      ['confirmed 0', 'released 1', 'confirmed 1'],
      [],
    ])
  })

  test('may know of a payment that is not final yet: the next withdrawal follows it', async () => {
    for (const nonce of [0, 1, 2]) {
      const answer = await request('2')
      expect([answer.status, answer.body.nonce, await take(answer)]).toEqual([200, nonce, 'success'])
    }
    expect(await alerts()).toEqual([])
  })
})

describe('a counter that is too high', () => {
  test('in one answer of the node is asked for again: 503, and the next withdrawal is paid', async () => {
    stack.rpc.setFaults({ counterAhead: 5, counterAheadCalls: 1 })
    const refused = await request()
    expect([refused.status, refused.body.error]).toEqual([503, 'CHAIN_UNAVAILABLE'])
    const answer = await request()
    expect([answer.status, answer.body.nonce, await take(answer)]).toEqual([200, 0, 'success'])
    expect([await paidTo(account.address), await alerts()]).toEqual([10, []])
  })

  test('in every answer of a request blocks the account until a final block shows that it was wrong', async () => {
    stack.rpc.setFaults({ counterAhead: 5 })
    const refused = await request()
    expect([refused.status, refused.body.error]).toEqual([503, 'WITHDRAWALS_PAUSED'])
    stack.rpc.setFaults({})
    stack.kms.control({ clearLog: true })
    expect([(await request()).body.error, stack.kms.control().signCalls]).toEqual(['WITHDRAWALS_PAUSED', 0])
    expect(await alerts()).toEqual(['counter_unexplained'])
    const other = await client.newAccount({ DF: '1' })
    expect((await requestWithdrawal(client, other)).status).toBe(200)
    await settle()
    const answer = await request()
    expect([answer.status, answer.body.nonce, await take(answer)]).toEqual([200, 0, 'success'])
    expect(await alerts()).toEqual([])
  })

  test('in the ledger’s own row locks nobody: the next run corrects it and says so, and the withdrawal after it is paid', async () => {
    await client.sql('insert into withdrawal_nonces values ($1, $2, $3, 5)', [
      account.account,
      stack.manifest.chainId,
      stack.manifest.vault.toLowerCase(),
    ])
    const refused = await request()
    expect([refused.status, refused.body.error]).toEqual([503, 'CHAIN_UNAVAILABLE'])
    await settle()
    const answer = await request()
    expect([answer.status, answer.body.nonce, await take(answer)]).toEqual([200, 0, 'success'])
    expect(await alerts()).toEqual(['counter_corrected'])
  })
})

describe('tables that were set back to before a payment', () => {
  /** Pays `amount`, then forgets all that came after `before`. */
  async function forgottenPayment(amount: string): Promise<void> {
    const before = await savedRows(client, account.account)
    const answer = await request(amount)
    expect([answer.status, await take(answer)]).toEqual([200, 'success'])
    await before.restore()
  }

  test('of an account’s first withdrawal pay nothing more: no signature, funds back, the account is blocked and somebody is told', async () => {
    await forgottenPayment('10')
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '10' })
    const headers = { 'Idempotency-Key': newKey() }
    for (const amount of ['10', '1', '9']) {
      const refused = await request(amount, amount === '10' ? headers : {})
      expect([refused.status, refused.body.error]).toEqual([503, 'WITHDRAWALS_PAUSED'])
      expect(refused.text).not.toMatch(/0x[0-9a-f]{130}/)
    }
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '10' })
    expect(await rowsOf(client, account.account)).toEqual(['released 0'])
    expect([await paidTo(account.address), await alerts()]).toEqual([10, ['counter_unexplained']])
    // The payment is found by its event; what is to be booked for it is a person's to say.
    await settle()
    expect((await request('1')).body.error).toBe('WITHDRAWALS_PAUSED')
    expect(await alerts()).toContain('log_quarantined')
  })

  test('of a later withdrawal pay nothing more either, with an earlier one paid and not final yet', async () => {
    const first = await request('2')
    expect(await take(first)).toBe('success')
    await forgottenPayment('8')
    const refused = await request('8')
    expect([refused.status, refused.body.error]).toEqual([503, 'WITHDRAWALS_PAUSED'])
    expect(await rowsOf(client, account.account)).toEqual(['signed 0', 'released 1'])
    expect([await paidTo(account.address), await client.balancesOf(account.account)]).toEqual([
      10,
      { 'spot DF': '8+2' },
    ])
    await settle()
    expect(await rowsOf(client, account.account)).toEqual(['confirmed 0', 'released 1'])
  })

  test('while a signature is out that nobody knows of: once that is used, nothing is signed on top of it', async () => {
    const before = await savedRows(client, account.account)
    const forgotten = await request('10')
    await before.restore()
    const next = await request('1')
    expect([next.status, next.body.nonce]).toEqual([200, 0])
    expect([await take(forgotten), await take(next)]).toEqual(['success', 'reverted'])
    await settle()
    expect(await rowsOf(client, account.account)).toEqual(['signed 0'])
    expect((await request('9')).body.error).toBe('WITHDRAWALS_PAUSED')
    expect([await paidTo(account.address), await alerts()]).toEqual([
      10,
      expect.arrayContaining(['log_quarantined']),
    ])
    await before.restore()
  })

  test('let an account go on by themselves once its payment is known again and dealt with', async () => {
    await forgottenPayment('3')
    expect((await request('1')).body.error).toBe('WITHDRAWALS_PAUSED')
    await settle()
    expect(await alerts()).toEqual(['log_quarantined', 'withdrawals_paused'])
    await client.sql(`update chain_logs set status = 'resolved' where account = $1`, [account.account])
    await client.sql(`select ledger.resume_withdrawals('booked')`)
    const answer = await request('7')
    expect([answer.status, answer.body.nonce, await take(answer)]).toEqual([200, 1, 'success'])
  })

  test('or with another system’s payments before them: a person accepts the counter, and withdrawals begin there', async () => {
    await forgottenPayment('3')
    expect((await request('1')).body.error).toBe('WITHDRAWALS_PAUSED')
    const silent = await operator('accept-counter', account.address, '1')
    expect([silent.code, silent.error]).toEqual([2, expect.stringContaining('usage')])
    const done = await operator('accept-counter', account.address, '1', '--why', 'paid by the system before')
    expect([done.error, done.code, done.out]).toEqual([
      '',
      0,
      expect.stringContaining('has nonce 1 at least'),
    ])
    expect(await alerts()).toEqual([])
    const [doubt] = await client.sql<{ why: string }>(
      'select cleared_why as why from counter_doubts where account = $1',
      [account.account],
    )
    expect(doubt?.why).toMatch(/^accepted 1 by \w+: paid by the system before$/)
    const answer = await request('7')
    expect([answer.status, answer.body.nonce, await take(answer)]).toEqual([200, 1, 'success'])
    await settle()
    expect(await rowsOf(client, account.account)).toEqual(['released 0', 'confirmed 1'])
    const less = await operator('accept-counter', account.address, '1', '--why', 'a mistake')
    expect([less.code, less.error]).toEqual([1, expect.stringContaining('a payment above it was settled')])
  })
})

const operator = async (...args: string[]) => await alertsCommand(stack.manifest.databaseUrl, ...args)
