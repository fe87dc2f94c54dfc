import { beforeAll, describe, expect, test } from 'vitest'
import { clientOf, newKey } from './support/client.ts'
import { harmless, refusedCleanly, sendRaw } from './support/hostile.ts'

const api = clientOf()
const { manifest } = api
const PORT = new URL(manifest.baseUrl).port
type Account = Awaited<ReturnType<typeof api.newAccount>>
let alice: Account
let mallory: Account
beforeAll(async () => {
  alice = await api.newAccount({ USDT: '100', DF: '100' })
  mallory = await api.newAccount({ USDT: '5' })
})

const move = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }

describe('ids of somebody else', () => {
  test('open nothing: a withdrawal, an API key and a history are found by their owner alone', async () => {
    const withdrawal = await api.call('/spot/withdraw/request', {
      token: alice.token,
      json: { token: 'DF', amount: '2' },
    })
    expect(withdrawal.status).toBe(200)
    const key = await api.call('/api-keys', { token: alice.token, json: { label: 'mine' } })
    expect(key.status).toBe(200)
    await api.transfer(alice.token, move, { 'Idempotency-Key': 'alice-1' })
    await harmless(api, alice.account, async () => {
      for (const [path, status] of [
        [`/spot/withdrawals/${withdrawal.body.id}`, 404],
        [`/spot/withdrawals/${String(withdrawal.body.id).toUpperCase()}`, 404],
        [`/spot/withdrawals?account=${alice.account}`, 400],
        [`/spot/balances?account=${alice.account}`, 404],
        [`/perp/balances?account=${alice.account}`, 404],
        [`/spot/transfers?account=${alice.account}`, 400],
        [`/perp/balances?user=${alice.account}`, 400],
        [`/spot/withdrawals?cursor=${withdrawal.body.id}`, 200],
        ['/spot/transfers?idempotency_key=alice-1', 200],
      ] as const) {
        const answer = await api.call(path, { token: mallory.token })
        expect([path, answer.status]).toEqual([path, status])
        expect(answer.text).not.toContain(alice.account)
        expect(answer.text).not.toContain(withdrawal.body.signature)
        if (status === 200) expect(answer.body).toEqual([])
      }
      const revoked = await api.call(`/api-keys/${key.body.id}`, { token: mallory.token, method: 'DELETE' })
      expect(revoked.status).toBe(404)
    })
    const stillReads = await api.call('/spot/balances', { apiKey: key.body.api_key })
    expect(stillReads.status).toBe(200)
  })

  test('open nothing in a header either: the account is the token’s, whatever else the request says', async () => {
    for (const name of ['X-Account', 'X-User-Id', 'X-Forwarded-User', 'X-Original-URL', 'X-Rewrite-URL']) {
      const answer = await api.call('/spot/balances', {
        token: mallory.token,
        headers: { [name]: alice.account },
      })
      expect(answer.body.balances).toMatchObject([{ token: 'USDT' }])
    }
  })

  test('does not replay one account’s idempotency key to another', async () => {
    const headers = { 'Idempotency-Key': newKey() }
    const first = await api.transfer(alice.token, move, headers)
    const second = await api.transfer(mallory.token, move, headers)
    expect([first.status, second.status, second.headers.get('idempotency-replayed')]).toEqual([
      200,
      200,
      null,
    ])
    expect(second.body.transfer_id).not.toBe(first.body.transfer_id)
  })
})

