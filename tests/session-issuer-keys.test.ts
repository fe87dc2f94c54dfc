/** How the other issuer's keys are read and kept. Time is an argument here, so nothing waits. */
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { JWKS_COOL_DOWN_SECONDS, JWKS_FRESH_SECONDS, JWKS_TRUSTED_SECONDS } from '../functions/_lib/limits.ts'
import { readSession, type SessionEnv } from '../functions/_lib/access/session-token.ts'
import { AUDIENCE, FAULTS, ISSUER, startIssuer, type Fault, type Issuer } from './support/issuer.ts'

const account = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const now = 1_800_000_000
let issuer: Issuer
let env: SessionEnv

beforeAll(async () => {
  issuer = await startIssuer()
  await issuer.add('rs')
})
afterAll(async () => await issuer.stop())
beforeEach(() => {
  issuer.fault = undefined
  issuer.forget()
  env = {
    JWT_SECRET: 's'.repeat(32),
    JWT_TTL_SECONDS: 600,
    JWT_JWKS_URL: issuer.newUrl(),
    JWT_ISSUER: ISSUER,
    JWT_AUDIENCE: AUDIENCE,
  }
})

/** `ok`, `401`, or the code of the error with what is logged of its cause. */
const outcome = async (token: string, at: number): Promise<string> => {
  try {
    return (await readSession(env, token, at))?.account === account ? 'ok' : '401'
  } catch (error) {
    const { code, cause } = error as { code: string; cause?: { code: string } }
    return cause ? `${code} ${cause.code}` : code
  }
}
let serial = 0
/** No two tokens are alike: one that was verified before is remembered, and its keys are not looked at. */
const token = async (kid: string, at = now) =>
  await issuer.token(kid, account, at, { claims: { serial: (serial += 1) } })

describe('an issuer whose keys cannot be read', () => {
  const WHY: Partial<Record<Fault, string>> = {
    'answers 500': 'status_500',
    'answers 404': 'status_404',
    'answers HTML with 200': 'not_json',
    'answers nothing': 'not_json',
    'redirects to its keys': 'status_302',
    'answers its keys and then megabytes': 'too_large',
    'never answers': 'timeout',
    'begins its keys and never ends': 'timeout',
    'hangs up': 'unreachable',
  }
  test.each(Object.keys(FAULTS) as Fault[])('that %s: ISSUER_UNAVAILABLE and no verdict', async (fault) => {
    issuer.fault = fault
    expect(await outcome(await token('rs'), now)).toBe(`ISSUER_UNAVAILABLE ${WHY[fault] ?? 'no_keys'}`)
  })

  test('is asked once by all who need it at once, and then left alone until the cool-down is over', async () => {
    issuer.fault = 'answers 500'
    const all = await Promise.all(
      Array.from({ length: 20 }, async () => await outcome(await token('rs'), now)),
    )
    expect(new Set(all.map((text) => text.split(' ')[0]))).toEqual(new Set(['ISSUER_UNAVAILABLE']))
    for (let second = 0; second < JWKS_COOL_DOWN_SECONDS; second += 1)
      expect(await outcome(await token('rs'), now + second)).toBe('ISSUER_UNAVAILABLE')
    expect(issuer.asked).toBe(1)
    issuer.fault = undefined
    expect(await outcome(await token('rs'), now + JWKS_COOL_DOWN_SECONDS)).toBe('ok')
  })

  test('says when to come back, never longer than the cool-down', async () => {
    issuer.fault = 'answers 500'
    for (const [second, wait] of [
      [0, '10'],
      [4, '6'],
      [9, '1'],
    ] as const) {
      const refused = await readSession(env, await token('rs'), now + second).catch((error: unknown) => error)
      expect(refused).toMatchObject({ headers: { 'Retry-After': wait } })
    }
  })

  test('does not stop our own tokens', async () => {
    const { issueSession } = await import('../functions/_lib/access/session-token.ts')
    issuer.fault = 'never answers'
    expect(await outcome((await issueSession(env, account, now)).token, now)).toBe('ok')
    expect(issuer.asked).toBe(0)
  })

  test('is made up for by keys that are younger than a minute, and not by older ones', async () => {
    expect(await outcome(await token('rs'), now)).toBe('ok')
    issuer.fault = 'answers 500'
    for (const age of [JWKS_FRESH_SECONDS, JWKS_TRUSTED_SECONDS - 1])
      expect(await outcome(await token('rs'), now + age)).toBe('ok')
    expect(await outcome(await token('rs'), now + JWKS_TRUSTED_SECONDS)).toMatch(/^ISSUER_UNAVAILABLE/)
  })

  test('leaves a token open whose key is not among the known ones: it may be new', async () => {
    expect(await outcome(await token('rs'), now)).toBe('ok')
    issuer.fault = 'answers 500'
    await issuer.add('new')
    expect(await outcome(await token('new'), now + 1)).toBe('ISSUER_UNAVAILABLE status_500')
    expect(await outcome(await token('new'), now + 2)).toBe('ISSUER_UNAVAILABLE')
    issuer.fault = undefined
    expect(await outcome(await token('new'), now + 1 + JWKS_COOL_DOWN_SECONDS)).toBe('ok')
    issuer.withdraw('new')
  })
})

describe('keys that change', () => {
  test('a key published a moment ago is found at once', async () => {
    expect(await outcome(await token('rs'), now)).toBe('ok')
    await issuer.add('rotated')
    expect(await outcome(await token('rotated'), now)).toBe('ok')
    issuer.withdraw('rotated')
  })

  test('keys that nobody published make us ask once per cool-down, however many tokens name them', async () => {
    expect(await outcome(await token('rs'), now)).toBe('ok')
    await issuer.add('forged')
    issuer.withdraw('forged')
    issuer.forget()
    for (let second = 0; second < JWKS_COOL_DOWN_SECONDS; second += 1) {
      const forged = await Promise.all(
        Array.from({ length: 3 }, async () => await outcome(await token('forged'), now + second)),
      )
      expect(forged).toEqual(['401', '401', '401'])
    }
    expect(issuer.asked).toBe(1)
    expect(await outcome(await token('rs'), now + JWKS_COOL_DOWN_SECONDS)).toBe('ok')
  })

  test('a withdrawn key opens nothing after a minute, also for a token that was remembered', async () => {
    await issuer.add('leaked')
    const remembered = await token('leaked')
    expect(await outcome(remembered, now)).toBe('ok')
    issuer.withdraw('leaked')
    // Verified again just before the keys are read again, with the old ones.
    const late = await token('leaked')
    expect(await outcome(late, now + JWKS_FRESH_SECONDS - 1)).toBe('ok')
    for (const stale of [remembered, late]) {
      expect(await outcome(stale, now + JWKS_TRUSTED_SECONDS)).toBe('401')
      expect(await outcome(stale, now + JWKS_TRUSTED_SECONDS + 1)).toBe('401')
    }
  })

  test('a token without a key’s name is tried with the few that it can be, and finds a new one', async () => {
    const nameless = async (kid: string) =>
      await issuer.token(kid, account, now, {
        header: { kid: undefined },
        claims: { serial: (serial += 1) },
      })
    expect(await outcome(await nameless('rs'), now)).toBe('ok')
    await issuer.add('second')
    expect(await outcome(await nameless('second'), now)).toBe('ok')
    expect(await outcome(await nameless('rs'), now)).toBe('ok')
    issuer.withdraw('second')
    expect(await outcome(await nameless('second'), now + JWKS_FRESH_SECONDS)).toBe('401')
  })
})
