/** What a call is counted on, seen from the bindings: the Worker runs in this process with counters of the test's own. */
import { beforeEach, expect, test, vi } from 'vitest'
import type { Database } from '../db/client.ts'
import type { Incoming, Known } from '../functions/_lib/http/access.ts'
import { issueSession } from '../functions/_lib/access/session-token.ts'
import agentList from '../functions/agent-list.ts'
import spotBalances from '../functions/spot-balances.ts'
import walletTokens from '../functions/wallet-tokens.ts'
import type { Worker } from '../functions/_lib/http/serve.ts'
import type { Endpoint } from '../functions/_lib/http/endpoint.ts'
import { BRAKED_ADDRESSES_MAX, RATES } from '../functions/_lib/limits.ts'
import { adminKey } from '../functions/_lib/access/admin-key.ts'
import { open } from '../functions/_lib/access/open.ts'
import { read } from '../functions/_lib/access/read.ts'
import { session } from '../functions/_lib/access/session.ts'
import { signedByBoth } from '../functions/_lib/signed/subaccount-pair.ts'
import { addressKey, RateGate, ratesOf } from '../functions/_lib/http/rate-limit.ts'
import { urlsByVariable } from '../scripts/stack/stack-env.ts'

vi.mock('../db/ledger/api-keys.ts', () => ({
  accountOfApiKey: async () => await Promise.resolve(`0x${'aa'.repeat(20)}`),
}))

const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
vi.spyOn(console, 'log').mockImplementation(() => undefined)
beforeEach(() => void logged.mockClear())

const SETTINGS = {
  ...urlsByVariable((job) => `postgresql://tidegate_${job}:p@127.0.0.1:1/none`),
  JWT_SECRET: 'x'.repeat(32),
}
/** Calls a function with every binding but those left out; answers what was counted, as `NAME key`. */
async function call(
  worker: Worker,
  path: string,
  init: RequestInit = {},
  env: Record<string, unknown> = {},
  without: string[] = [],
): Promise<{ response: Response; counted: string[] }> {
  const counted: string[] = []
  const bindings = Object.keys(RATES)
    .filter((name) => !without.includes(name))
    .map((name) => {
      const limit = async ({ key }: { key: string }) => {
        counted.push(`${name} ${key}`)
        return { success: false }
      }
      return [name, { limit }]
    })
  const response = await worker.fetch(new Request(`https://api.example.com/api/v1${path}`, init), {
    ...SETTINGS,
    ...Object.fromEntries(bindings),
    ...env,
  })
  return { response, counted }
}

test('a call counts on the address that Cloudflare names, and on no header that a caller can write', async () => {
  const forged = {
    'X-Forwarded-For': '203.0.113.7',
    'X-Real-IP': '203.0.113.8',
    'True-Client-IP': '203.0.113.9',
    Forwarded: 'for=203.0.113.10',
  }
  const named = await call(walletTokens, '/wallet/tokens', {
    headers: { ...forged, 'CF-Connecting-IP': '203.0.113.1' },
  })
  expect([named.response.status, named.counted]).toEqual([429, ['RATE_PUBLIC 203.0.113.1']])
  // Without one all share a count: leaving the header out lifts nothing.
  for (const headers of [forged, { 'CF-Connecting-IP': '' }]) {
    const unnamed = await call(walletTokens, '/wallet/tokens', { headers })
    expect([unnamed.response.status, unnamed.counted]).toEqual([429, ['RATE_PUBLIC unknown']])
  }
})

test('only the word off lifts the limits', async () => {
  for (const word of ['on', 'OFF', 'Off', ' off', 'off ', 'false', '0', 'no', 'none', '', undefined]) {
    const { response, counted } = await call(walletTokens, '/wallet/tokens', {}, { RATE_LIMITS: word })
    expect([word, response.status, counted.length]).toEqual([word, 429, 1])
  }
  expect((await call(walletTokens, '/wallet/tokens', {}, { RATE_LIMITS: 'off' })).counted).toEqual([])
})

test('a token, a key or a signature is not looked at before its address is counted', async () => {
  for (const headers of [{ Authorization: 'Bearer x' }, { 'X-API-Key': 'x' }, {}]) {
    const { response, counted } = await call(spotBalances, '/spot/balances', { headers })
    expect([response.status, counted]).toEqual([429, ['RATE_ADDRESS unknown']])
  }
  // Not even the body is read.
  const { response, counted } = await call(agentList, '/agent/list', { method: 'POST', body: '{' })
  expect([response.status, counted]).toEqual([429, ['RATE_SIGNED_ADDRESS unknown']])
})

