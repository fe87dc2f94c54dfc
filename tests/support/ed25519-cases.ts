/**
 * Ed25519 signatures as honest wallets and as attackers make them: every part of one can be right, carry a torsion point, be
 * spelt a second way or be noise. And the rule they are judged by, in curve arithmetic.
 */
import { ed25519 } from '@noble/curves/ed25519.js'
import { bytesToNumberLE, concatBytes, hexToBytes, numberToBytesLE } from '@noble/curves/utils.js'
import { sha512 } from '@noble/hashes/sha2.js'
import fc from 'fast-check'

export const { Point } = ed25519
export const L = Point.Fn.ORDER
export const IDENTITY = '0100000000000000000000000000000000000000000000000000000000000000'
export const ORDER_8 = '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05'

/** Every 32-byte string that a lenient decoder takes for one of the eight torsion points. */
export const SMALL_ORDER = {
  'identity (order 1)': IDENTITY,
  'identity with the sign bit': '0100000000000000000000000000000000000000000000000000000000000080',
  'identity as p + 1': 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'identity as p + 1 with the sign bit': 'eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'order 2': 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'order 2 with the sign bit': 'ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'order 4': '0000000000000000000000000000000000000000000000000000000000000000',
  'order 4, other sign': '0000000000000000000000000000000000000000000000000000000000000080',
  'order 4 as p': 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f',
  'order 4 as p, other sign': 'edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff',
  'order 8, first': ORDER_8,
  'order 8, second': '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  'order 8, third': 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'order 8, fourth': 'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
}

export interface Signed {
  readonly key: Uint8Array
  readonly message: Uint8Array
  readonly signature: Uint8Array
}

/** How one is made: torsion is a multiple of a point of order 8; `bytes` stand for a point as they are. */
export interface Recipe {
  readonly secret: Uint8Array
  readonly message: Uint8Array
  readonly key: { torsion: number } | { bytes: string }
  /** `matching`: the torsion that lets the equation hold without the cofactor, whatever torsion the key has. */
  readonly R: { r: bigint; torsion: number | 'matching' } | { bytes: string }
  readonly S: { plus: number } | { is: bigint }
}

const TORSION = Array.from({ length: 8 }, (_, n) => Point.fromHex(ORDER_8).multiplyUnsafe(BigInt(n)))

/** Unless it is given, S is r + k·a: it answers for the parts of key and R that are of prime order, whatever is added to them. */
export function made({ secret, message, key: keyForm, R: nonce, S }: Recipe): Signed {
  const { scalar, point } = ed25519.utils.getExtendedPublicKey(secret)
  const isPoint = 'torsion' in keyForm
  const key = isPoint ? point.add(TORSION[keyForm.torsion]!).toBytes() : hexToBytes(keyForm.bytes)
  const challenge = (R: Uint8Array) => Point.Fn.create(bytesToNumberLE(sha512(concatBytes(R, key, message))))
  const cancels = (R: Uint8Array, torsion: number) =>
    (BigInt(torsion) + challenge(R) * BigInt(isPoint ? keyForm.torsion : 0)) % 8n === 0n

  const { r, R } = 'bytes' in nonce ? { r: 0n, R: hexToBytes(nonce.bytes) } : noncePoint(nonce, cancels)
  const s =
    'is' in S ? S.is : Point.Fn.create(r + challenge(R) * (isPoint ? scalar : 0n)) + BigInt(S.plus) * L
  return { key, message, signature: concatBytes(R, numberToBytesLE(s, 32)) }
}

function noncePoint(
  { r: first, torsion }: { r: bigint; torsion: number | 'matching' },
  cancels: (R: Uint8Array, torsion: number) => boolean,
): { r: bigint; R: Uint8Array } {
  const pointOf = (r: bigint, n: number) => Point.BASE.multiplyUnsafe(r).add(TORSION[n]!).toBytes()
  if (torsion !== 'matching') return { r: first, R: pointOf(first, torsion) }
  for (let r = first; ; r = Point.Fn.create(r + 1n)) {
    for (const n of TORSION.keys()) {
      const R = pointOf(r, n)
      if (cancels(R, n)) return { r, R }
    }
  }
}

/** Flips bits, numbered through key, signature and message. */
export function flipped({ key, message, signature }: Signed, bits: readonly number[]): Signed {
  const all = concatBytes(key, signature, message)
  for (const bit of bits) all[(bit >> 3) % all.length]! ^= 1 << (bit & 7)
  return { key: all.slice(0, 32), signature: all.slice(32, 96), message: all.slice(96) }
}

/**
 * The rule, by arithmetic: key and R canonical and of prime order, S below L, and the equation. noble looks at it times eight,
 * which for points of prime order says the same.
 */
