import { secp256k1 } from '@noble/curves/secp256k1.js'
import * as fc from 'fast-check'
import { recoverAddress, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { concatBytes, hexToBytes, numberToBytes } from 'viem/utils'
import { describe, expect, test } from 'vitest'
import { derToLowS, recoverableSignature, SignerError } from '../functions/_lib/signer.ts'

const ORDER = secp256k1.Point.Fn.ORDER
const KEY = generatePrivateKey()
const ADDRESS = privateKeyToAddress(KEY)
const DIGEST: Hex = `0x${'5a'.repeat(32)}`

describe('DER', () => {
  const r = integer(numberToBytes(ORDER / 3n, { size: 32 }))
  const s = integer(numberToBytes(ORDER / 5n, { size: 32 }))
  const whole = sequence(r, s)
  const near: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['a byte after the sequence', concatBytes([whole, Uint8Array.of(0)])],
    ['a byte inside the sequence after s', sequence(r, s, Uint8Array.of(0))],
    ['a third integer', sequence(r, s, s)],
    ['s missing', sequence(r)],
    ['the last byte missing', whole.subarray(0, -1)],
    ['another tag than SEQUENCE', Uint8Array.from(whole, (byte, i) => (i === 0 ? 0x31 : byte))],
    ['another tag than INTEGER', sequence(tlv(0x03, r.subarray(2)), s)],
    ['r zero', sequence(integer(Uint8Array.of(0)), s)],
    ['s zero', sequence(r, integer(Uint8Array.of(0)))],
    ['r empty', sequence(integer(new Uint8Array()), s)],
    ['r negative', sequence(integer(numberToBytes(ORDER - 1n, { size: 32 })), s)],
    ['s negative', sequence(r, integer(numberToBytes(ORDER - 1n, { size: 32 })))],
    ['a zero too many before r', sequence(integer(Uint8Array.of(0, ...r.subarray(2))), s)],
    ['r equal to the order', sequence(integer(numberToBytes(ORDER, { size: 33 })), s)],
    ['s equal to the order', sequence(r, integer(numberToBytes(ORDER, { size: 33 })))],
    ['s over the order', sequence(r, integer(numberToBytes(2n ** 256n - 1n, { size: 33 })))],
    ['s of 34 bytes', sequence(r, integer(numberToBytes(2n ** 264n, { size: 34 })))],
    ['the length of the sequence in long form', Uint8Array.of(0x30, 0x81, ...whole.subarray(1))],
    ['the length of r in long form', sequence(Uint8Array.of(0x02, 0x81, ...r.subarray(1)), s)],
    ['indefinite length', Uint8Array.of(0x30, 0x80, ...r, ...s, 0, 0)],
    ['r‖s without DER', concatBytes([r.subarray(2), s.subarray(2)])],
  ]

  test('in its strict form is read', () => {
    expect(derToLowS(whole)).toEqual({ r: ORDER / 3n, s: ORDER / 5n })
  })

  test.each(near)('with %s is refused as malformed and not repaired', (_, der) => {
    expect(() => derToLowS(der)).toThrow(expect.objectContaining({ reason: 'malformed', code: 'NotDer' }))
  })

  test('has one encoding for a signature: a changed byte is never read as the same one', () => {
    const change = fc.tuple(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }))
    fc.assert(
      fc.property(change, ([at, flip]) => {
        const changed = Uint8Array.from(whole, (byte, i) => (i === at ? byte ^ flip : byte))
        const read = parsed(changed)
        expect(read).not.toEqual(derToLowS(whole))
      }),
      { numRuns: 2_000 },
    )
  })

  test('made of arbitrary bytes is a SignerError and no other error', () => {
    const bytes = fc.uint8Array({ maxLength: 90 })
    fc.assert(
      fc.property(bytes, (der) => void parsed(der)),
      { numRuns: 2_000 },
    )
  })
})

describe('low s', () => {
  const half = ORDER / 2n
  const cases: [string, bigint, bigint][] = [
    ['1 stays', 1n, 1n],
    ['the half of the order stays', half, half],
    ['one over the half becomes the half', half + 1n, half],
    ['the order less one becomes 1', ORDER - 1n, 1n],
  ]
  test.each(cases)('%s', (_, s, low) => {
    const der = new secp256k1.Signature(ORDER / 3n, s).toBytes('der')
    expect(derToLowS(der)).toEqual({ r: ORDER / 3n, s: low })
  })
})

describe('recovery', () => {
  test('agrees with viem for high and low s, both parities, 200 keys', async () => {
    const seen = new Set<string>()
    for (let i = 0; i < 200; i += 1) {
      const key = generatePrivateKey()
      const der = signRaw(DIGEST, key)
      const signature = recoverableSignature(DIGEST, der, privateKeyToAddress(key))
      expect(await recoverAddress({ hash: DIGEST, signature })).toBe(privateKeyToAddress(key))
      seen.add(
        `${secp256k1.Signature.fromBytes(der, 'der').hasHighS() ? 'high' : 'low'} ${signature.slice(-2)}`,
      )
    }
    expect(seen).toEqual(new Set(['high 1b', 'high 1c', 'low 1b', 'low 1c']))
  })

  test('takes the expected address in any case', () => {
    const der = signRaw(DIGEST, KEY)
    const lower = ADDRESS.toLowerCase() as Hex
    expect(recoverableSignature(DIGEST, der, lower)).toBe(recoverableSignature(DIGEST, der, ADDRESS))
  })

  test('refuses a signature by another key, and one over another digest, as wrong_key', () => {
    const wrong = expect.objectContaining({ reason: 'wrong_key' }) as Error
    expect(() => recoverableSignature(DIGEST, signRaw(DIGEST, generatePrivateKey()), ADDRESS)).toThrow(wrong)
    expect(() => recoverableSignature(`0x${'00'.repeat(32)}`, signRaw(DIGEST, KEY), ADDRESS)).toThrow(wrong)
  })

  test('refuses an r that is the x of no point as wrong_key and does not fall over', () => {
    // x = 5 has no point on the curve: 5³ + 7 is not a square.
    const der = new secp256k1.Signature(5n, 1n).toBytes('der')
    expect(() => recoverableSignature(DIGEST, der, ADDRESS)).toThrow(
      expect.objectContaining({ reason: 'wrong_key' }),
    )
  })
})

function parsed(der: Uint8Array) {
  try {
    return derToLowS(der)
  } catch (error) {
    expect(error).toBeInstanceOf(SignerError)
    return undefined
  }
}

function signRaw(digest: Hex, key: Hex): Uint8Array {
  const options = { lowS: false, prehash: false, extraEntropy: true, format: 'der' } as const
  return secp256k1.sign(hexToBytes(digest), hexToBytes(key), options)
}

function tlv(tag: number, ...content: Uint8Array[]): Uint8Array {
  const value = concatBytes(content)
  return Uint8Array.of(tag, value.length, ...value)
}

function integer(bytes: Uint8Array): Uint8Array {
  return tlv(0x02, bytes)
}

function sequence(...content: Uint8Array[]): Uint8Array {
  return tlv(0x30, ...content)
}
