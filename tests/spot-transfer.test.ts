import { describe, expect, test } from 'vitest'
import { clientOf, newKey } from './support/client.ts'

const api = clientOf()
const move = (direction: string, amount: unknown, token = 'USDT') => ({ token, direction, amount })

describe('POST /spot/transfer', () => {
  test('moves both balances by exactly the amount and answers what it wrote', async () => {
    const { account, token } = await api.newAccount({ USDT: '10000' })
    expect((await api.transfer(token, move('spot_to_perp', '5000'))).status).toBe(200)
    const answer = await api.transfer(token, move('perp_to_spot', '100'))
    expect(answer.status).toBe(200)
    expect(answer.body).toEqual({
      direction: 'perp_to_spot',
      token: 'USDT',
      amount: '100',
      perp_balance_after: '4900',
      spot_balance_after: '5100',
      transfer_id: expect.stringMatching(
        /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
      ) as string,
      created_at: expect.any(Number) as number,
    })
    expect(Math.abs(answer.body.created_at - Date.now() / 1000)).toBeLessThan(60)
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '4900', 'spot USDT': '5100' })
  })

  test('keeps every digit of the smallest and of a long amount, and rounds nothing', async () => {
    const { account, token } = await api.newAccount({ USDT: '12345678901234567890.123456' })
    const answer = await api.transfer(token, move('spot_to_perp', '12345678901234567890.123455'))
    expect(answer.body).toMatchObject({
      amount: '12345678901234567890.123455',
      spot_balance_after: '0.000001',
    })
    expect((await api.transfer(token, move('spot_to_perp', '0.000001'))).body).toMatchObject({
      spot_balance_after: '0',
    })
    expect(await api.balancesOf(account)).toEqual({
      'perp USDT': '12345678901234567890.123456',
      'spot USDT': '0',
    })
  })

  test('strips trailing zeros and never answers an exponent', async () => {
    const { token } = await api.newAccount({ USDT: '100.100000' })
    const answer = await api.transfer(token, move('spot_to_perp', '0.000010'))
    expect(answer.body).toMatchObject({
      amount: '0.00001',
      perp_balance_after: '0.00001',
      spot_balance_after: '100.09999',
    })
  })

  test.each([
    ['a direction that is neither of the two', { direction: 'sideways' }, 'INVALID_DIRECTION'],
    [
      'a wrong direction before a wrong token and amount',
      { direction: '', token: 'NOPE', amount: 'x' },
      'INVALID_DIRECTION',
    ],
    ['a token that does not exist', { token: 'NOPE' }, 'UNSUPPORTED_TOKEN'],
    ['a token that is not enabled for transfers', { token: 'DF' }, 'UNSUPPORTED_TOKEN'],
    ['a token in other letters', { token: 'usdt' }, 'UNSUPPORTED_TOKEN'],
    ['a wrong token before a wrong amount', { token: 'DF', amount: 'x' }, 'UNSUPPORTED_TOKEN'],
    ['an amount as a JSON number', { amount: 1 }, 'INVALID_AMOUNT'],
    ['an amount with an exponent', { amount: '1e3' }, 'INVALID_AMOUNT'],
    ['more decimals than the token has', { amount: '0.0000001' }, 'INVALID_AMOUNT'],
    ['a negative amount with too many decimals', { amount: '-0.0000001' }, 'INVALID_AMOUNT'],
    ['zero', { amount: '0' }, 'AMOUNT_NON_POSITIVE'],
    ['zero with decimals', { amount: '0.000' }, 'AMOUNT_NON_POSITIVE'],
    ['a negative amount', { amount: '-1' }, 'AMOUNT_NON_POSITIVE'],
    ['more than there is', { amount: '100.000001' }, 'INSUFFICIENT_BALANCE'],
    [
      'the right amount on the wrong side',
      { direction: 'perp_to_spot', amount: '1' },
      'INSUFFICIENT_BALANCE',
    ],
    ['a missing amount', { amount: undefined }, 'INVALID_REQUEST'],
    ['a missing token', { token: undefined }, 'INVALID_REQUEST'],
    ['a direction of the wrong type', { direction: 1 }, 'INVALID_REQUEST'],
  ])('refuses %s and moves nothing', async (_what, change, code) => {
    const { account, token } = await api.newAccount({ USDT: '100' })
    const before = await api.rowCounts(account)
    const answer = await api.transfer(
      token,
      { ...move('spot_to_perp', '1'), ...change },
      { 'Idempotency-Key': newKey() },
    )
    expect(answer.status).toBe(400)
    expect(answer.body).toEqual({
      error: code,
      message: expect.any(String) as string,
      request_id: answer.headers.get('x-request-id'),
    })
    expect(await api.rowCounts(account)).toBe(before)
  })

  test('names the field that is missing', async () => {
    const { token } = await api.newAccount()
    expect((await api.transfer(token, { token: 'USDT', direction: 'spot_to_perp' })).body.message).toContain(
      'amount',
    )
  })

  test('refuses an API-key caller whatever else it sends, also beside a good session', async () => {
    const { account, token } = await api.newAccount({ USDT: '100' })
    const before = await api.rowCounts(account)
    const answer = await api.call('/spot/transfer', {
      token,
      apiKey: 'tg_anything',
      json: move('spot_to_perp', '1'),
    })
    expect([answer.status, answer.body.error]).toEqual([403, 'API Key permission denied'])
    expect(await api.rowCounts(account)).toBe(before)
  })

  test('never moves another account’s money: the account is the session’s', async () => {
    const rich = await api.newAccount({ USDT: '100' })
    const poor = await api.newAccount()
    const answer = await api.transfer(poor.token, move('spot_to_perp', '1'))
    expect(answer.body.error).toBe('INSUFFICIENT_BALANCE')
    expect(await api.balancesOf(rich.account)).toEqual({ 'spot USDT': '100' })
    expect(await api.balancesOf(poor.account)).toEqual({})
  })

  test('refuses what would make a balance outgrow the ledger, and keeps both sides', async () => {
    const { account, token } = await api.newAccount({ USDT: '99999999999999999999' })
    expect((await api.transfer(token, move('spot_to_perp', '99999999999999999999'))).status).toBe(200)
    await api.credit(account, 'USDT', '1')
    const answer = await api.transfer(token, move('spot_to_perp', '1'))
    expect([answer.status, answer.body.error]).toEqual([400, 'INVALID_AMOUNT'])
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '99999999999999999999', 'spot USDT': '1' })
  })
})

