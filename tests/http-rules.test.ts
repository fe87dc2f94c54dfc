import { request } from 'node:http'
import { beforeAll, describe, expect, test, vi } from 'vitest'
import { createApp } from '../functions/_lib/http/serve.ts'
import { loggedPath, redacted } from '../functions/_lib/log.ts'
import health from '../functions/health.ts'
import spotBalances from '../functions/spot-balances.ts'
import { clientOf, newKey } from './support/client.ts'
import { functionLog, requestLog } from './support/function-log.ts'

// Calls of the Worker in this process write their lines here; those through the gateway write them to its log.
beforeAll(() => {
  vi.spyOn(console, 'log').mockImplementation(() => undefined)
  vi.spyOn(console, 'error').mockImplementation(() => undefined)
})
const client = clientOf()
const origin = client.manifest.baseUrl.replace('/api/v1', '')
const ALLOWED = ['Authorization', 'Content-Type', 'X-API-Key', 'Idempotency-Key', 'X-Request-Id']
let token: string
let account: string
beforeAll(async () => ({ token, account } = await client.newAccount({ USDT: '3' })))

/** The functions as another configuration makes them; the routes and headers are the same code. */
const configured = (CORS_ORIGINS: string | undefined) => {
  const app = createApp([health, spotBalances])
  return async (path: string, init: RequestInit) =>
    await app.fetch(new Request(`https://api.example.com${path}`, init), {
      CORS_ORIGINS,
      JWT_SECRET: 'x'.repeat(32),
      RATE_LIMITS: 'off',
    })
}
const preflight = {
  method: 'OPTIONS',
  headers: { Origin: 'https://app.example.com', 'Access-Control-Request-Method': 'POST' },
}
const listOf = (value: string | null) => (value ?? '').split(',').map((item) => item.trim().toLowerCase())

/** A path exactly as written: fetch would tidy it first. */
async function raw(
  path: string,
  method = 'GET',
): Promise<{ status: number; body: string; headers: NodeJS.Dict<string | string[]> }> {
  const { hostname, port } = new URL(origin)
  return await new Promise((resolve, reject) => {
    const headers = { Authorization: `Bearer ${token}` }
    const call = request({ hostname, port, path, method, headers, agent: false }, (response) => {
      let body = ''
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk))
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body, headers: response.headers }))
    })
    call.on('error', reject)
    call.end()
  })
}

describe('CORS', () => {
  test('locally any origin may call, with exactly the headers of the contract', async () => {
    const answer = await fetch(`${origin}/api/v1/spot/transfer`, preflight)
    expect(answer.status).toBe(204)
    expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    expect(listOf(answer.headers.get('access-control-allow-headers')).sort()).toEqual(
      ALLOWED.map((name) => name.toLowerCase()).sort(),
    )
    expect(listOf(answer.headers.get('access-control-allow-methods')).sort()).toEqual([
      'delete',
      'get',
      'post',
    ])
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
  })

  test('without a configuration no origin is allowed, neither for a preflight nor for a call', async () => {
    for (const origins of [undefined, '', ' ', ',']) {
      const call = configured(origins)
      for (const init of [
        preflight,
        { headers: { Origin: 'https://app.example.com' } },
        { headers: { Origin: '' } },
      ]) {
        const answer = await call('/api/v1/spot/balances', init)
        expect(answer.headers.get('access-control-allow-origin'), String(origins)).toBeNull()
      }
    }
  })

  test('a list allows its origins as they are written and nothing that resembles them', async () => {
    const call = configured('https://app.example.com, https://two.example.com')
    const allowed = async (value: string) =>
      (await call('/api/v1/spot/balances', { headers: { Origin: value } })).headers.get(
        'access-control-allow-origin',
      )
    expect(await allowed('https://app.example.com')).toBe('https://app.example.com')
    expect(await allowed('https://two.example.com')).toBe('https://two.example.com')
    for (const near of [
      'http://app.example.com',
      'https://app.example.com.evil.com',
      'https://evil-app.example.com',
      'https://app.example.com:8443',
      'null',
      'https://example.com',
      '*',
    ])
      expect(await allowed(near), near).toBeNull()
    const one = await call('/api/v1/spot/balances', { headers: { Origin: 'https://app.example.com' } })
    expect(listOf(one.headers.get('vary'))).toContain('origin')
  })

  test('a refusal can be read by a browser too, with the headers that clients need', async () => {
    const answer = await client.call('/spot/balances', { headers: { Origin: 'https://app.example.com' } })
    expect([answer.status, answer.headers.get('access-control-allow-origin')]).toEqual([401, '*'])
    expect(listOf(answer.headers.get('access-control-expose-headers')).sort()).toEqual([
      'idempotency-replayed',
      'link',
      'retry-after',
      'x-request-id',
    ])
  })
})

