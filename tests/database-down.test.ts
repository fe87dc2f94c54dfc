import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { checkInvariants } from '../scripts/stack/invariants.ts'
import { AFTER_SQL_KINDS, BEFORE_SQL_KINDS } from '../scripts/stack/neon-proxy-refusals.ts'
import { newKey } from './support/client.ts'
import { ownStack } from './support/own-stack.ts'
import { newSolana, signedCalls } from './support/subaccounts.ts'
import { until } from './support/until.ts'

let own: Awaited<ReturnType<typeof ownStack>>
beforeAll(async () => {
  own = await ownStack()
})
afterAll(async () => await own.stop())

const move = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }

describe('a database that is down', () => {
  test('answers 503 within 5 s, tells nothing more, and serves by itself when it is back', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '10' })
    await stack.postgres.stop('immediate')
    // The first call may meet a connection that Postgres has just cut, of which nobody knows what it did.
    await client.call('/spot/balances', { token })
    await client.call('/admin/spot/balances/credit', {
      apiKey: client.manifest.adminApiKey,
      json: { user_address: account, token: 'USDT', amount: '1' },
    })
    for (const [path, options] of [
      ['/spot/transfer', { token, json: move }],
      ['/spot/balances', { token }],
      [
        '/admin/spot/balances/credit',
        { apiKey: client.manifest.adminApiKey, json: { user_address: account, token: 'USDT', amount: '1' } },
      ],
    ] as const) {
      const startedAt = Date.now()
      const answer = await client.call(path, options)
      expect([answer.status, answer.body.error, answer.headers.get('retry-after')]).toEqual([
        503,
        'SERVICE_BUSY',
        '1',
      ])
      expect(Date.now() - startedAt).toBeLessThan(5_000)
      expect(answer.text).not.toMatch(/ECONN|postgres|127\.0\.0\.1|tidegate_/i)
    }
    await stack.postgres.restart()
    const back = await until(async () => {
      const answer = await client.transfer(token, move)
      return answer.status === 200 ? answer : null
    }, 'service to come back')
    expect(back.body.perp_balance_after).toBe('1')
  })

  test('answers within 5 s when the database hangs, and the row is not left locked', async () => {
    const { client, stack } = own
    const { token } = await client.newAccount({ USDT: '10' })
    stack.proxy.control({ delayMs: 6_000 })
    const startedAt = Date.now()
    const answer = await client.transfer(token, move)
    expect([answer.status, answer.body.error]).toEqual([500, 'internal error'])
    expect(Date.now() - startedAt).toBeLessThan(5_000)
    stack.proxy.control({ delayMs: 0 })
    await until(async () => (await client.transfer(token, move)).status === 200, 'the row to be free')
  })

  test('says of a lost answer that it may have been carried out, and the key then brings the first answer back', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '10' })
    const headers = { 'Idempotency-Key': newKey() }
    stack.proxy.control({ next: [{ kind: 'cutAfterCommit', match: 'ledger.transfer' }] })
    const lost = await client.transfer(token, move, headers)
    expect([lost.status, lost.body.error]).toEqual([500, 'internal error'])
    expect(lost.body.message).toContain('may have been carried out; repeat it with its Idempotency-Key')
    const again = await client.transfer(token, move, headers)
    expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
    expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '1', 'spot USDT': '9' })
  })

  test('tells who sent no key to look before repeating, since a new one would move the money again', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '10' })
    stack.proxy.control({ next: [{ kind: 'cutAfterCommit', match: 'ledger.transfer' }] })
    const lost = await client.transfer(token, move)
    expect([lost.status, lost.body.message]).toEqual([
      500,
      'no answer came from the ledger: the request may have been carried out; look before you repeat it',
    ])
    expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '1', 'spot USDT': '9' })
  })

  test('answers 503 and moves nothing when a row stays locked by somebody else', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '10' })
    const { default: pg } = await import('pg')
    const holder = new pg.Client({ connectionString: stack.manifest.databaseUrl })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select 1 from balances where account = $1 for update', [account])
    const answer = await client.transfer(token, move)
    await holder.end()
    expect([answer.status, answer.body.error, answer.headers.get('retry-after')]).toEqual([
      503,
      'SERVICE_BUSY',
      '1',
    ])
    expect(await client.balancesOf(account)).toEqual({ 'spot USDT': '10' })
  })

  test('says of a statement that the front refused before any SQL that nothing was done, in both families', async () => {
    const { client, stack } = own
    const signed = signedCalls(client)
    const { main, sub } = await signed.family({ SOL: '10' })
    const { account, token } = await client.newAccount({ USDT: '10' })
    for (const kind of BEFORE_SQL_KINDS) {
      stack.proxy.control({ next: [{ kind, match: 'ledger.transfer' }] })
      const answer = await client.transfer(token, move)
      expect([kind, answer.status, answer.body.error]).toEqual([kind, 503, 'SERVICE_BUSY'])
      expect([answer.headers.get('retry-after'), answer.body.message]).toEqual([
        '1',
        expect.stringContaining('nothing was done'),
      ])
      stack.proxy.control({ next: [{ kind, match: 'transfer_in_family' }] })
      const sent = await signed.spot(main, { to_account: sub.address, amount: '1' })
      expect([kind, sent.status, sent.body.error_id, sent.headers.get('retry-after')]).toEqual([
        kind,
        503,
        'service_busy',
        '1',
      ])
    }
    expect(await client.balancesOf(account)).toEqual({ 'spot USDT': '10' })
    expect(await client.balancesOf(main.address)).toEqual({ 'spot SOL': '10' })
  })

  test('says of a statement that ran and whose answer is none that it may have been carried out', async () => {
    const { client, stack } = own
    for (const kind of AFTER_SQL_KINDS) {
      const { account, token } = await client.newAccount({ USDT: '10' })
      const headers = { 'Idempotency-Key': newKey() }
      stack.proxy.control({ next: [{ kind, match: 'ledger.transfer' }] })
      const answer = await client.transfer(token, move, headers)
      expect([kind, answer.status, answer.body.error]).toEqual([kind, 500, 'internal error'])
      expect(answer.body.message).toContain('may have been carried out')
      const again = await client.transfer(token, move, headers)
      expect([again.status, again.headers.get('idempotency-replayed')]).toEqual([200, 'true'])
      expect(await client.balancesOf(account)).toEqual({ 'perp USDT': '1', 'spot USDT': '9' })
    }
  })

  test('says of a read without an answer that it can be asked again, and never that it may have been carried out', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '10' })
    const { send: sendSigned } = signedCalls(client)
    const list = async () => await sendSigned('/account/subaccount/list', 'list_subaccounts', newSolana(), {})
    const reads = [
      { match: 'balances', send: async () => await client.call('/spot/balances', { token }) },
      { match: 'withdrawals', send: async () => await client.call('/spot/withdrawals', { token }) },
      { match: 'next_login_nonce', send: async () => await client.call(`/auth/nonce/${account}`) },
      { match: 'list_subaccounts', send: list },
    ]
    for (const { match, send } of reads) {
      stack.proxy.control({ next: [{ kind: 'cutAfterCommit', match }] })
      const answer = await send()
      expect([match, answer.status]).toEqual([match, 500])
      expect(answer.text).toContain('ask again')
      expect(answer.text).not.toContain('carried out')
      expect([match, (await send()).status]).toEqual([match, 200])
    }
  })

  test('names no key where none is taken: whoever has no answer is told to look first', async () => {
    const { client, stack } = own
    const { token } = await client.newAccount()
    stack.proxy.control({ next: [{ kind: 'cutAfterCommit', match: 'create_api_key' }] })
    const { status, text } = await client.call('/api-keys', { token, json: {} })
    expect([status, text.includes('look before you repeat it'), text.includes('Idempotency-Key')]).toEqual([
      ...[500, true, false],
    ])
  })

  test('answers none of 40 calls behind a locked row with a doubt, and moves nothing', async () => {
    const { client, stack } = own
    const { account, token } = await client.newAccount({ USDT: '50' })
    const { default: pg } = await import('pg')
    const holder = new pg.Client({ connectionString: stack.manifest.databaseUrl })
    await holder.connect()
    await holder.query('begin')
    await holder.query('select 1 from balances where account = $1 for update', [account])
    const answers = await Promise.all(
      Array.from({ length: 40 }, async () => await client.transfer(token, move)),
    )
    await holder.end()
    expect(answers.map(({ status, body }) => `${status} ${body.error}`)).toEqual(
      answers.map(() => '503 SERVICE_BUSY'),
    )
    expect(await client.balancesOf(account)).toEqual({ 'spot USDT': '50' })
  })

  test('leaves a sound ledger behind', async () => {
    const results = await checkInvariants(own.stack.manifest.databaseUrl)
    expect(results.filter((result) => result.violations > 0)).toEqual([])
  })
})
