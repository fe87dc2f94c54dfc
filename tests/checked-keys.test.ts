import { ed25519 } from '@noble/curves/ed25519.js'
import { numberToBytesLE } from '@noble/curves/utils.js'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { CheckedKeys } from '../functions/_lib/wallet/checked-keys.ts'
import { CHECKED_KEYS_MAX } from '../functions/_lib/limits.ts'

afterEach(() => vi.restoreAllMocks())

const keyOf = (n: number) => numberToBytesLE(n, 32)
/** Even numbers are good. */
function watchedKeys() {
  const isGood = vi.fn((key: Uint8Array) => key[0]! % 2 === 0)
  return { keys: new CheckedKeys(isGood), isGood }
}

describe('a key that was looked at', () => {
  test('is not looked at again, whether it was good or bad', () => {
    const { keys, isGood } = watchedKeys()
    expect([2, 2, 3, 3, 2].map((n) => keys.has(keyOf(n)))).toEqual([true, true, false, false, true])
    expect(isGood).toHaveBeenCalledTimes(2)
  })

  test('lends its verdict to no key that differs in one bit, wherever the bit is', () => {
    const known = new Uint8Array(32).fill(0x5a)
    const keys = new CheckedKeys((key) => Buffer.from(known).equals(key))
    expect(keys.has(known)).toBe(true)
    for (let bit = 0; bit < 256; bit += 1) {
      const near = Uint8Array.from(known)
      near[bit >> 3]! ^= 1 << (bit & 7)
      expect([bit, keys.has(near)]).toEqual([bit, false])
    }
    expect(keys.has(known)).toBe(true)
  })

  test('keeps its verdict when the caller writes into the bytes it asked with', () => {
    const { keys } = watchedKeys()
    const bytes = keyOf(2)
    expect(keys.has(bytes)).toBe(true)
    bytes[0] = 3
    expect([keys.has(bytes), keys.has(keyOf(2))]).toEqual([false, true])
  })

  test.each([0, 31, 33, 64, 1_000_000])('of %i bytes is bad and is neither examined nor kept', (length) => {
    const { keys, isGood } = watchedKeys()
    expect(keys.has(new Uint8Array(length))).toBe(false)
    expect(isGood).not.toHaveBeenCalled()
  })

  test('is imported into the runtime once, and a bad one never', async () => {
    const good = ed25519.getPublicKey(new Uint8Array(32).fill(1))
    const bad = ed25519.getPublicKey(new Uint8Array(32).fill(2))
    const keys = new CheckedKeys((key) => Buffer.from(good).equals(key))
    const importKey = vi.spyOn(crypto.subtle, 'importKey')
    const native = await keys.native(good)
    expect(native).toMatchObject({ type: 'public', extractable: false, usages: ['verify'] })
    expect(await keys.native(Uint8Array.from(good))).toBe(native)
    expect(await keys.native(bad)).toBeNull()
    expect(importKey).toHaveBeenCalledTimes(1)
  })
})

test('a flood of keys, good and bad, leaves the latest and forgets the oldest', () => {
  const { keys, isGood } = watchedKeys()
  for (let n = 0; n <= CHECKED_KEYS_MAX; n += 1) keys.has(keyOf(n))
  isGood.mockClear()
  for (let n = 1; n <= CHECKED_KEYS_MAX; n += 1) keys.has(keyOf(n))
  expect(isGood).not.toHaveBeenCalled()
  expect(keys.has(keyOf(0))).toBe(true)
  expect(isGood).toHaveBeenCalledTimes(1)
  // It pushed out the oldest of the rest, and only that one.
  keys.has(keyOf(2))
  expect(isGood).toHaveBeenCalledTimes(1)
  keys.has(keyOf(1))
  expect(isGood).toHaveBeenCalledTimes(2)
})
