import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import type { Fault } from '../scripts/stack/kms-faults.ts'
import type { Stack } from '../scripts/stack/stack.ts'
import { newKey, type Client } from './support/client.ts'
import { functionLog } from './support/function-log.ts'
import { ownStack } from './support/own-stack.ts'
import { until } from './support/until.ts'
import { connectionsOfFunctions, requestWithdrawal, rowsOf } from './support/withdrawals.ts'

const KMS_TIMEOUT_MS = 3_000
/** Long enough for everything that must happen while KMS works, on a busy machine; still below the limit. */
const SLOW_MS = 2_500
let stack: Stack
let client: Client
let folder: string
let stop: () => Promise<void>

beforeAll(async () => {
  ;({ stack, client, folder, stop } = await ownStack({ KMS_TIMEOUT_MS: String(KMS_TIMEOUT_MS) }))
})
afterAll(async () => {
  try {
    const broken = (await checkInvariants(stack.manifest.databaseUrl)).filter(
      ({ violations }) => violations > 0,
    )
    expect(broken).toEqual([])
  } finally {
    await stop()
  }
})
beforeEach(() => {
  stack.kms.control({ faults: [], clearLog: true })
  stack.rpc.setFaults({})
})

const failing: [string, Fault, number, string, string][] = [
  ['throttles', { kind: 'throttle' }, 503, 'SIGNER_UNAVAILABLE', 'signer_unavailable'],
  ['fails', { kind: 'error500' }, 503, 'SIGNER_UNAVAILABLE', 'signer_unavailable'],
  ['is unreachable', { kind: 'down' }, 503, 'SIGNER_UNAVAILABLE', 'signer_unavailable'],
  ['breaks off its answer', { kind: 'cut' }, 503, 'SIGNER_UNAVAILABLE', 'signer_unavailable'],
  ['hangs', { kind: 'hang' }, 503, 'SIGNER_UNAVAILABLE', 'signer_unavailable'],
  [
    'is slower than the limit',
    { kind: 'slow', ms: 2 * KMS_TIMEOUT_MS },
    503,
    'SIGNER_UNAVAILABLE',
    'signer_unavailable',
  ],
  ['answers with another key', { kind: 'wrongKey' }, 500, 'sign failed', 'sign_failed'],
  ['answers no DER', { kind: 'garbage', shape: 'der' }, 500, 'sign failed', 'sign_failed'],
  ['answers no JSON', { kind: 'garbage', shape: 'json' }, 500, 'sign failed', 'sign_failed'],
  ['answers no signature', { kind: 'garbage', shape: 'empty' }, 500, 'sign failed', 'sign_failed'],
]

