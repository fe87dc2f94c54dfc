/** What a call is counted on, seen from the bindings: the Worker runs in this process with counters of the test's own. */
import { beforeEach, expect, test, vi } from 'vitest'
import agentList from '../functions/agent-list.ts'
import spotBalances from '../functions/spot-balances.ts'
import walletTokens from '../functions/wallet-tokens.ts'
import type { Worker } from '../functions/_lib/app.ts'
import { RATES } from '../functions/_lib/limits.ts'
import { addressKey, RateGate } from '../functions/_lib/rate-limit.ts'

const logged = vi.spyOn(console, 'error').mockImplementation(() => undefined)
vi.spyOn(console, 'log').mockImplementation(() => undefined)
beforeEach(() => void logged.mockClear())

const SETTINGS = { DATABASE_URL: 'postgresql://u:p@127.0.0.1:1/none', JWT_SECRET: 'x'.repeat(32) }
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
