import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { STREAM_LOOK_AGAIN_MS, STREAM_RETRY_MS } from '../functions/_lib/limits.ts'
import { StreamLease } from '../functions/_lib/stream/lease.ts'

const START = 1_800_000_000_000
const SECONDS = 300
let stored: Map<string, unknown>
let asked: string[]

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now: START })
  stored = new Map()
  asked = []
})
afterEach(() => vi.useRealTimers())

const after = (ms: number) => vi.setSystemTime(START + ms)
/** As an object makes it when it wakes: what it knows is in its storage. */
const woken = (register = async () => await Promise.resolve(SECONDS)) =>
  new StreamLease(
    {
      get: async <T>(key: string) => await Promise.resolve(stored.get(key) as T | undefined),
      put: async (key, value) => await Promise.resolve(void stored.set(key, value)),
    },
    async (account) => {
      asked.push(account)
      return await register()
    },
  )
const refused = async () => await Promise.reject<number>(new Error('the database is down'))

test('a registration is asked for once, also by many at once, and anew when a good part of it is over', async () => {
  const lease = woken()
  expect(await Promise.all([lease.hold('a'), lease.hold('a'), lease.hold('a')])).toContain(true)
  expect(await woken().hold('a')).toBe(false)
  expect(asked).toEqual(['a'])
  after(SECONDS * 500)
  expect(await woken().hold('a')).toBe(false)
  expect(asked).toEqual(['a', 'a'])
  await woken().looked()
  expect(await woken().dueAt()).toBeGreaterThan(START + SECONDS * 500)
})

test('one that has run out is told as such, and is looked behind once more', async () => {
  await woken().hold('a')
  after(STREAM_LOOK_AGAIN_MS)
  await woken().looked()
  expect(await woken().lookIsDue()).toBe(false)
  after(SECONDS * 1000)
  expect(await woken().hold('a')).toBe(true)
  after(SECONDS * 1000 + STREAM_LOOK_AGAIN_MS)
  expect(await woken().lookIsDue()).toBe(true)
})

test('the second look is due when no movement can be under way that did not see it, and not before; a renewal keeps it', async () => {
  // The ledger answers late: what counts is when it had committed.
  await woken(async () => {
    after(2_000)
    return await Promise.resolve(10)
  }).hold('a')
  expect(await woken().dueAt()).toBe(START + 4_000)
  after(8_000)
  expect(await woken().hold('a')).toBe(false)
  after(2_000 + STREAM_LOOK_AGAIN_MS - 1)
  expect(await woken().lookIsDue()).toBe(false)
  await woken().looked()
  after(2_000 + STREAM_LOOK_AGAIN_MS)
  expect(await woken().lookIsDue()).toBe(true)
  await woken().looked()
  expect(await woken().lookIsDue()).toBe(false)
})

test('one that the ledger refuses is not there, is asked for again, and ends when it was to end', async () => {
  const lease = woken(refused)
  for (const _ of [1, 2]) await expect(lease.hold('a')).rejects.toThrow('the database is down')
  expect([asked.length, await lease.isEnding(), await lease.dueAt()]).toEqual([2, true, Infinity])
  await woken().hold('a')
  after(SECONDS * 1000 - STREAM_RETRY_MS - 1)
  await expect(lease.hold('a')).rejects.toThrow()
  expect(await lease.isEnding()).toBe(false)
  after(SECONDS * 1000 - STREAM_RETRY_MS)
  expect(await lease.isEnding()).toBe(true)
})