test('a missing binding is a fault of the configuration that the log names, and nothing is unlimited', async () => {
  const shots = [
    [walletTokens, '/wallet/tokens', 'GET', 'RATE_PUBLIC', 'internal error'],
    [spotBalances, '/spot/balances', 'GET', 'RATE_ADDRESS', 'internal error'],
    [agentList, '/agent/list', 'POST', 'RATE_SIGNED_ADDRESS', 'Internal server error'],
  ] as const
  for (const [worker, path, method, name, error] of shots) {
    logged.mockClear()
    const { response } = await call(worker, path, { method }, {}, [name])
    expect([response.status, ((await response.json()) as { error: string }).error]).toEqual([500, error])
    expect(logged.mock.calls.join()).toContain(`missing rate-limit binding: ${name}`)
  }
  // A variable of that name is no binding.
  logged.mockClear()
  expect((await call(walletTokens, '/wallet/tokens', {}, { RATE_PUBLIC: '100' })).response.status).toBe(500)
  expect(logged.mock.calls.join()).toContain('missing rate-limit binding: RATE_PUBLIC')
})

test('an IPv6 caller is its /64, however the address is written; one that stands for IPv4 is that', () => {
  expect(addressKey('203.0.113.9')).toBe('203.0.113.9')
  for (const ip of ['2001:db8:1:2:3:4:5:6', '2001:DB8:1:2::6', '2001:0db8:0001:0002::'])
    expect(addressKey(ip)).toBe('2001:db8:1:2::/64')
  expect(addressKey('2001:db8::1')).toBe('2001:db8:0:0::/64')
  expect(addressKey('2001:db8:0:1::1')).not.toBe(addressKey('2001:db8::1'))
  expect(addressKey('::1')).toBe('0:0:0:0::/64')
  expect(addressKey('::ffff:203.0.113.9')).toBe('203.0.113.9')
  expect(addressKey('::FFFF:203.0.113.9')).not.toBe(addressKey('::ffff:203.0.113.8'))
})

test('an address that guessed too often is held back for the whole period, alone, and only where it brings a key', async () => {
  vi.useFakeTimers({ toFake: ['Date'] })
  try {
    const guesses = { limit: async () => await Promise.resolve({ success: false }) }
    const open = { limit: async () => await Promise.resolve({ success: true }) }
    const bindings = { RATE_ADDRESS: open, RATE_AUTH_FAILURES: guesses }
    const endpoint = spotBalances.endpoints[0] ?? expect.fail('no endpoint')
    const gate = (address: string) => new RateGate(bindings, endpoint, address)
    const entersWithKey = async (address: string) =>
      await gate(address)
        .enter(true)
        .then(
          () => true,
          () => false,
        )
    await expect(gate('203.0.113.1').authFailed()).rejects.toMatchObject({ code: 'RATE_LIMITED' })
    const { periodSeconds } = RATES.RATE_AUTH_FAILURES
    expect(await entersWithKey('203.0.113.2')).toBe(true)
    for (const [seconds, enters] of [
      [0, false],
      [periodSeconds - 1, false],
      [1, true],
    ] as const) {
      vi.advanceTimersByTime(seconds * 1000)
      await gate('203.0.113.1').enter(false)
      expect([seconds, await entersWithKey('203.0.113.1')]).toEqual([seconds, enters])
    }
  } finally {
    vi.useRealTimers()
  }
})

/** What a gate asks for once it is proved who calls. */
async function countedOf(endpoint: Endpoint, identity: string): Promise<string[]> {
  const counted: string[] = []
  const bindings = Object.fromEntries(
    Object.keys(RATES).map((name) => {
      const limit = async ({ key }: { key: string }) => {
        counted.push(`${name} ${key}`)
        return await Promise.resolve({ success: true })
      }
      return [name, { limit }]
    }),
  )
  const gate = new RateGate(bindings, endpoint, '203.0.113.3')
  await gate.enter(true)
  await gate.proved(identity)
  return counted
}

test('a call that is proved is counted on whoever made it: reads, writes, signed calls and ways out each by themselves', async () => {
  const of = (method: 'GET' | 'POST', access: Endpoint['access'], endsRights?: true) =>
    ({ method, path: '/x', access, ...(endsRights && { endsRights }) }) as unknown as Endpoint
  const shots: [Endpoint, string[]][] = [
    [of('GET', open), ['RATE_PUBLIC 203.0.113.3']],
    [of('GET', read), ['RATE_ADDRESS 203.0.113.3', 'RATE_READ who']],
    [of('GET', session), ['RATE_ADDRESS 203.0.113.3', 'RATE_READ who']],
    [of('POST', session), ['RATE_ADDRESS 203.0.113.3', 'RATE_WRITE who']],
    [of('POST', adminKey), ['RATE_ADDRESS 203.0.113.3', 'RATE_WRITE who']],
    [of('POST', signedByBoth), ['RATE_SIGNED_ADDRESS 203.0.113.3', 'RATE_SIGNED_KEY who']],
    [of('POST', session, true), ['RATE_ADDRESS 203.0.113.3', 'RATE_WRITE who /api/v1/x']],
    [of('POST', signedByBoth, true), ['RATE_SIGNED_ADDRESS 203.0.113.3', 'RATE_SIGNED_KEY who /api/v1/x']],
  ]
  for (const [endpoint, counted] of shots) {
    expect(await countedOf(endpoint, 'who')).toEqual(counted)
    const guesses = ['open', 'signed'].includes(endpoint.access.kind) ? [] : ['RATE_AUTH_FAILURES']
    expect(ratesOf(endpoint)).toEqual([...counted.map((text) => text.split(' ')[0]), ...guesses])
  }
})

