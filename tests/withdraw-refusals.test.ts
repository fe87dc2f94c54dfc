import { describe, expect, test } from 'vitest'
import { WITHDRAWALS_OPEN_MAX } from '../functions/_lib/limits.ts'
import { clientOf, newKey } from './support/client.ts'
import { resolveLogs, storeLog } from './support/stored-log.ts'
import { requestWithdrawal, rowsOf } from './support/withdrawals.ts'

const client = clientOf()
const { manifest } = client

test(`an account has at most ${WITHDRAWALS_OPEN_MAX} open withdrawals: one more reserves nothing`, async () => {
  const account = await client.newAccount({ DF: '100' })
  const json = { token: 'DF', amount: '1' }
  for (let open = 0; open < WITHDRAWALS_OPEN_MAX; open += 1) {
    const answer = await client.call('/spot/withdraw/request', { token: account.token, json })
    expect([open, answer.status]).toEqual([open, 200])
  }
  const before = await client.rowCounts(account.account)
  const answer = await client.call('/spot/withdraw/request', { token: account.token, json })
  expect([answer.status, answer.body.error]).toEqual([400, 'LIMIT_REACHED'])
  expect(await client.rowCounts(account.account)).toBe(before)
})

describe('a refused request changes nothing', () => {
  const refusals: [string, object, number, string][] = [
    ['a token that is not enabled', { token: 'USDT', amount: '1' }, 400, 'UNSUPPORTED_TOKEN'],
    [
      'an unknown token, though the amount is bad too',
      { token: 'NOPE', amount: 'x' },
      400,
      'UNSUPPORTED_TOKEN',
    ],
    ['a token with a zero byte', { token: 'DF\u0000', amount: '1' }, 400, 'INVALID_REQUEST'],
    ['a number for an amount', { token: 'DF', amount: 1 }, 400, 'INVALID_AMOUNT'],
    ['an exponent', { token: 'DF', amount: '1e3' }, 400, 'INVALID_AMOUNT'],
    ['NaN', { token: 'DF', amount: 'NaN' }, 400, 'INVALID_AMOUNT'],
    ['19 decimals', { token: 'DF', amount: '1.0000000000000000001' }, 400, 'INVALID_AMOUNT'],
    ['zero', { token: 'DF', amount: '0' }, 400, 'AMOUNT_NON_POSITIVE'],
    ['a negative amount', { token: 'DF', amount: '-5' }, 400, 'AMOUNT_NON_POSITIVE'],
    ['less than the minimum', { token: 'DF', amount: '0.999999999999999999' }, 400, 'amount below minimum 1'],
    [
      'a minimum before the recipient',
      { token: 'DF', amount: '0.5', recipient: 'x' },
      400,
      'amount below minimum 1',
    ],
    [
      'a bad amount before the recipient',
      { token: 'DF', amount: 'x', recipient: 'x' },
      400,
      'INVALID_AMOUNT',
    ],
    [
      'a recipient that is no address',
      { token: 'DF', amount: '1', recipient: '0x12' },
      400,
      'INVALID_RECIPIENT',
    ],
    [
      'the zero address',
      { token: 'DF', amount: '1', recipient: '0x' + '0'.repeat(40) },
      400,
      'INVALID_RECIPIENT',
    ],
    [
      'the vault as recipient',
      { token: 'DF', amount: '1', recipient: manifest.vault },
      400,
      'INVALID_RECIPIENT',
    ],
    [
      'the contract of the token as recipient, in capitals',
      { token: 'DF', amount: '1', recipient: `0x${manifest.tokens.DF!.address.slice(2).toUpperCase()}` },
      400,
      'INVALID_RECIPIENT',
    ],
    [
      'the contract of another token as recipient',
      { token: 'DF', amount: '1', recipient: manifest.tokens.USDT!.address },
      400,
      'INVALID_RECIPIENT',
    ],
    [
      'a recipient with a wrong checksum',
      { token: 'DF', amount: '1', recipient: '0x70997970C51812dc3A010C7d01b50e0d17dc79c8' },
      400,
      'INVALID_RECIPIENT',
    ],
    [
      'a Solana recipient',
      { token: 'DF', amount: '1', recipient: 'AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9' },
      400,
      'INVALID_RECIPIENT',
    ],
    [
      'a bad recipient before the balance',
      { token: 'DF', amount: '99', recipient: 'x' },
      400,
      'INVALID_RECIPIENT',
    ],
    ['more than is available', { token: 'DF', amount: '5.000000000000000001' }, 400, 'INSUFFICIENT_BALANCE'],
    ['the largest amount', { token: 'DF', amount: '99999999999999999999' }, 400, 'INSUFFICIENT_BALANCE'],
    ['a missing amount', { token: 'DF' }, 400, 'INVALID_REQUEST'],
    ['an unknown field', { token: 'DF', amount: '1', nonce: 4 }, 400, 'INVALID_REQUEST'],
    ['a recipient of another type', { token: 'DF', amount: '1', recipient: 7 }, 400, 'INVALID_REQUEST'],
  ]
  test.each(refusals)('%s', async (_what, body, status, error) => {
    const account = await client.newAccount({ DF: '5' })
    const before = await client.rowCounts(account.account)
    const headers = { 'Idempotency-Key': newKey() }
    const answer = await client.call('/spot/withdraw/request', { token: account.token, json: body, headers })
    expect([answer.status, answer.body.error]).toEqual([status, error])
    expect(await client.rowCounts(account.account)).toBe(before)
  })

  test('a Solana account: UNSUPPORTED_ACCOUNT, after the recipient was looked at', async () => {
    const token = await client.sessionFor('AKnL4NNf3DGWZJS6cPknBuEGnVsV4A4m5tgebLHaRSZ9')
    const own = await requestWithdrawal(client, { token }, '1')
    expect([own.status, own.body.error]).toEqual([400, 'UNSUPPORTED_ACCOUNT'])
    const bad = await requestWithdrawal(client, { token }, '1', { body: { recipient: 'x' } })
    expect(bad.body.error).toBe('INVALID_RECIPIENT')
  })

  test('an API key is refused before anything else, and no credential is UNAUTHORIZED', async () => {
    const withKey = await client.call('/spot/withdraw/request', { apiKey: 'tg_x', json: {} })
    expect([withKey.status, withKey.body.error]).toEqual([403, 'API Key permission denied'])
    const without = await client.call('/spot/withdraw/request', { json: { token: 'DF', amount: '1' } })
    expect([without.status, without.body.error]).toEqual([401, 'UNAUTHORIZED'])
  })

  test('an account with an event in quarantine is paused, and goes on once somebody has looked', async () => {
    const account = await client.newAccount({ DF: '5' })
    const [token] = await client.sql<{ contract: string }>(`select contract from tokens where symbol = 'DF'`)
    const hash = await storeLog(client.sql, {
      ...{ chainId: manifest.chainId, vault: manifest.vault, event: 'deposit' },
      ...{
        account: account.account,
        contract: token!.contract,
        data: '0x',
        status: 'quarantined',
        reason: 'test',
      },
    })
    const paused = await requestWithdrawal(client, account)
    expect([paused.status, paused.body.error]).toEqual([503, 'WITHDRAWALS_PAUSED'])
    await resolveLogs(client.sql, hash, false)
    expect((await requestWithdrawal(client, account)).status).toBe(200)
  })
})

