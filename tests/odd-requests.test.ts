import { request as httpRequest } from 'node:http'
import { gzipSync } from 'node:zlib'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Client } from './support/client.ts'
import { harmless, refusedCleanly, sendRaw } from './support/hostile.ts'
import { ownStack } from './support/own-stack.ts'

// Its own stack: broken connections must not disturb whatever another file is asking at the moment.
let own: Awaited<ReturnType<typeof ownStack>>
let api: Client
let PORT: string
type Account = Awaited<ReturnType<Client['newAccount']>>
let alice: Account
let mallory: Account
beforeAll(async () => {
  own = await ownStack()
  api = own.client
  PORT = new URL(api.manifest.baseUrl).port
  alice = await api.newAccount({ USDT: '100', DF: '100' })
  mallory = await api.newAccount({ USDT: '5' })
})
afterAll(async () => await own.stop())

const move = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }

const json = 'Content-Type: application/json'
const post = (path: string, headers: string[], body: string) =>
  [`POST /api/v1${path} HTTP/1.1`, 'Host: 127.0.0.1', 'Connection: close', ...headers, '', body].join('\r\n')

describe('requests that two readers could understand differently', () => {
  test('are refused or understood one way, and move money at most once', async () => {
    const body = JSON.stringify(move)
    const bearer = `Authorization: Bearer ${mallory.token}`
    const chunk = (text: string) => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n0\r\n\r\n`
    await harmless(api, alice.account, async () => {
      for (const headers of [
        [bearer, `Authorization: Bearer ${alice.token}`, json, `Content-Length: ${body.length}`],
        [`Authorization: Bearer ${alice.token}`, bearer, json, `Content-Length: ${body.length}`],
      ])
        refusedCleanly(await sendRaw(PORT, post('/spot/transfer', headers, body)), 'two Authorizations')
      const alicesToo = `Authorization: Bearer ${alice.token}`
      for (const [headers, sent] of [
        [['Transfer-Encoding: xchunked'], chunk(body)],
        [['Content-Length: 5', `Content-Length: ${body.length}`], body],
        [['Content-Length: -1'], body],
        [[`Content-Length: +${body.length}`], body],
        [['Transfer-Encoding: chunked'], `FFFFFFFFFFFFFFFF\r\n${body}\r\n0\r\n\r\n`],
      ] as [string[], string][]) {
        const answer = await sendRaw(PORT, post('/spot/transfer', [alicesToo, json, ...headers], sent))
        // The runtime refuses these before any function runs; its own words are not ours to choose.
        expect([headers, answer.status === 200]).toEqual([headers, false])
      }
    })
  })

  test('that carry two lengths hide nothing: what stands behind is a request of its own, done at most once', async () => {
    const body = JSON.stringify(move)
    const { account, token } = await api.newAccount({ USDT: '10' })
    const behind = post(
      '/spot/transfer',
      [`Authorization: Bearer ${token}`, json, `Content-Length: ${body.length}`],
      body,
    )
    const lengths = ['Content-Length: 4', 'Transfer-Encoding: chunked']
    const front = [`Authorization: Bearer ${mallory.token}`, json, ...lengths]
    const before = await api.rowCounts(mallory.account)
    await sendRaw(PORT, post('/spot/transfer', front, `0\r\n\r\n${behind}`))
    expect(await api.rowCounts(mallory.account)).toBe(before)
    expect([undefined, '1']).toContain((await api.balancesOf(account))['perp USDT'])
  })

  test('keep their method: no header and no query makes a read write', async () => {
    await harmless(api, alice.account, async () => {
      for (const name of ['X-HTTP-Method-Override', 'X-HTTP-Method', 'X-Method-Override']) {
        const answer = await api.call('/spot/transfer', { token: alice.token, headers: { [name]: 'POST' } })
        expect([name, answer.status]).toEqual([name, 405])
      }
      const answer = await api.call('/spot/transfer?_method=POST', { token: alice.token })
      expect(answer.status).toBe(405)
    })
  })

  test('with headers of 10 KB or odd bytes are refused without a fault', async () => {
    const long = 'x'.repeat(10_240)
    await harmless(api, alice.account, async () => {
      for (const headers of [
        { Authorization: `Bearer ${long}` },
        { 'X-API-Key': long },
        { Authorization: `Bearer ${alice.token}`, 'Idempotency-Key': long },
        { Authorization: `Bearer ${alice.token}`, 'Idempotency-Key': "' or 1=1 --" },
        { Authorization: `Bearer ${alice.token}`, 'Idempotency-Key': 'ÿ' },
        { Authorization: `Bearer ${alice.token}`, 'Idempotency-Key': '' },
        { Authorization: `Bearer ${alice.token}, Bearer ${alice.token}` },
        { Authorization: `Basic ${alice.token}` },
      ])
        refusedCleanly(
          await api.call('/spot/transfer', { json: { ...move, amount: '0' }, headers }),
          JSON.stringify(headers).slice(0, 80),
        )
    })
    for (const id of [`' or 1=1 --`, 'x'.repeat(500), '<script>', '${jndi:ldap://x}']) {
      const answer = await api.call('/spot/balances', { token: alice.token, headers: { 'X-Request-Id': id } })
      expect([answer.status, answer.headers.get('x-request-id') === id]).toEqual([200, false])
    }
  })
})

describe('bodies', () => {
  test('in gzip are not inflated: they are bytes that are no JSON, or too many', async () => {
    const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024, ' '))
    const honest = gzipSync(JSON.stringify(move))
    await harmless(api, alice.account, async () => {
      for (const [body, status] of [
        [bomb, 413],
        [bomb.subarray(0, 16_000), 400],
        [honest, 400],
      ] as const) {
        const answer = await fetch(api.manifest.baseUrl + '/spot/transfer', {
          method: 'POST',
          headers: {
            Authorization: `Bearer ${alice.token}`,
            'Content-Type': 'application/json',
            'Content-Encoding': 'gzip',
          },
          body: new Uint8Array(body),
        })
        expect([body.length, answer.status]).toEqual([body.length, status])
      }
    })
  })

  test('that trickle hold up nobody else, and one that never ends is cut at the limit', async () => {
    const options = {
      host: '127.0.0.1',
      port: PORT,
      path: '/api/v1/spot/transfer',
      method: 'POST',
      headers: { Authorization: `Bearer ${alice.token}`, 'Content-Type': 'application/json' },
    }
    const slow = Array.from({ length: 50 }, () => {
      const request = httpRequest(options).on('error', () => {})
      request.write('{"token":')
      return request
    })
    const startedAt = Date.now()
    const other = await api.transfer(mallory.token, { ...move, amount: '0.1' })
    expect([other.status, Date.now() - startedAt < 5_000]).toEqual([200, true])
    for (const request of slow) request.destroy()

    const status = await new Promise<number>((resolve) => {
      const endless = httpRequest(options, (response) => resolve(response.statusCode ?? 0))
      endless.on('error', () => resolve(0))
      const timer = setInterval(
        () => void (endless.destroyed ? clearInterval(timer) : endless.write('x'.repeat(4_096))),
        5,
      )
      endless.on('close', () => clearInterval(timer))
      endless.on('response', () => clearInterval(timer))
    })
    // Answered, or cut off while it was still sending: then the cut may be seen before the answer.
    expect([413, 0]).toContain(status)
  })
})