describe('when KMS', () => {
  test.each(failing)(
    '%s, it is asked once, the funds are back, and nonce and key are free again',
    async (_what, fault, status, error, reason) => {
      const account = await client.newAccount({ DF: '5' })
      const headers = { 'Idempotency-Key': newKey() }
      stack.kms.control({ faults: [fault], clearLog: true })
      const failed = await requestWithdrawal(client, account, '2', { headers })
      expect([failed.status, failed.body.error]).toEqual([status, error])
      expect(failed.body.message).toMatch(/the funds are back$/)
      expect(failed.headers.get('Retry-After')).toBe(status === 503 ? '2' : null)
      expect(failed.text).not.toMatch(/signature.*0x|aws|arn|Exception/i)
      expect(stack.kms.control().signCalls).toBe(1)
      expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '5' })
      const rows = await client.sql(
        'select status, given_back_reason, signature, closed_at is not null as closed from withdrawals where account = $1',
        [account.account],
      )
      expect(rows).toEqual([{ status: 'released', given_back_reason: reason, signature: null, closed: true }])
      // A key that is not the signer's does not mend itself: a person is told, and of nothing else here.
      const told = await client.sql(
        `update alerts set resolved_at = now() where resolved_at is null and kind = 'kms_wrong_key' returning detail ->> 'vault' as vault`,
      )
      const vault = stack.manifest.vault.toLowerCase()
      expect(told).toEqual(fault.kind === 'wrongKey' ? [{ vault }] : [])

      stack.kms.control({ faults: [] })
      const again = await requestWithdrawal(client, account, '2', { headers })
      expect([again.status, again.body.nonce]).toEqual([200, 0])
      expect(again.headers.get('Idempotency-Replayed')).toBeNull()
      expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '3+2' })
    },
  )

  test('is slow, another request of the account gets 409, and no transaction or lock is held meanwhile', async () => {
    const account = await client.newAccount({ DF: '5' })
    expect((await requestWithdrawal(client, account)).status).toBe(200)
    stack.kms.control({ faults: [{ kind: 'slow', ms: SLOW_MS }], clearLog: true })
    const headers = { 'Idempotency-Key': newKey() }
    const slow = requestWithdrawal(client, account, '1', { headers })
    await until(() => stack.kms.control().signCalls === 1, 'the Sign call')

    const { all, busy } = await connectionsOfFunctions(client)
    expect([all > 0, busy]).toEqual([true, 0])
    const other = await requestWithdrawal(client, account)
    expect([other.status, other.body.error]).toEqual([409, 'WITHDRAWAL_IN_PROGRESS'])
    const repeated = await requestWithdrawal(client, account, '1', { headers })
    expect([repeated.status, repeated.body.error]).toEqual([409, 'REQUEST_IN_PROGRESS'])
    // KMS was still at work through all of it.
    expect(stack.kms.control().signLog.at(-1)?.outcome).toBe('pending')
    expect((await slow).status).toBe(200)
    expect(await rowsOf(client, account.account)).toEqual(['signed 0', 'signed 1'])
  })

  test('is slow and the caller hangs up, the signature is stored all the same', async () => {
    const account = await client.newAccount({ DF: '5' })
    stack.kms.control({ faults: [{ kind: 'slow', ms: SLOW_MS }], clearLog: true })
    const abort = new AbortController()
    const request = fetch(`${stack.manifest.baseUrl}/spot/withdraw/request`, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', Authorization: `Bearer ${account.token}` },
      body: JSON.stringify({ token: 'DF', amount: '1' }),
      signal: abort.signal,
    })
    await until(() => stack.kms.control().signCalls === 1, 'the Sign call')
    abort.abort()
    await expect(request).rejects.toThrow()
    await until(async () => (await rowsOf(client, account.account))[0] === 'signed 0', 'the stored signature')
  })

  test('finishes after the reservation was given back, its signature is thrown away and the new owner of the nonce is paid for', async () => {
    const account = await client.newAccount({ DF: '5' })
    stack.kms.control({
      faults: [{ kind: 'slow', ms: SLOW_MS, calls: 1, operation: 'Sign' }],
      clearLog: true,
    })
    const slow = requestWithdrawal(client, account, '2')
    await until(() => stack.kms.control().signCalls === 1, 'the Sign call')
    const [row] = await client.sql<{ id: string }>(
      `select id from withdrawals where account = $1 and status = 'reserved'`,
      [account.account],
    )
    await client.sql(`select ledger.give_back($1, 'reservation_timeout')`, [row!.id])
    const next = await requestWithdrawal(client, account, '3')
    expect([next.status, next.body.nonce]).toEqual([200, 0])
    const late = await slow
    expect([late.status, late.body.error]).toEqual([503, 'SIGNER_UNAVAILABLE'])
    expect(late.text).not.toMatch(/0x[0-9a-f]{130}/)
    expect(await rowsOf(client, account.account)).toEqual(['released 0', 'signed 0'])
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '2+3' })
  })
})

describe('a pause', () => {
  const pause = async (engaged: boolean) =>
    await client.sql(`update switches set engaged = $1 where name = 'withdrawals_paused'`, [engaged])

  test('stops requests before KMS is asked, and before any look at the token', async () => {
    const account = await client.newAccount({ DF: '5' })
    const headers = { 'Idempotency-Key': newKey() }
    const first = await requestWithdrawal(client, account, '1', { headers })
    await pause(true)
    try {
      stack.kms.control({ clearLog: true })
      const answer = await requestWithdrawal(client, account, 'x', { body: { token: 'NOPE' } })
      expect([answer.status, answer.body.error]).toEqual([503, 'WITHDRAWALS_PAUSED'])
      expect(stack.kms.control().signCalls).toBe(0)
      // What was signed before stays the caller's.
      expect((await requestWithdrawal(client, account, '1', { headers })).text).toBe(first.text)
    } finally {
      await pause(false)
    }
  })

  test('that comes while KMS works keeps that signature in: 503, and the funds are back', async () => {
    const account = await client.newAccount({ DF: '5' })
    stack.kms.control({ faults: [{ kind: 'slow', ms: SLOW_MS }], clearLog: true })
    const slow = requestWithdrawal(client, account, '2')
    await until(() => stack.kms.control().signCalls === 1, 'the Sign call')
    await pause(true)
    try {
      const answer = await slow
      expect([answer.status, answer.body.error]).toEqual([503, 'WITHDRAWALS_PAUSED'])
      expect(await rowsOf(client, account.account)).toEqual(['released 0'])
      expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '5' })
    } finally {
      await pause(false)
    }
  })
})

