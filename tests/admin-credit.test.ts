import { describe, expect, test } from 'vitest'
import { clientOf, newKey } from './support/client.ts'
import { solanaWallet } from './support/wallets.ts'

const api = clientOf()
const key = api.manifest.adminApiKey
const credit = async (body: object, headers: Record<string, string> = {}) =>
  await api.call('/admin/spot/balances/credit', { apiKey: key, json: body, headers })

describe('POST /admin/spot/balances/credit', () => {
  test('credits the balance and writes the audit row in the same movement', async () => {
    const { account } = await api.newAccount()
    const answer = await credit({
      user_address: account,
      token: 'USDT',
      amount: '10000',
      reason: 'load test',
    })
    expect([answer.status, answer.text]).toEqual([200, '{"ok":true}'])
    expect(await api.balancesOf(account)).toEqual({ 'spot USDT': '10000' })
    const rows = await api.sql(
      `select c.token, trim_scale(c.amount)::text as amount, c.reason, c.admin_actor, c.request_id, t.kind, t.from_account
       from spot_admin_credits c join transfers t on t.id = c.transfer_id where c.user_address = $1`,
      [account],
    )
    const request_id = answer.headers.get('x-request-id')
    expect(rows).toEqual([
      {
        token: 'USDT',
        amount: '10000',
        reason: 'load test',
        admin_actor: 'admin_api_key',
        request_id,
        kind: 'credit',
        from_account: 'issuance',
      },
    ])
  })

  test('stores an EVM address in lower case whatever case it came in', async () => {
    const { account, address } = await api.newAccount()
    const spellings = [account, address, `0x${account.slice(2).toUpperCase()}`]
    for (const user_address of spellings)
      expect((await credit({ user_address, token: 'DF', amount: '1' })).status).toBe(200)
    expect(await api.balancesOf(account)).toEqual({ 'spot DF': '3' })
  })

  test('credits a Solana address and keeps its case', async () => {
    const { address } = solanaWallet(crypto.getRandomValues(new Uint8Array(32)))
    expect((await credit({ user_address: address, token: 'SOL', amount: '1.5' })).status).toBe(200)
    expect(await api.balancesOf(address)).toEqual({ 'spot SOL': '1.5' })
  })

  test.each([
    ['an address with one digit too few', { user_address: '0x' + 'a'.repeat(39) }, 'INVALID_ADDRESS'],
    [
      'a mixed-case address with a wrong checksum',
      { user_address: '0x' + 'aB'.repeat(20) },
      'INVALID_ADDRESS',
    ],
    ['an empty address before a wrong token', { user_address: '', token: 'NOPE' }, 'INVALID_ADDRESS'],
    ['an unknown token', { token: 'NOPE' }, 'UNSUPPORTED_TOKEN'],
    ['an unknown token before a wrong amount', { token: 'NOPE', amount: '1e3' }, 'UNSUPPORTED_TOKEN'],
    ['an amount as a JSON number', { amount: 5 }, 'INVALID_AMOUNT'],
    ['more decimals than the token has', { amount: '1.0000001' }, 'INVALID_AMOUNT'],
    ['21 digits', { amount: '100000000000000000000' }, 'INVALID_AMOUNT'],
    ['zero', { amount: '0.0' }, 'AMOUNT_NON_POSITIVE'],
    ['a negative amount', { amount: '-5' }, 'AMOUNT_NON_POSITIVE'],
    ['a reason of 501 characters', { reason: 'x'.repeat(501) }, 'INVALID_REQUEST'],
    ['an unknown field', { extra: 1 }, 'INVALID_REQUEST'],
  ])('refuses %s and credits nothing', async (_what, change, code) => {
    const { account } = await api.newAccount()
    const answer = await credit({ user_address: account, token: 'USDT', amount: '1', ...change })
    expect([answer.status, answer.body.error]).toEqual([400, code])
    expect(await api.rowCounts(account)).toBe('0 0 0 0')
  })

  test.each([
    ['no key', undefined],
    ['another key', 'f'.repeat(64)],
    ['the key with one character more', key + 'a'],
    ['the beginning of the key', key.slice(0, -1)],
  ])('refuses a caller with %s and credits nothing', async (_what, apiKey) => {
    const { account, token } = await api.newAccount()
    const answer = await api.call('/admin/spot/balances/credit', {
      ...(apiKey === undefined ? {} : { apiKey }),
      token,
      json: { user_address: account, token: 'USDT', amount: '1' },
    })
    expect([answer.status, answer.body.error]).toEqual([401, 'UNAUTHORIZED'])
    expect(await api.rowCounts(account)).toBe('0 0 0 0')
  })

  test('credits once for one Idempotency-Key, also when 20 copies come at once', async () => {
    const { account } = await api.newAccount()
    const headers = { 'Idempotency-Key': newKey() }
    const body = { user_address: account, token: 'USDT', amount: '7' }
    const answers = await Promise.all(Array.from({ length: 20 }, () => credit(body, headers)))
    expect(
      answers.filter(
        (answer) => answer.status === 200 && answer.headers.get('idempotency-replayed') === null,
      ),
    ).toHaveLength(1)
    for (const answer of answers) expect([200, 409]).toContain(answer.status)
    for (const other of [
      { amount: '8' },
      { token: 'DF' },
      { reason: 'another' },
      { user_address: `0x${'34'.repeat(20)}` },
    ])
      expect((await credit({ ...body, ...other }, headers)).body.error).toBe('IDEMPOTENCY_KEY_REUSED')
    expect(await api.balancesOf(account)).toEqual({ 'spot USDT': '7' })
  })

  test('lets nobody edit or delete what it wrote: history and audit are append-only even for the owner', async () => {
    const { account } = await api.newAccount({ USDT: '1' })
    const mine = `to_no = (select account_no from ledger.accounts where address = '${account}')`
    for (const statement of [
      `update ledger.movements set amount = 2 where ${mine}`,
      `update ledger.movements set to_available = 2 where ${mine}`,
      `delete from ledger.movements where ${mine}`,
      `delete from spot_admin_credits where user_address = '${account}'`,
      'truncate ledger.movements',
      'truncate ledger.movements_default',
    ]) {
      await expect(api.sql(statement)).rejects.toMatchObject({ code: 'TG099' })
    }
    expect(await api.balancesOf(account)).toEqual({ 'spot USDT': '1' })
  })
})
