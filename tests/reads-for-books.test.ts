/** Reads for bots and books: a whole family's balances in one call, lists as CSV, withdrawals by key, the server's clock. */
import { beforeAll, describe, expect, test } from 'vitest'
import { csvOf, wantsCsv } from '../functions/_lib/http/csv.ts'
import { clientOf, newKey } from './support/client.ts'
import { idOf, newSolana, signedCalls } from './support/subaccounts.ts'
import { requestWithdrawal } from './support/withdrawals.ts'

const client = clientOf()
const { create, family, spot } = signedCalls(client)

describe('balances with those of subaccounts', () => {
  test('are the account’s and each subaccount’s, the oldest first, also of one that holds nothing', async () => {
    const { main, sub } = await family({ SOL: '9', USDT: '5' })
    const strange = (await family()).sub
    const mine = newSolana()
    expect((await create(main, mine)).status).toBe(200)
    expect((await spot(main, { to_account: mine.address, symbol: 'SOL', amount: '2.5' })).status).toBe(200)
    const token = await client.sessionFor(idOf(main))
    const whole = await client.call('/spot/balances?include=subaccounts', { token })
    expect(whole.body).toEqual({
      balances: [
        { token: 'SOL', available: '6.5', frozen: '0', version: 2 },
        { token: 'USDT', available: '5', frozen: '0', version: 1 },
      ],
      subaccounts: [
        { account: idOf(sub), balances: [] },
        { account: idOf(mine), balances: [{ token: 'SOL', available: '2.5', frozen: '0', version: 1 }] },
      ],
    })
    expect(whole.text).not.toContain(idOf(strange))
    const perp = await client.call('/perp/balances?include=subaccounts', { token })
    expect(perp.body).toEqual({
      balances: [],
      subaccounts: [
        { account: idOf(sub), balances: [] },
        { account: idOf(mine), balances: [] },
      ],
    })
    const one = await client.call(`/spot/balances?include=subaccounts&account=${idOf(mine)}`, { token })
    expect(one.body).toEqual({
      balances: [{ token: 'SOL', available: '2.5', frozen: '0', version: 1 }],
      subaccounts: [],
    })
    // A subaccount has none, and does not see its main account.
    const below = await client.call('/spot/balances?include=subaccounts', {
      token: await client.sessionFor(idOf(mine)),
    })
    expect(below.body).toEqual({
      balances: [{ token: 'SOL', available: '2.5', frozen: '0', version: 1 }],
      subaccounts: [],
    })
  })

  test('of an account that nobody has heard of are two empty lists', async () => {
    const { token } = await client.newAccount()
    const answer = await client.call('/spot/balances?include=subaccounts', { token })
    expect(answer.body).toEqual({ balances: [], subaccounts: [] })
  })

  test('are not an API key’s, and nothing else can be included', async () => {
    const { token } = await client.newAccount({ USDT: '1' })
    const { body } = await client.call('/api-keys', { token, json: {} })
    const byKey = await client.call('/spot/balances?include=subaccounts', { apiKey: body.api_key as string })
    expect([byKey.status, byKey.body.error]).toEqual([403, 'API Key permission denied'])
    for (const query of ['include=agents', 'include=', 'include=subaccounts&include=subaccounts'])
      expect((await client.call(`/spot/balances?${query}`, { token })).body.error).toBe('INVALID_REQUEST')
  })
})