describe('headers of every answer', () => {
  test('are the same for an answer, a refusal, an unknown route and a wrong method', async () => {
    const answers = [
      await client.call('/spot/balances', { token }),
      await client.call('/spot/balances'),
      await client.call('/nothing'),
      await client.call('/spot/balances', { method: 'DELETE' }),
      await client.call('/spot/transfer', { token, json: '{' }),
      await client.call('/health'),
    ]
    expect(answers.map((answer) => answer.status)).toEqual([200, 401, 404, 405, 400, 200])
    for (const { headers } of answers) {
      expect(headers.get('cache-control')).toBe('no-store')
      expect(headers.get('x-content-type-options')).toBe('nosniff')
      expect(headers.get('x-frame-options')).toBeTruthy()
      expect(headers.get('referrer-policy')).toBe('no-referrer')
      expect(headers.get('strict-transport-security')).toMatch(/max-age=\d{8}/)
      expect(headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/)
      expect(headers.get('content-type')).toMatch(/^application\/json/)
      expect(headers.get('x-powered-by')).toBeNull()
    }
  })

  test('a short and plain request id is kept; any other is replaced, and the body names the one that counts', async () => {
    const kept = [
      ...[
        'a',
        newKey(),
        newKey().toUpperCase(),
        'trace_1-2=3',
        '01JA3XQ4N7ZK8M2V5B6C9D0EFG',
        'V1StGXR8_Z5jdHi6B-myT',
      ],
      ...['4bf92f3577b34da6a3ce929d0e0e4736', '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'],
    ]
    const replaced = ['a-'.repeat(33), 'a b', 'a"b', '<script>', 'a/b', 'a;b', '{}', 'é', 'x'.repeat(33)]
    for (const id of [...kept, ...replaced]) {
      const answer = await client.call('/spot/balances', { headers: { 'X-Request-Id': id } })
      const given = answer.headers.get('x-request-id')
      expect(answer.body.request_id).toBe(given)
      if (kept.includes(id)) expect(given).toBe(id)
      else expect(given, id).toMatch(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)
    }
  })
})

describe('routes', () => {
  test('what is not spelt like a route is not found, or is that route by the rules of URLs, never another one', async () => {
    const missing = [
      '/page/',
      '/page/app.js/',
      '/api',
      '/api/v1',
      '/api/v1/',
      '/api/v2/spot/balances',
      '/api/v1/spot/balances/',
      '/api/v1//spot/balances',
      '//api/v1/spot/balances',
      '/API/v1/spot/balances',
      '/api/v1/Spot/balances',
      '/api/v1/spot%2Fbalances',
      '/api/v1/spot/balances%00',
      '/api/v1/spot/balances%20',
      '/api/v1/spot/balances.json',
      '/api/v1/spot/balances;x=1',
      '/api/v1/spot/%',
      '/api/v1/spot/balances%',
      '/api/v1/spot/balances%C3%28',
      '/health/',
      '/api/v1/health',
      '/spot/balances',
      '/api/v1/%2e%2e%2fhealth',
      '/favicon.ico',
      '/.env',
      `/${'x'.repeat(4000)}`,
    ]
    for (const path of missing) {
      const answer = await raw(path)
      expect([answer.status, (JSON.parse(answer.body) as { error: string }).error], path).toEqual([
        404,
        'NOT_FOUND',
      ])
    }
    for (const path of [
      '/api/v1/spot/../spot/balances',
      '/api/v1/./spot/balances',
      '/api/v1/spot/b%61lances',
      '/api/v1/spot/balances?',
    ])
      expect((await raw(path)).status, path).toBe(200)
  })

  test('HEAD is GET without the body; where there is no GET it is a wrong method', async () => {
    const head = await raw('/api/v1/spot/balances', 'HEAD')
    expect([head.status, head.body]).toEqual([200, ''])
    expect(head.headers['content-type']).toMatch(/^application\/json/)
    const none = await raw('/api/v1/spot/transfer', 'HEAD')
    expect([none.status, none.headers.allow]).toEqual([405, 'POST, OPTIONS'])
  })

  test('a 405 names every method of the path', async () => {
    const allow = async (path: string, method: string) => (await raw(`/api/v1${path}`, method)).headers.allow
    expect(await allow('/spot/balances', 'POST')).toBe('GET, HEAD, OPTIONS')
    expect(await allow('/api-keys', 'DELETE')).toBe('POST, GET, HEAD, OPTIONS')
    expect(await allow('/api-keys/1', 'GET')).toBe('DELETE, OPTIONS')
    expect(await allow('/spot/transfer', 'PUT')).toBe('POST, OPTIONS')
  })

  test('OPTIONS without a preflight is answered with nothing, and calls nobody', async () => {
    const answer = await raw('/api/v1/spot/transfer', 'OPTIONS')
    expect([answer.status, answer.body]).toEqual([204, ''])
  })
})

