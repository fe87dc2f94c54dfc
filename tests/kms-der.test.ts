import { secp256k1 } from '@noble/curves/secp256k1.js'
import * as fc from 'fast-check'
import { recoverAddress, type Address, type Hex } from 'viem'
import { generatePrivateKey, privateKeyToAddress } from 'viem/accounts'
import { concatBytes, hexToBigInt, hexToBytes, numberToBytes, numberToHex } from 'viem/utils'
import { describe, expect, test } from 'vitest'
import { SIGNER_TABLES_AFTER } from '../functions/_lib/limits.ts'
import {
  derToLowS,
  PublicKey,
  publicKeyOf,
  recoverableSignature,
  SignerError,
} from '../functions/_lib/withdraw/signer.ts'

const { Point } = secp256k1
const ORDER = Point.Fn.ORDER
/** SubjectPublicKeyInfo of an uncompressed point of secp256k1, up to the point. */
const SPKI_HEAD: Hex = '0x3056301006072a8648ce3d020106052b8104000a034200'
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

describe('the recovery id', () => {
  test('agrees with viem for high and low s, both parities, 200 keys', async () => {
    const seen = new Set<string>()
    for (let i = 0; i < 200; i += 1) {
      const key = generatePrivateKey()
      const der = signRaw(DIGEST, key)
      const signature = recoverableSignature(DIGEST, der, publicOf(key))
      expect(await recoverAddress({ hash: DIGEST, signature })).toBe(privateKeyToAddress(key))
      seen.add(
        `${secp256k1.Signature.fromBytes(der, 'der').hasHighS() ? 'high' : 'low'} ${signature.slice(-2)}`,
      )
    }
    expect(seen).toEqual(new Set(['high 1b', 'high 1c', 'low 1b', 'low 1c']))
  })

  test('is what recovering the key for either parity finds, and refused where that finds none: any key, digest, r and s', () => {
    const scalar = fc.bigInt({ min: 1n, max: ORDER - 1n })
    const [zero, most] = [0n, 2n ** 256n - 1n]
    const hash = fc.oneof(fc.bigInt({ min: zero, max: most }), fc.constantFrom(zero, ORDER, most))
    const made = fc.constantFrom('by the key', 'by the key', 'by another key', 'of any numbers')
    const seen = { signed: 0, wrong_key: 0 }
    fc.assert(
      fc.property(scalar, hash, made, scalar, scalar, fc.nat(9), (secret, number, how, r, s, dice) => {
        const [key, digest] = [numberToHex(secret, { size: 32 }), numberToHex(number, { size: 32 })]
        const der =
          how === 'of any numbers'
            ? new secp256k1.Signature(r, s).toBytes('der')
            : signRaw(digest, how === 'by the key' ? key : generatePrivateKey())
        const known = dice === 0 ? busy(publicOf(key)) : publicOf(key)
        const answer = outcomeOf(() => recoverableSignature(digest, der, known))
        expect(answer).toBe(outcomeOf(() => byRecovery(digest, der, privateKeyToAddress(key))))
        seen[answer === 'wrong_key' ? 'wrong_key' : 'signed'] += 1
      }),
      { numRuns: 200 },
    )
    expect(seen.signed).toBeGreaterThan(50)
    expect(seen.wrong_key).toBeGreaterThan(50)
  })

  test('that the vault has no v for (an x beyond the order) is wrong_key, although the signature verifies', () => {
    const { Fn } = Point
    for (let step = 0n, found = 0; found < 20; step += 1n) {
      const point = pointAt(ORDER + step)
      if (point === undefined || step === 0n) continue
      found += 1
      // The key of which r = x − n, any s and the digest are a signature: Q = r⁻¹(sR − zG).
      const [r, s, z] = [step, ORDER / 7n, Fn.create(hexToBigInt(DIGEST))]
      const inverse = Fn.inv(r)
      const key = point.multiply(Fn.mul(s, inverse)).subtract(Point.BASE.multiply(Fn.mul(z, inverse)))
      const der = new secp256k1.Signature(r, s).toBytes('der')
      const options = { format: 'der', prehash: false, lowS: false } as const
      expect(secp256k1.verify(der, hexToBytes(DIGEST), key.toBytes(), options)).toBe(true)
      expect(outcomeOf(() => byRecovery(DIGEST, der, new PublicKey(key).address))).toBe('wrong_key')
      expect(outcomeOf(() => recoverableSignature(DIGEST, der, new PublicKey(key)))).toBe('wrong_key')
    }
  })

  test('refuses a signature by another key, and one over another digest, as wrong_key', () => {
    const wrong = expect.objectContaining({ reason: 'wrong_key' }) as Error
    const key = publicOf(KEY)
    expect(() => recoverableSignature(DIGEST, signRaw(DIGEST, generatePrivateKey()), key)).toThrow(wrong)
    expect(() => recoverableSignature(`0x${'00'.repeat(32)}`, signRaw(DIGEST, KEY), key)).toThrow(wrong)
  })

  test('refuses an r that is the x of no point as wrong_key and does not fall over', () => {
    // x = 5 has no point on the curve: 5³ + 7 is not a square.
    const der = new secp256k1.Signature(5n, 1n).toBytes('der')
    expect(outcomeOf(() => recoverableSignature(DIGEST, der, publicOf(KEY)))).toBe('wrong_key')
  })

  test('of a signature that ends in infinity is wrong_key and does not fall over, with tables too', () => {
    // hG + rQ is infinity for Q = G and r = −h.
    const { Fn, BASE } = Point
    const r = Fn.neg(Fn.create(hexToBigInt(DIGEST)))
    const der = new secp256k1.Signature(r, 1n).toBytes('der')
    for (const key of [new PublicKey(BASE), busy(new PublicKey(BASE))])
      expect(outcomeOf(() => recoverableSignature(DIGEST, der, key))).toBe('wrong_key')
  })
})

