import { afterEach, describe, expect, test, vi } from 'vitest'
import { hasEnded, rememberEnded } from '../functions/_lib/access/ended-sessions.ts'
import {
  ENDED_SESSIONS_MAX,
  SESSION_CACHE_ENTRIES_MAX,
  SESSION_CACHE_SECONDS,
} from '../functions/_lib/limits.ts'
import { SessionCache } from '../functions/_lib/access/session-cache.ts'
import { issueSession, readSession } from '../functions/_lib/access/session-token.ts'

const env = { JWT_SECRET: 'a'.repeat(32), JWT_TTL_SECONDS: 90 }
const other = { ...env, JWT_SECRET: 'b'.repeat(32) }
const account = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const now = 1_800_000_000

afterEach(() => vi.restoreAllMocks())

describe('a session that was verified', () => {
  test('is taken for a minute without checking its signature again, and then checked again', async () => {
    const { token } = await issueSession(env, account, now)
    const verify = vi.spyOn(crypto.subtle, 'verify')
    for (const at of [now, now, now + SESSION_CACHE_SECONDS - 1])
      expect((await readSession(env, token, at))?.account).toBe(account)
    expect(verify).toHaveBeenCalledTimes(1)
    expect((await readSession(env, token, now + SESSION_CACHE_SECONDS))?.account).toBe(account)
    expect(verify).toHaveBeenCalledTimes(2)
  })

  test('ends in the second it expires, though it is remembered', async () => {
    const { token, expiresAt } = await issueSession(env, account, now)
    expect(await readSession(env, token, expiresAt - 1)).not.toBeNull()
    expect(await readSession(env, token, expiresAt)).toBeNull()
  })

  test('is no session under another key', async () => {
    const { token } = await issueSession(env, account, now)
    expect(await readSession(env, token, now)).not.toBeNull()
    expect(await readSession(other, token, now)).toBeNull()
    expect(await readSession(env, token, now)).not.toBeNull()
  })

  test('lends nothing to a token that differs by one letter, anywhere', async () => {
    const { token } = await issueSession(env, account, now)
    expect(await readSession(env, token, now)).not.toBeNull()
    for (let at = 0; at < token.length; at += 1) {
      // A letter two away: the last one of a base64url text has bits that say nothing.
      const changed = token[at] === 'A' ? 'z' : 'A'
      const near = token.slice(0, at) + changed + token.slice(at + 1)
      if (at < token.length - 1) expect([at, await readSession(env, near, now)]).toEqual([at, null])
    }
  })
})

test('a refused token is not remembered, and a flood of good ones leaves the latest', async () => {
  const cache = new SessionCache()
  expect(await readSession(env, 'x.y.z', now)).toBeNull()
  const session = { account, issuedAt: now, expiresAt: now + 90, generation: null, id: '' }
  for (let n = 0; n <= SESSION_CACHE_ENTRIES_MAX; n += 1) cache.keep('c', `token ${n}`, session, now)
  expect(cache.find('c', 'token 0', now)).toBeUndefined()
  expect(cache.find('c', `token ${SESSION_CACHE_ENTRIES_MAX}`, now)).toEqual(session)
  expect(cache.find('d', `token ${SESSION_CACHE_ENTRIES_MAX}`, now)).toBeUndefined()
})

test('of sessions that have ended so many are remembered and no more: the one that ended first is forgotten', () => {
  for (let n = 0; n <= ENDED_SESSIONS_MAX; n += 1) rememberEnded(`session ${n}`)
  const known = [0, 1, ENDED_SESSIONS_MAX].map((n) => hasEnded(`session ${n}`))
  expect(known).toEqual([false, true, true])
})
