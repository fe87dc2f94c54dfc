import { ed25519 } from '@noble/curves/ed25519.js'
import { sha512 } from '@noble/hashes/sha2.js'
import { bytesToHex, bytesToNumberLE, concatBytes, hexToBytes, numberToBytesLE } from '@noble/curves/utils.js'
import { describe, expect, test } from 'vitest'
import {
  decodeKeyText,
  type StrictPublicKey,
  strictPublicKey,
  verifyStrict,
} from '../functions/_lib/wallet/ed25519.ts'
import { IDENTITY, L, ORDER_8, Point, SMALL_ORDER } from './support/ed25519-cases.ts'
import { MAIN } from './support/signed-vectors.ts'

const message = new TextEncoder().encode('move everything')

/** S·B as R beside S: under the identity key a lenient verifier takes it for any message. */
function forgedUnderIdentity(): Uint8Array {
  const s = 12345678901234567890n
  return concatBytes(Point.BASE.multiply(s).toBytes(), numberToBytesLE(s, 32))
}

/** A signature whose R carries a torsion point: it holds times eight, and not as it stands. */
function withTorsionInR(secret: Uint8Array): Uint8Array {
  const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(secret)
  const r = 987654321n
  const R = Point.BASE.multiply(r).add(Point.fromHex(ORDER_8)).toBytes()
  const k = Point.Fn.create(bytesToNumberLE(sha512(concatBytes(R, pointBytes, message))))
  return concatBytes(R, numberToBytesLE(Point.Fn.create(r + k * scalar), 32))
}

const seed = new Uint8Array(32).fill(1)
const mainKey = strictPublicKey(decodeKeyText(MAIN)!)!
const honest = ed25519.sign(message, seed)

describe('public keys', () => {
  test('the list holds all eight torsion points, so none has been forgotten', () => {
    const points = Object.values(SMALL_ORDER).map((hex) => Point.fromHex(hex, true))
    expect(new Set(points.map((point) => point.toHex())).size).toBe(8)
    expect(points.every((point) => point.isSmallOrder())).toBe(true)
  })

  test.each(Object.entries(SMALL_ORDER))('refuses %s as a key', (_name, hex) => {
    expect(strictPublicKey(hexToBytes(hex))).toBeNull()
  })

  test.each(Object.entries(SMALL_ORDER))(
    'verifies nothing under %s even when the key check is skipped',
    async (_name, hex) => {
      expect(await verifyStrict(forgedUnderIdentity(), message, hexToBytes(hex) as StrictPublicKey)).toBe(
        false,
      )
    },
  )

  test('refuses a key with a torsion part, although noble takes it', () => {
    const mixed = Point.fromBytes(mainKey).add(Point.fromHex(ORDER_8)).toBytes()
    expect(ed25519.utils.isValidPublicKey(mixed, false)).toBe(true)
    expect(strictPublicKey(mixed)).toBeNull()
  })

  test('refuses an off-curve value, a non-canonical one and a wrong length', () => {
    const offCurve = numberToBytesLE(2n, 32)
    expect(() => Point.fromBytes(offCurve)).toThrow()
    expect(strictPublicKey(offCurve)).toBeNull()
    // y = 3 is on the curve; p + 3 is the same point, spelt a second way.
    const y3 = numberToBytesLE(3n, 32)
    const p3 = numberToBytesLE(2n ** 255n - 19n + 3n, 32)
    expect(Point.fromBytes(p3, true).toHex()).toBe(bytesToHex(y3))
    expect(strictPublicKey(p3)).toBeNull()
    expect(strictPublicKey(mainKey.subarray(0, 31))).toBeNull()
  })
})

describe('signatures', () => {
  test('takes an honest signature', async () => {
    expect(await verifyStrict(honest, message, mainKey)).toBe(true)
  })

  test('the forgery under the identity key is real: noble takes it by default', () => {
    expect(ed25519.verify(forgedUnderIdentity(), message, hexToBytes(IDENTITY))).toBe(true)
  })

  test('refuses a signature that holds only with the cofactor, although noble takes it with zip215 off', async () => {
    const dirty = withTorsionInR(seed)
    expect(ed25519.verify(dirty, message, mainKey, { zip215: false })).toBe(true)
    expect(await verifyStrict(dirty, message, mainKey)).toBe(false)
  })

  test('refuses S + L, the second spelling of the same signature', async () => {
    const s = bytesToNumberLE(honest.subarray(32)) + L
    expect(
      await verifyStrict(concatBytes(honest.subarray(0, 32), numberToBytesLE(s, 32)), message, mainKey),
    ).toBe(false)
  })

  test.each(Object.entries(SMALL_ORDER))('refuses %s as R', async (_name, hex) => {
    const { scalar, pointBytes } = ed25519.utils.getExtendedPublicKey(seed)
    const R = hexToBytes(hex)
    const k = Point.Fn.create(bytesToNumberLE(sha512(concatBytes(R, pointBytes, message))))
    const S = numberToBytesLE(Point.Fn.create(k * scalar), 32)
    expect(await verifyStrict(concatBytes(R, S), message, mainKey)).toBe(false)
  })

  test.each([0, 63, 65])('refuses %i bytes without throwing', async (length) => {
    expect(await verifyStrict(new Uint8Array(length), message, mainKey)).toBe(false)
  })
})