export const holdsByArithmetic = ({ key, message, signature }: Signed): boolean =>
  isPrimeOrderPoint(key) &&
  isPrimeOrderPoint(signature.subarray(0, 32)) &&
  ed25519.verify(signature, message, key, { zip215: false })

function isPrimeOrderPoint(bytes: Uint8Array): boolean {
  try {
    const point = Point.fromBytes(bytes, false)
    return !point.isSmallOrder() && point.isTorsionFree()
  } catch {
    return false
  }
}

/** The parts that differ from an honest signature's. */
type Twist = Partial<Pick<Recipe, 'key' | 'R' | 'S'>>

/** What the runtime's own verification takes, and the rule does not. */
export const RUNTIME_TAKES: Readonly<Record<string, Twist>> = {
  'any message under the identity key': { key: { bytes: IDENTITY } },
  'a key with a torsion part that R cancels': { key: { torsion: 1 }, R: { r: 7n, torsion: 'matching' } },
  'the identity as R': { R: { r: 0n, torsion: 0 } },
}

/** What it refuses by itself. The equation times eight holds for all of them. */
export const RUNTIME_REFUSES: Readonly<Record<string, Twist>> = {
  'a point of order 8 added to R': { R: { r: 7n, torsion: 1 } },
  'the point of order 2 added to R': { R: { r: 7n, torsion: 4 } },
  'S + L': { S: { plus: 1 } },
  'S + 14 L': { S: { plus: 14 } },
  ...Object.fromEntries(
    Object.entries(SMALL_ORDER)
      .filter(([, bytes]) => bytes !== IDENTITY)
      .map(([name, bytes]) => [`${name} as R`, { R: { bytes } }]),
  ),
}

/** An honest signature but for the twist. */
export const twisted = (secret: Uint8Array, message: Uint8Array, twist: Twist): Signed =>
  made({ secret, message, key: { torsion: 0 }, R: { r: 7n, torsion: 0 }, S: { plus: 0 }, ...twist })

const scalar = fc.bigInt({ min: 1n, max: L - 1n })
const torsion = fc.integer({ min: 1, max: 7 })
const anything = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((bytes) => ({ bytes: Buffer.from(bytes).toString('hex') }))
/** y below 19 or above p − 1: canonical, or the same point spelt a second way, or off the curve. */
const edge = fc
  .tuple(fc.integer({ min: -3, max: 18 }), fc.boolean(), fc.boolean())
  .map(([y, plusP, sign]) => {
    const value = BigInt(y) + (plusP || y < 0 ? 2n ** 255n - 19n : 0n) + (sign ? 2n ** 255n : 0n)
    return { bytes: Buffer.from(numberToBytesLE(value, 32)).toString('hex') }
  })
const smallOrder = fc.constantFrom(...Object.values(SMALL_ORDER)).map((bytes) => ({ bytes }))
const mostly = <A, B>(honest: fc.Arbitrary<A>, ...others: fc.Arbitrary<B>[]) =>
  fc.oneof({ arbitrary: honest, weight: 2 * others.length }, ...others)

const recipe: fc.Arbitrary<Recipe> = fc.record({
  secret: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  message: fc.uint8Array({ maxLength: 300 }),
  key: mostly<Recipe['key'], Recipe['key']>(
    fc.constant({ torsion: 0 }),
    torsion.map((n) => ({ torsion: n })),
    smallOrder,
    edge,
    anything,
  ),
  R: mostly<Recipe['R'], Recipe['R']>(
    scalar.map((r) => ({ r, torsion: 0 })),
    fc.record({ r: scalar, torsion }),
    scalar.map((r) => ({ r, torsion: 'matching' as const })),
    fc.constant({ r: 0n, torsion: 0 }),
    smallOrder,
    edge,
    anything,
  ),
  S: mostly<Recipe['S'], Recipe['S']>(
    fc.constant({ plus: 0 }),
    fc.integer({ min: 1, max: 14 }).map((plus) => ({ plus })),
    fc.constantFrom(0n, 1n, L - 1n, L, L + 1n, 2n ** 255n, 2n ** 256n - 1n).map((is) => ({ is })),
    fc.bigInt({ min: 0n, max: 2n ** 256n - 1n }).map((is) => ({ is })),
  ),
})

export const signedCase: fc.Arbitrary<Signed> = fc
  .tuple(
    recipe,
    mostly(fc.constant<number[]>([]), fc.array(fc.nat({ max: 8 * 400 }), { minLength: 1, maxLength: 2 })),
  )
  .map(([from, bits]) => flipped(made(from), bits))