describe('the log', () => {
  test('has one line a request that says who, what and how long, and nothing that opens anything', async () => {
    const requestId = newKey()
    const { api_key: apiKey, id } = (
      await client.call('/api-keys', { token, json: { label: 'private label' } })
    ).body
    await client.call('/spot/balances', { token, headers: { 'X-Request-Id': requestId } })
    const line = await requestLog(requestId)
    expect(line).toEqual({
      request_id: requestId,
      function: 'spot-balances',
      method: 'GET',
      path: '/api/v1/spot/balances',
      status: 200,
      outcome: 'ok',
      account,
      ms: expect.any(Number),
      db_ms: expect.any(Number),
      db_round_trips: 1,
    })
    // Also a key that somebody put where an id belongs, or a token in a path or a query.
    const last = newKey()
    await client.call('/spot/balances', { apiKey })
    await client.call('/spot/balances', { token: token.slice(0, -2) })
    await client.call(`/api-keys/${apiKey}`, { token, method: 'DELETE' })
    await client.call(`/${token}`)
    await client.call(`/spot/balances?token=${token}`, { token })
    await client.call(`/api-keys/${id}`, { token, method: 'DELETE', headers: { 'X-Request-Id': last } })
    await requestLog(last)
    const log = await functionLog()
    expect(log.filter((text) => text.includes(requestId))).toHaveLength(1)
    const [, , signature = ''] = token.split('.')
    for (const secret of [
      apiKey,
      signature,
      client.manifest.adminApiKey,
      'private label',
      new URL(client.manifest.loginUrls.sessions).password,
    ])
      expect(log.some((text) => text.includes(secret))).toBe(false)
  })

  test('a refusal is logged with its code', async () => {
    const requestId = newKey()
    await client.call('/spot/transfer', { token, json: {}, headers: { 'X-Request-Id': requestId } })
    expect(await requestLog(requestId)).toMatchObject({
      status: 400,
      outcome: 'INVALID_REQUEST',
      account,
      db_round_trips: 0,
    })
  })

  test('what looks like a credential is cut out of any text', () => {
    const key = `tg_${'aB3'.repeat(14)}x`
    expect(redacted(`key ${key}.`)).toBe('key [redacted]')
    expect(redacted('at postgresql://u:p@host/db now')).toBe('at [redacted] now')
    for (const path of [
      '/api/v1/spot/withdrawals/019a0b3c-5d1e-7c4a-9b1a-0c8e2f4d6a10',
      `/api/v1/auth/nonce/${account}`,
      '/favicon.ico',
    ])
      expect(loggedPath(path)).toBe(path)
    expect(loggedPath(`/api-keys/${key}`)).toBe('/api-keys/[redacted]')
    expect(loggedPath(`/${token}/x`)).toBe('/[redacted]/x')
  })

  test('what is cut off is not half shown: a word that the limit goes through is left out', () => {
    const secret = 'Zx9'.repeat(7)
    for (let before = 480; before < 500; before += 1) {
      expect(redacted('a '.repeat(before / 2) + secret + ' b'.repeat(300)), String(before)).not.toContain(
        'Zx9Z',
      )
      expect(loggedPath('/a'.repeat(before / 2) + `/${secret}${secret}`), String(before)).not.toContain(
        'Zx9Z',
      )
    }
  })
})

test('what breaks inside is answered with a constant and the request id, whatever the cause says', async () => {
  const call = configured('*')
  const logged = vi.mocked(console.error)
  logged.mockClear()
  const answer = await call('/health', {})
  const body = (await answer.json()) as Record<string, string>
  expect([answer.status, body.error]).toEqual([500, 'internal error'])
  expect(JSON.stringify(body)).not.toMatch(/DATABASE_URL|configuration|stack/)
  const errors = logged.mock.calls.join()
  expect(errors).toContain('DATABASE_URL')
  expect(errors).toContain(body.request_id)
})