describe('a list as CSV', () => {
  let token: string
  let account: string
  beforeAll(async () => {
    ;({ token, account } = await client.newAccount({ USDT: '100', DF: '20' }))
    await client.transfer(token, { token: 'USDT', direction: 'spot_to_perp', amount: '1.5' })
  })
  const csv = async (path: string, accept = 'text/csv') => {
    const { headers, text } = await client.call(path, { token, headers: { Accept: accept } })
    return { type: headers.get('content-type'), link: headers.get('link'), lines: text.split('\r\n') }
  }

  test('has the items of the JSON, one a line, under the names of their members', async () => {
    const { body } = await client.call('/spot/transfers?limit=2', { token })
    const { type, link, lines } = await csv('/spot/transfers?limit=2')
    expect(type).toBe('text/csv; charset=utf-8; header=present')
    expect(link).toMatch(/cursor=[0-9a-f-]{36}.*rel="next"/)
    expect(lines[0]).toBe(
      'id,transfer_id,kind,token,wallet,amount,available_delta,frozen_delta,available_after,frozen_after,version,counterparty_account,counterparty_wallet,reference,created_at',
    )
    const rows = (body as Record<string, any>[]).map((item) =>
      [
        ...[item.id, item.transfer_id, item.kind, item.token, item.wallet, item.amount],
        ...[item.available_delta, item.frozen_delta, item.available_after, item.frozen_after, item.version],
        ...[item.counterparty.account, item.counterparty.wallet, '', item.created_at],
      ].join(','),
    )
    expect(lines.slice(1)).toEqual([...rows, ''])
    expect(rows.join()).toContain(account)
  })

  test('of withdrawals carries no signature, and where there are no items it has its names alone', async () => {
    const made = await client.newAccount({ DF: '5' })
    const { body } = await requestWithdrawal(client, made, '2')
    const headers = { Accept: 'text/csv' }
    const { text } = await client.call('/spot/withdrawals', { token: made.token, headers })
    expect(text).toContain(body.id)
    expect(text).toContain(client.manifest.tokens.DF!.address.toLowerCase())
    expect(text).not.toContain(body.signature)
    expect((await csv('/spot/withdrawals')).lines).toEqual([
      expect.stringMatching(/^id,token,token_contract,/),
      '',
    ])
    expect((await csv('/spot/deposits')).lines).toEqual([expect.stringMatching(/^id,token,amount,/), ''])
  })

  test('comes to who asks for it by name alone, and a refusal stays JSON', async () => {
    for (const accept of [
      '*/*',
      'text/*',
      'application/json',
      'text/csvx',
      'text/csv;q=0',
      'text/csv; q=0.000',
    ])
      expect((await csv('/spot/transfers', accept)).type, accept).toBe('application/json')
    for (const accept of ['text/csv', 'TEXT/CSV;q=0.5', 'application/json, text/csv; header=present'])
      expect((await csv('/spot/transfers', accept)).type, accept).toMatch(/^text\/csv/)
    expect((await csv('/spot/transfers?kind=x')).type).toBe('application/json')
  })

  test('keeps every text whole: quotes, commas and ends of lines are of the cell', () => {
    const items = [
      { a: 'x,"y"\r\nz', b: { c: null, 'd"': 1 } },
      { a: null, b: undefined, e: { f: 'deep' } },
    ]
    expect(csvOf(['a', 'b', 'e.f'], items)).toBe(
      'a,b,e_f\r\n"x,""y""\r\nz","{""c"":null,""d\\"""":1}",\r\n,,deep\r\n',
    )
    expect(csvOf(['a'], [])).toBe('a\r\n')
    expect([wantsCsv(undefined), wantsCsv(''), wantsCsv(','), wantsCsv('csv')]).toEqual([
      false,
      false,
      false,
      false,
    ])
  })
})

describe('withdrawals by the key of their request', () => {
  test('are the account’s own with that key, and nobody else’s with the same', async () => {
    const key = newKey()
    const [mine, theirs] = [await client.newAccount({ DF: '9' }), await client.newAccount({ DF: '9' })]
    const ask = async ({ token }: { token: string }, amount: string, headers: Record<string, string>) =>
      await client.call('/spot/withdraw/request', { token, json: { token: 'DF', amount }, headers })
    const made = await ask(mine, '2', { 'Idempotency-Key': key })
    await ask(mine, '3', {})
    await ask(theirs, '4', { 'Idempotency-Key': key })
    const found = async (query: string) =>
      ((await client.call(`/spot/withdrawals?${query}`, { token: mine.token })).body as { id: string }[]).map(
        ({ id }) => id,
      )
    expect(await found(`idempotency_key=${key}`)).toEqual([made.body.id])
    expect(await found(`idempotency_key=${key}&status=confirmed`)).toEqual([])
    expect(await found(`idempotency_key=${newKey()}`)).toEqual([])
    for (const bad of ['', '%20', 'x'.repeat(256)]) {
      const answer = await client.call(`/spot/withdrawals?idempotency_key=${bad}`, { token: mine.token })
      expect([answer.status, answer.body.error]).toEqual([400, 'INVALID_REQUEST'])
    }
  })
})

test('the clock is the one that signatures are held to, in seconds and milliseconds of one moment', async () => {
  const before = Date.now()
  const { status, body } = await client.call('/time')
  expect(status).toBe(200)
  expect(body.time_ms).toBeGreaterThanOrEqual(before)
  expect(body.time_ms).toBeLessThanOrEqual(Date.now())
  expect(body).toEqual({ time: Math.floor(body.time_ms / 1000), time_ms: body.time_ms })
  expect((await client.call('/time?x=1')).body.error).toBe('INVALID_REQUEST')
})