describe('an Idempotency-Key', () => {
  test('brings the first answer back byte for byte, and freezes nothing twice', async () => {
    const account = await client.newAccount({ DF: '5' })
    const headers = { 'Idempotency-Key': newKey() }
    const first = await requestWithdrawal(client, account, '2', { headers })
    const second = await requestWithdrawal(client, account, '2', { headers })
    expect(first.headers.get('Idempotency-Replayed')).toBeNull()
    expect(second.headers.get('Idempotency-Replayed')).toBe('true')
    expect([second.status, second.text]).toEqual([200, first.text])
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '3+2' })
  })

  test('with another body is 422, and nothing is frozen', async () => {
    const account = await client.newAccount({ DF: '5' })
    const headers = { 'Idempotency-Key': newKey() }
    await requestWithdrawal(client, account, '2', { headers })
    const others = [
      await requestWithdrawal(client, account, '3', { headers }),
      await requestWithdrawal(client, account, '2', { headers, body: { token: 'USDT' } }),
      await requestWithdrawal(client, account, '2', { headers, body: { recipient: `0x${'12'.repeat(20)}` } }),
    ]
    for (const other of others)
      expect([other.status, other.body.error]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
    expect(await client.balancesOf(account.account)).toEqual({ 'spot DF': '3+2' })
  })

  test('used 20 times at once gives one withdrawal; the others get its answer or 409', async () => {
    const account = await client.newAccount({ DF: '50' })
    const headers = { 'Idempotency-Key': newKey() }
    const answers = await Promise.all(
      Array.from({ length: 20 }, () => requestWithdrawal(client, account, '1', { headers })),
    )
    const signatures = answers
      .filter(({ status }) => status === 200)
      .map(({ body }) => body.signature as string)
    expect(new Set(signatures).size).toBe(1)
    const rest = answers.filter(({ status }) => status !== 200).map(({ body }) => body.error as string)
    expect(rest.filter((error) => !['REQUEST_IN_PROGRESS', 'SERVICE_BUSY'].includes(error))).toEqual([])
    expect(await rowsOf(client, account.account)).toEqual(['signed 0'])
  })

  test('of a refused request is not used up', async () => {
    const account = await client.newAccount({ DF: '1' })
    const headers = { 'Idempotency-Key': newKey() }
    expect((await requestWithdrawal(client, account, '2', { headers })).status).toBe(400)
    expect((await requestWithdrawal(client, account, '1', { headers })).status).toBe(200)
  })
})