describe('hostile text', () => {
  const TEXTS = [
    `'; drop table balances; --`,
    `' or 1=1 --`,
    `USDT' union select key_hash from api_keys --`,
    `$1`,
    `\\'`,
    `%s%n`,
    '\u0000',
    `USDT\u0000`,
    `\ud800`,
    `USDT\udfff`,
    'ＵＳＤＴ',
    'USDT\u200b',
    'USDT ',
    '../../etc/passwd',
    '{{7*7}}',
    'A'.repeat(15_000),
    '__proto__',
    'constructor',
  ]

  test('is refused as a token, direction, amount or recipient, and never reaches the database as anything else', async () => {
    await harmless(api, alice.account, async () => {
      for (const text of TEXTS) {
        const shown = JSON.stringify(text.slice(0, 40))
        for (const body of [
          { ...move, token: text },
          { ...move, direction: text },
          { ...move, amount: text },
        ])
          refusedCleanly(await api.transfer(alice.token, body), `transfer ${shown}`)
        for (const body of [
          { token: text, amount: '1' },
          { token: 'DF', amount: '1', recipient: text },
        ])
          refusedCleanly(
            await api.call('/spot/withdraw/request', { token: alice.token, json: body }),
            `withdraw ${shown}`,
          )
        for (const body of [
          { user_address: text, token: 'USDT', amount: '1' },
          { user_address: alice.account, token: text, amount: '1' },
          { user_address: alice.account, token: text, amount: 'x' },
        ])
          refusedCleanly(
            await api.call('/admin/spot/balances/credit', { apiKey: manifest.adminApiKey, json: body }),
            `credit ${shown}`,
          )
        refusedCleanly(
          await api.call('/auth/login', { json: { address: text, signature: text, timestamp: 1 } }),
          `login ${shown}`,
        )
      }
    })
  })

  test('is refused in every field of the wallet-signed family', async () => {
    const whole = {
      account: alice.account,
      main_account: alice.account,
      subaccount: mallory.account,
      main_signature: 'x',
      sub_signature: 'x',
      signature: 'x',
      timestamp: Date.now(),
    }
    const endpoints: [string, Record<string, unknown>][] = [
      ['/account/subaccount/create', {}],
      ['/account/subaccount/list', { account: alice.account }],
      [
        '/account/subaccount/spot_asset/transfer',
        { to_account: mallory.account, symbol: 'SOL', amount: '1' },
      ],
      ['/account/subaccount/transfer', { to_account: mallory.account, amount: '1' }],
      ['/agent/bind', { agent_wallet: mallory.account }],
      ['/agent/revoke', { agent_wallet: mallory.account }],
    ]
    await harmless(api, alice.account, async () => {
      for (const [path, fields] of endpoints) {
        const body = { ...whole, ...fields }
        for (const name of Object.keys(body).filter((field) => field !== 'timestamp'))
          for (const text of [`' or 1=1 --`, '\u0000', '\ud800', 'A'.repeat(5_000)])
            refusedCleanly(
              await api.call(path, { json: { ...body, [name]: text } }),
              `${path} ${name} ${JSON.stringify(text.slice(0, 20))}`,
            )
      }
    })
  })

  test('is refused where Postgres could not store it, and kept to the letter where it can', async () => {
    const credit = async (reason: string) =>
      await api.call('/admin/spot/balances/credit', {
        apiKey: manifest.adminApiKey,
        json: { user_address: mallory.account, token: 'USDT', amount: '1', reason },
      })
    await harmless(api, mallory.account, async () => {
      for (const reason of ['\u0000', 'a\u0000b', '\ud800', 'x'.repeat(501)])
        refusedCleanly(await credit(reason), JSON.stringify(reason.slice(0, 10)))
    })
    const odd = `'); drop table balances; -- "\\ \u202e ${String.fromCodePoint(0x1f4b0)} \n %s $1`
    expect((await credit(odd)).status).toBe(200)
    const rows = await api.sql(
      'select reason from spot_admin_credits where user_address = $1 and reason = $2',
      [mallory.account, odd],
    )
    expect(rows).toHaveLength(1)
  })

  test('is refused in paths, filters and keys', async () => {
    for (const text of TEXTS) {
      const piece = encodeURIComponent(text.replace(/\p{Surrogate}/gu, '\ufffd'))
      const shown = JSON.stringify(text.slice(0, 40))
      for (const path of [
        `/spot/withdrawals/${piece}`,
        `/spot/withdrawals?status=${piece}`,
        `/spot/withdrawals?cursor=${piece}`,
        `/spot/transfers?start=${piece}`,
        `/spot/transfers?kind=${piece}`,
        `/auth/nonce/${piece}`,
      ])
        refusedCleanly(await api.call(path, { token: alice.token }), `${path.slice(0, 30)} ${shown}`)
      // A token that does not exist has no rows: an empty page or a refusal, never a fault.
      for (const name of ['withdrawals', 'transfers']) {
        const answer = await api.call(`/spot/${name}?token=${piece}`, { token: alice.token })
        expect([shown, [200, 400, 414, 431].includes(answer.status)]).toEqual([shown, true])
        if (answer.status === 200) expect(answer.body).toEqual([])
      }
      const revoke = await api.call(`/api-keys/${piece}`, { token: alice.token, method: 'DELETE' })
      refusedCleanly(revoke, `revoke ${shown}`)
      const label = await api.call('/api-keys', { token: mallory.token, json: { label: text } })
      expect([shown, label.status === 200 || label.status === 400]).toEqual([shown, true])
    }
    for (const path of ['%00', '%c0%af', '%zz', '..%2f..%2fadmin', '%2e%2e%2fhealth', 'a%2Fb', '%u0000'])
      refusedCleanly(
        await sendRaw(
          PORT,
          `GET /api/v1/spot/withdrawals/${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAuthorization: Bearer ${alice.token}\r\n\r\n`,
        ),
        path,
      )
    refusedCleanly(
      await api.call(`/spot/withdrawals/${'a'.repeat(7_000)}`, { token: alice.token }),
      'long path',
    )
  })
})