test('a key is counted apart from its account’s own sessions', async () => {
  const admitted: Known[] = []
  const incoming = (headers: Record<string, string>, env: object): Incoming => ({
    env,
    header: (name) => headers[name],
    now: Math.floor(Date.now() / 1000),
    nowMs: Date.now(),
    db: () => ({}) as Database,
    body: async () => await Promise.resolve(undefined),
    guess: async (look) => await look(),
    admit: async (known) => void (await Promise.resolve(admitted.push(known))),
    keep: () => undefined,
  })
  const keys = { JWT_SECRET: 'x'.repeat(32), JWT_TTL_SECONDS: 60, ADMIN_API_KEY: 'the admin key' }
  const account = `0x${'aa'.repeat(20)}`
  const { token } = await issueSession(keys, account, Math.floor(Date.now() / 1000))
  await session.identify(incoming({ authorization: `Bearer ${token}` }, keys))
  await read.identify(incoming({ authorization: `Bearer ${token}` }, keys))
  await read.identify(incoming({ 'x-api-key': `tg_${'0'.repeat(43)}` }, keys))
  await adminKey.identify(incoming({ 'x-api-key': 'the admin key' }, keys))
  const counts = admitted.map(({ countedAs }) => countedAs)
  expect(counts.slice(0, 2)).toEqual([account, account])
  expect(new Set(counts).size).toBe(3)
  expect(admitted.map(({ account: logged }) => logged)).toEqual([account, account, account, undefined])
})

test('a refusal says when to come back: the period of the limit that was passed', async () => {
  for (const [worker, path, method, name] of [
    [walletTokens, '/wallet/tokens', 'GET', 'RATE_PUBLIC'],
    [spotBalances, '/spot/balances', 'GET', 'RATE_ADDRESS'],
    [agentList, '/agent/list', 'POST', 'RATE_SIGNED_ADDRESS'],
  ] as const) {
    const { response } = await call(worker, path, { method })
    expect([response.status, response.headers.get('retry-after')]).toEqual([
      429,
      String(RATES[name].periodSeconds),
    ])
  }
})

test('a flood of guessing addresses fills no memory: past the most that are kept, the first is forgotten', async () => {
  const bindings = {
    RATE_ADDRESS: { limit: async () => await Promise.resolve({ success: true }) },
    RATE_AUTH_FAILURES: { limit: async () => await Promise.resolve({ success: false }) },
  }
  const endpoint = spotBalances.endpoints[0] ?? expect.fail('no endpoint')
  const gate = (address: string) => new RateGate(bindings, endpoint, address)
  const guess = async (address: string) =>
    await gate(address)
      .authFailed()
      .catch(() => undefined)
  const isBraked = async (address: string) =>
    await gate(address)
      .enter(true)
      .then(
        () => false,
        () => true,
      )
  await guess('first')
  expect(await isBraked('first')).toBe(true)
  for (let n = 0; n < BRAKED_ADDRESSES_MAX; n += 1) await guess(`address ${n}`)
  expect([await isBraked('first'), await isBraked(`address ${BRAKED_ADDRESSES_MAX - 1}`)]).toEqual([
    false,
    true,
  ])
})

test('an issuer that is down is no guess of its users: nothing is counted against their address', async () => {
  const answers = vi.spyOn(globalThis, 'fetch').mockRejectedValue(new TypeError('fetch failed'))
  const counted: string[] = []
  const bindings = Object.fromEntries(
    Object.keys(RATES).map((name) => {
      const limit = async () => {
        counted.push(name)
        return await Promise.resolve({ success: true })
      }
      return [name, { limit }]
    }),
  )
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
  const now = Math.floor(Date.now() / 1000)
  const claims = { iss: 'https://issuer.example.com', aud: 'app', sub: 'x', iat: now, exp: now + 600 }
  const shot = async (token: string) =>
    await spotBalances.fetch(
      new Request('https://api.example.com/api/v1/spot/balances', {
        headers: { Authorization: `Bearer ${token}` },
      }),
      {
        ...SETTINGS,
        ...bindings,
        JWT_JWKS_URL: 'https://issuer.example.com/jwks.json',
        JWT_ISSUER: 'https://issuer.example.com',
        JWT_AUDIENCE: 'app',
      },
      { waitUntil: () => undefined, passThroughOnException: () => undefined, props: {} },
    )
  try {
    const token = `${part({ alg: 'RS256', kid: 'k' })}.${part(claims)}.${'A'.repeat(342)}`
    expect([(await shot(token)).status, counted]).toEqual([503, ['RATE_ADDRESS']])
    counted.length = 0
    expect([(await shot('x.y.z')).status, counted]).toEqual([401, ['RATE_ADDRESS', 'RATE_AUTH_FAILURES']])
  } finally {
    answers.mockRestore()
  }
})