describe('Idempotency-Key on a transfer', () => {
  test('answers a repeated request with the first answer byte for byte and moves nothing again', async () => {
    const { account, token } = await api.newAccount({ USDT: '100' })
    const headers = { 'Idempotency-Key': newKey() }
    const first = await api.transfer(token, move('spot_to_perp', '10'), headers)
    const between = await api.transfer(token, move('spot_to_perp', '5'))
    const second = await api.transfer(token, move('spot_to_perp', '10'), headers)
    expect([first.status, between.status, second.status]).toEqual([200, 200, 200])
    expect(second.text).toBe(first.text)
    expect([first.headers.get('idempotency-replayed'), second.headers.get('idempotency-replayed')]).toEqual([
      null,
      'true',
    ])
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '15', 'spot USDT': '85' })
  })

  test('takes the same request in other white space and member order as the same', async () => {
    const { account, token } = await api.newAccount({ USDT: '100' })
    const headers = { 'Idempotency-Key': newKey() }
    const first = await api.transfer(token, move('spot_to_perp', '10'), headers)
    const json = ' { "amount" : "10",\n"direction":"spot_to_perp", "token":"USDT" } '
    const second = await api.call('/spot/transfer', { token, json, headers })
    expect(second.text).toBe(first.text)
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '10', 'spot USDT': '90' })
  })

  test('refuses the same key with another request and moves nothing', async () => {
    const { account, token } = await api.newAccount({ USDT: '100' })
    const headers = { 'Idempotency-Key': newKey() }
    await api.transfer(token, move('spot_to_perp', '10'), headers)
    for (const other of [
      move('spot_to_perp', '10.0'),
      move('perp_to_spot', '10'),
      move('spot_to_perp', '11'),
      { ...move('spot_to_perp', '10'), token: 'SOL' },
    ]) {
      const answer = await api.transfer(token, other, headers)
      expect([answer.status, answer.body.error]).toEqual([422, 'IDEMPOTENCY_KEY_REUSED'])
    }
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '10', 'spot USDT': '90' })
  })

  test('is not used up by a request that moved nothing', async () => {
    const { account, token } = await api.newAccount({ USDT: '5' })
    const headers = { 'Idempotency-Key': newKey() }
    expect((await api.transfer(token, move('spot_to_perp', '10'), headers)).body.error).toBe(
      'INSUFFICIENT_BALANCE',
    )
    await api.credit(account, 'USDT', '5')
    const answer = await api.transfer(token, move('spot_to_perp', '10'), headers)
    expect([answer.status, answer.headers.get('idempotency-replayed')]).toEqual([200, null])
  })

  test('belongs to its account: another account’s same key is another request', async () => {
    const [one, two] = [await api.newAccount({ USDT: '10' }), await api.newAccount({ USDT: '10' })]
    const headers = { 'Idempotency-Key': newKey() }
    const answers = [
      await api.transfer(one.token, move('spot_to_perp', '1'), headers),
      await api.transfer(two.token, move('spot_to_perp', '1'), headers),
    ]
    expect(answers.map((answer) => answer.headers.get('idempotency-replayed'))).toEqual([null, null])
    expect(await api.balancesOf(two.account)).toEqual({ 'perp USDT': '1', 'spot USDT': '9' })
  })

  test.each([
    ['too long', 'k'.repeat(256)],
    ['with a space', 'a b'],
    ['beyond ASCII', 'clé'],
  ])('refuses a key that is %s and moves nothing', async (_what, key) => {
    const { account, token } = await api.newAccount({ USDT: '10' })
    const answer = await api.transfer(token, move('spot_to_perp', '1'), { 'Idempotency-Key': key })
    expect([answer.status, answer.body.error]).toEqual([400, 'INVALID_REQUEST'])
    expect(await api.balancesOf(account)).toEqual({ 'spot USDT': '10' })
  })

  test('lets 30 copies at once move the money once: the others get the same answer or are told to wait', async () => {
    const { account, token } = await api.newAccount({ USDT: '100' })
    const headers = { 'Idempotency-Key': newKey() }
    const answers = await Promise.all(
      Array.from({ length: 30 }, () => api.transfer(token, move('spot_to_perp', '10'), headers)),
    )
    const done = answers.filter((answer) => answer.status === 200)
    expect(new Set(done.map((answer) => answer.text)).size).toBe(1)
    expect(done.filter((answer) => answer.headers.get('idempotency-replayed') === null)).toHaveLength(1)
    for (const answer of answers) expect([200, 409]).toContain(answer.status)
    expect(await api.balancesOf(account)).toEqual({ 'perp USDT': '10', 'spot USDT': '90' })
  })
})