describe('the cost', () => {
  test('of any withdrawal, the first one too, is two database round trips, one KMS call and one chain read', async () => {
    const account = await client.newAccount({ DF: '5' })
    for (let turn = 0; turn < 2; turn += 1) {
      stack.proxy.control({ reset: true })
      stack.rpc.resetCounters()
      stack.kms.control({ clearLog: true })
      expect((await requestWithdrawal(client, account)).status).toBe(200)
      expect(stack.proxy.roundTrips().total).toBe(2)
      expect([stack.rpc.counters().httpRequests, stack.rpc.counters().methods]).toEqual([1, { eth_call: 1 }])
      expect(stack.kms.control().signCalls).toBe(1)
    }
  })
})

describe('other settings', () => {
  const unfit = async () =>
    (
      await client.sql<{ faults: string[] }>(
        `update alerts set resolved_at = now() where kind = 'vault_unfit' and resolved_at is null returning detail -> 'faults' as faults`,
      )
    ).map(({ faults }) => faults)

  test('a VAULT_ADDRESS that is no vault refuses with its own reason, also to a person, and not that the chain is silent', async () => {
    const account = await client.newAccount({ DF: '5' })
    await stack.restartGateway({ VAULT_ADDRESS: stack.chain.tokens.DF.address })
    try {
      const { status, body, headers } = await requestWithdrawal(client, account)
      expect([status, body.error, body.message]).toEqual([
        503,
        'WITHDRAWALS_PAUSED',
        'the vault would not accept our signature; the funds are back',
      ])
      expect(await unfit()).toEqual([['contract']])
      const id = headers.get('x-request-id') ?? ''
      const failure = await until(
        async () => (await functionLog(folder)).find((line) => line.includes(id) && line.includes('causes')),
        'the line that says why',
      )
      expect(failure).toContain('VAULT_ADDRESS is no vault: its contract does not answer as one')
      expect(await rowsOf(client, account.account)).toEqual(['released 0'])
    } finally {
      await stack.restartGateway({ VAULT_ADDRESS: stack.manifest.vault })
    }
  })

  test('decimals of the token count: seven are too many for six, and the wei are exact', async () => {
    await client.sql(`update tokens set withdrawable = true where symbol = 'USDT'`)
    const account = await client.newAccount({ USDT: '12345678901234567.123456' })
    const usdt = { body: { token: 'USDT' } }
    const refused = await requestWithdrawal(client, account, '1.0000001', usdt)
    expect([refused.status, refused.body.error]).toEqual([400, 'INVALID_AMOUNT'])
    const { body } = await requestWithdrawal(client, account, '12345678901234567.1234560', usdt)
    expect([body.amount, body.amount_in_wei]).toEqual(['12345678901234567.123456', '12345678901234567123456'])
  })

  test('SPOT_ENABLED off answers 503 to a session and 403 to an API key; a short WITHDRAW_TTL_SECONDS is obeyed', async () => {
    const account = await client.newAccount({ DF: '5' })
    await stack.restartGateway({ SPOT_ENABLED: 'TRUE', WITHDRAW_TTL_SECONDS: '1' })
    const off = await requestWithdrawal(client, account)
    expect([off.status, off.body.error]).toEqual([503, 'spot subsystem disabled'])
    const key = await client.call('/spot/withdraw/request', {
      apiKey: 'x',
      json: { token: 'DF', amount: '1' },
    })
    expect(key.status).toBe(403)
    await stack.restartGateway({ SPOT_ENABLED: 'true' })
    const { body } = await requestWithdrawal(client, account)
    const read = await client.call(`/spot/withdrawals/${body.id}`, { token: account.token })
    expect(read.body.deadline - read.body.requested_at).toBe(1)
  })

  test('the first requests after a start may come all at once: none waits for another’s KMS client', async () => {
    const accounts = await Promise.all(Array.from({ length: 20 }, () => client.newAccount({ DF: '1' })))
    await stack.restartGateway()
    const answers = await Promise.all(accounts.map((account) => requestWithdrawal(client, account)))
    expect(answers.map(({ status }) => status)).toEqual(Array(20).fill(200))
  })
})