describe('a public key', () => {
  const spki = concatBytes([hexToBytes(SPKI_HEAD), pointOf(KEY).toBytes(false)])
  const changed = (at: number, byte: number) => Uint8Array.from(spki, (old, i) => (i === at ? byte : old))
  const refused: [string, Uint8Array][] = [
    ['nothing', new Uint8Array()],
    ['a byte after it', concatBytes([spki, Uint8Array.of(0)])],
    ['the last byte missing', spki.subarray(0, -1)],
    ['a point off the curve', changed(spki.length - 1, spki.at(-1)! ^ 1)],
    ['another curve', changed(19, 9)],
    ['a compressed point', concatBytes([hexToBytes(SPKI_HEAD), pointOf(KEY).toBytes(true)])],
    ['a hybrid point', changed(23, 6)],
    [
      'an x that is no number of the field',
      Uint8Array.from(spki, (old, i) => (i > 23 && i < 56 ? 255 : old)),
    ],
  ]

  test('in its DER form is read, and has its address', () => {
    expect(publicKeyOf(spki).address).toBe(ADDRESS.toLowerCase())
  })

  test.each(refused)('with %s is refused as malformed', (_, bytes) => {
    expect(outcomeOf(() => publicKeyOf(bytes))).toBe('malformed')
  })
})

const pointAt = (x: bigint) => {
  try {
    return Point.fromBytes(concatBytes([Uint8Array.of(2), numberToBytes(x, { size: 32 })]))
  } catch {
    return undefined
  }
}

/** What it gives, or why it refuses. */
function outcomeOf(work: () => unknown): unknown {
  try {
    return work()
  } catch (error) {
    expect(error).toBeInstanceOf(SignerError)
    return (error as SignerError).reason
  }
}

/** The recovery id by trying: what the vault does, and what was done here before the public key was known. */
function byRecovery(digest: Hex, der: Uint8Array, expected: Address): Hex {
  const { r, s } = derToLowS(der)
  for (const parity of [0, 1]) {
    const signature = new secp256k1.Signature(r, s, parity)
    const recovered = recoveredAddress(signature, hexToBytes(digest))
    if (recovered === expected.toLowerCase())
      return `0x${signature.toHex('compact')}${(27 + parity).toString(16)}`
  }
  throw new SignerError('wrong_key', 'SignatureByAnotherKey')
}

/** undefined where no point has r for its x. */
function recoveredAddress(
  signature: { recoverPublicKey(hash: Uint8Array): typeof Point.BASE },
  hash: Uint8Array,
) {
  try {
    return new PublicKey(signature.recoverPublicKey(hash)).address
  } catch {
    return undefined
  }
}

const pointOf = (key: Hex) => Point.fromBytes(secp256k1.getPublicKey(hexToBytes(key)))
const publicOf = (key: Hex) => new PublicKey(pointOf(key))

/** One that has made so many sums that it has tables. */
function busy(key: PublicKey): PublicKey {
  for (let n = 0; n <= SIGNER_TABLES_AFTER; n += 1) key.sum(1n, 1n)
  return key
}

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
