import { createHash, generateKeyPairSync } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { inspect } from 'node:util'
import { secp256k1 } from '@noble/curves/secp256k1.js'
import { recoverAddress, type Hex } from 'viem'
import { generatePrivateKey } from 'viem/accounts'
import { hexToBytes } from 'viem/utils'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { kmsSigner, type KmsSignerOptions } from '../functions/_lib/withdraw/kms.ts'
import { SignerError } from '../functions/_lib/withdraw/signer.ts'
import type { Fault } from '../scripts/stack/kms-faults.ts'
import { startKms, type LocalKms } from '../scripts/stack/kms.ts'
import { withServer } from './support/loopback-server.ts'
import { until } from './support/until.ts'

const HALF_ORDER = secp256k1.Point.Fn.ORDER / 2n
const SECRET = 'a secret access key that no log may show'
let kms: LocalKms

beforeAll(async () => {
  kms = await startKms({ secretAccessKey: SECRET })
})

beforeEach(() => {
  kms.control({ faults: [], clearLog: true })
})

afterAll(async () => {
  await kms.close()
})

describe('a signature', () => {
  test('is low-s, has v 27 or 28 and recovers to the signer, 300 times, although KMS answers high s about half the time', async () => {
    const signer = signerOf({ timeoutMs: 30_000 })
    const digests = Array.from({ length: 300 }, (_, i) => digestOf(i))
    const signatures = await inTurns(digests, (digest) => signer.signDigest(digest))

    const recovered = await inTurns(signatures, (signature, i) =>
      recoverAddress({ hash: digests[i]!, signature }),
    )
    expect(new Set(recovered)).toEqual(new Set([kms.address]))
    for (const signature of signatures) {
      expect(signature).toMatch(/^0x[0-9a-f]{128}(1b|1c)$/)
      expect(BigInt(`0x${signature.slice(66, 130)}`)).toBeLessThanOrEqual(HALF_ORDER)
    }
    const raw = kms.control().signLog.map(({ der }) => secp256k1.Signature.fromBytes(hexToBytes(der!), 'der'))
    const high = raw.filter((signature) => signature.hasHighS()).length
    expect(raw).toHaveLength(300)
    // Fair coins leave this range once in 10^17 runs.
    expect(high).toBeGreaterThan(75)
    expect(high).toBeLessThan(225)
  })

  test('comes from a key named by id, by ARN and by alias, and asks for the digest as given, not for a hash of it', async () => {
    const { keyId, arn, alias } = kms
    for (const name of [keyId, arn, alias, arn.replace(`key/${keyId}`, alias)]) {
      await expect(signerOf({ keyId: name }).signDigest(digestOf(1))).resolves.toMatch(/^0x/)
    }
    expect(kms.control().signLog.map(({ digest }) => digest)).toEqual(Array(4).fill(digestOf(1)))
  })

  test('is not asked for when the digest is not 32 bytes', async () => {
    const bad = ['0x', '0x00', `0x${'0'.repeat(63)}`, `0x${'0'.repeat(66)}`, `0x${'g'.repeat(64)}`] as Hex[]
    for (const digest of bad) await expect(signerOf().signDigest(digest)).rejects.toThrow(TypeError)
    expect(kms.control().signCalls).toBe(0)
  })
})

describe('when KMS fails', () => {
  const failures: [Fault, { reason: string; code: string }][] = [
    [{ kind: 'throttle' }, { reason: 'unavailable', code: 'ThrottlingException' }],
    [{ kind: 'error500' }, { reason: 'unavailable', code: 'KMSInternalException' }],
    [{ kind: 'down' }, { reason: 'unavailable', code: 'NoAnswer' }],
    [{ kind: 'cut' }, { reason: 'unavailable', code: 'NoAnswer' }],
    [{ kind: 'hang' }, { reason: 'unavailable', code: 'Timeout' }],
    [{ kind: 'stall' }, { reason: 'unavailable', code: 'Timeout' }],
    [
      { kind: 'slow', ms: 60_000 },
      { reason: 'unavailable', code: 'Timeout' },
    ],
    [
      { kind: 'garbage', shape: 'base64' },
      { reason: 'malformed', code: 'UnreadableAnswer' },
    ],
    [
      { kind: 'garbage', shape: 'json' },
      { reason: 'malformed', code: 'UnreadableAnswer' },
    ],
    [{ kind: 'denied' }, { reason: 'unavailable', code: 'AccessDeniedException' }],
    [{ kind: 'disabled' }, { reason: 'unavailable', code: 'DisabledException' }],
    [{ kind: 'deleted' }, { reason: 'unavailable', code: 'KMSInvalidStateException' }],
  ]
  const badSignature = { reason: 'wrong_key', code: 'SignatureByAnotherKey' }
  const signing: [Fault, { reason: string; code: string }][] = [
    ...failures,
    [
      { kind: 'garbage', shape: 'der' },
      { reason: 'malformed', code: 'NotDer' },
    ],
    [
      { kind: 'garbage', shape: 'empty' },
      { reason: 'malformed', code: 'NoSignature' },
    ],
    [{ kind: 'wrongKey' }, badSignature],
  ]

  test.each(signing)(
    '%o is told apart within the time limit, and KMS is asked once, not again',
    async (fault, told) => {
      const timeoutMs = told.code === 'Timeout' ? 300 : 5_000
      const signer = await signerWithKey({ timeoutMs })
      kms.control({ faults: [fault] })
      const startedAt = performance.now()
      await expect(signer.signDigest(digestOf(2))).rejects.toMatchObject(told)
      expect(performance.now() - startedAt).toBeLessThan(timeoutMs + 2_000)
      expect(kms.control().signLog.map(({ digest }) => digest)).toEqual([digestOf(2)])
    },
  )

  test('a fault for the next call alone fails that call, and the same signer signs the one after', async () => {
    const signer = await signerWithKey()
    kms.control({ faults: [{ kind: 'throttle', calls: 1 }] })
    await expect(signer.signDigest(digestOf(3))).rejects.toBeInstanceOf(SignerError)
    await expect(signer.signDigest(digestOf(3))).resolves.toMatch(/^0x/)
    expect(kms.control().signLog.map(({ outcome }) => outcome)).toEqual(['throttle', 'signed'])
  })

  test('a slow answer within the limit is waited for and not asked for twice', async () => {
    kms.control({ faults: [{ kind: 'slow', ms: 150 }] })
    await expect(signerOf().signDigest(digestOf(4))).resolves.toMatch(/^0x/)
    expect(kms.control().signCalls).toBe(1)
  })

  test('a rotated key is wrong_key and its signature is not handed out, whether the old one was known or not, until it is back', async () => {
    const rotated = await startKms()
    const first = generatePrivateKey()
    rotated.setKey(first)
    const [knows, knowsNot] = [signerOf(connectionTo(rotated)), signerOf(connectionTo(rotated))]
    await knows.signDigest(digestOf(5))
    rotated.setKey(generatePrivateKey())
    for (const _ of [1, 2]) {
      await expect(knows.signDigest(digestOf(5))).rejects.toMatchObject(badSignature)
      const other = { reason: 'wrong_key', code: 'KeyOfAnotherAddress' }
      await expect(knowsNot.signDigest(digestOf(5))).rejects.toMatchObject(other)
    }
    rotated.setKey(first)
    for (const signer of [knows, knowsNot])
      await expect(signer.signDigest(digestOf(5))).resolves.toMatch(/^0x/)
    await rotated.close()
  })

  test('nobody listening is unavailable', async () => {
    const gone = await startKms()
    const signer = signerOf(connectionTo(gone))
    await gone.close()
    await expect(signer.signDigest(digestOf(6))).rejects.toMatchObject({ reason: 'unavailable' })
  })

  test('a redirect is not followed: the request and its credentials go nowhere else', async () => {
    const hits: unknown[] = []
    const elsewhere: RequestListener = (request, response) => {
      hits.push(request.url)
      response.writeHead(303, { location: '/elsewhere' }).end()
    }
    await withServer(elsewhere, async (endpoint) => {
      await expect(signerOf({ endpoint }).signDigest(digestOf(7))).rejects.toMatchObject({
        reason: 'unavailable',
      })
    })
    // The signature and the public key are asked for side by side; nothing at the place that the answer named.
    expect(new Set(hits)).toEqual(new Set(['/']))
  })

  test('a clock two hours off at the other end moves no later request out of date', async () => {
    const date = new Date(Date.now() + 2 * 3_600_000).toUTCString()
    const dates: unknown[] = []
    const skewed: RequestListener = (request, response) => {
      dates.push(request.headers['x-amz-date'])
      const body = JSON.stringify({ __type: 'InvalidSignatureException', message: 'Signature expired' })
      response.writeHead(400, { date, 'content-type': 'application/x-amz-json-1.1' }).end(body)
    }
    await withServer(skewed, async (endpoint) => {
      const signer = signerOf({ endpoint })
      for (const _ of [1, 2])
        await expect(signer.signDigest(digestOf(8))).rejects.toMatchObject({ reason: 'unavailable' })
    })
    expect(dates.length).toBeGreaterThanOrEqual(2)
    for (const sent of dates) expect(Math.abs(Date.now() - amzTime(String(sent)))).toBeLessThan(60_000)
  })
})

describe('the public key', () => {
  const failures: [Fault, { reason: string; code: string }][] = [
    [{ kind: 'throttle' }, { reason: 'unavailable', code: 'ThrottlingException' }],
    [{ kind: 'denied' }, { reason: 'unavailable', code: 'AccessDeniedException' }],
    [{ kind: 'down' }, { reason: 'unavailable', code: 'NoAnswer' }],
    [{ kind: 'hang' }, { reason: 'unavailable', code: 'Timeout' }],
    [
      { kind: 'garbage', shape: 'json' },
      { reason: 'malformed', code: 'UnreadableAnswer' },
    ],
    [
      { kind: 'garbage', shape: 'empty' },
      { reason: 'malformed', code: 'NoPublicKey' },
    ],
    [
      { kind: 'garbage', shape: 'der' },
      { reason: 'malformed', code: 'NoPublicKey' },
    ],
    [{ kind: 'wrongKey' }, { reason: 'wrong_key', code: 'KeyOfAnotherAddress' }],
  ]

  test('is read once, with the first signature, and by none that is made after it', async () => {
    const signer = signerOf()
    for (let n = 0; n < 5; n += 1) await signer.signDigest(digestOf(n))
    expect([kms.control().publicKeyCalls, kms.control().signCalls]).toEqual([1, 5])
  })

  test.each(failures)(
    'that cannot be had for %o gives no signature, is not kept, and is read again by the next request',
    async (fault, told) => {
      const signer = signerOf({ timeoutMs: told.code === 'Timeout' ? 300 : 5_000 })
      kms.control({ faults: [{ ...fault, operation: 'GetPublicKey' }] })
      await expect(signer.signDigest(digestOf(12))).rejects.toMatchObject(told)
      await expect(signer.signDigest(digestOf(12))).rejects.toMatchObject(told)
      expect(kms.control().publicKeyCalls).toBe(2)
      kms.control({ faults: [] })
      const signature = await signer.signDigest(digestOf(12))
      expect(await recoverAddress({ hash: digestOf(12), signature })).toBe(kms.address)
    },
  )

  test('that was had stays so while KMS no longer gives it', async () => {
    const signer = await signerWithKey()
    kms.control({ faults: [{ kind: 'denied', operation: 'GetPublicKey' }] })
    await expect(signer.signDigest(digestOf(13))).resolves.toMatch(/^0x/)
  })

  test('of another kind is wrong_key: KMS signs with it too', async () => {
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
    const bytes = publicKey.export({ type: 'spki', format: 'der' }).toString('base64')
    const answers: RequestListener = (request, response) => {
      const isKey = request.headers['x-amz-target'] === 'TrentService.GetPublicKey'
      // A signature that never comes: the key alone must decide.
      if (!isKey) return
      response.writeHead(200, { 'content-type': 'application/x-amz-json-1.1' })
      response.end(JSON.stringify({ KeySpec: 'ECC_NIST_P256', KeyUsage: 'SIGN_VERIFY', PublicKey: bytes }))
    }
    await withServer(answers, async (endpoint) => {
      await expect(signerOf({ endpoint }).signDigest(digestOf(14))).rejects.toMatchObject({
        reason: 'wrong_key',
        code: 'KeyOfAnotherKind',
      })
    })
  })
})

describe('credentials', () => {
  const wrong: [string, Partial<KmsSignerOptions>, string][] = [
    ['secret', { secretAccessKey: 'not the secret' }, 'InvalidSignatureException'],
    ['access key id', { accessKeyId: 'AKIDUNKNOWN' }, 'UnrecognizedClientException'],
    ['region', { region: 'us-east-1' }, 'InvalidSignatureException'],
    ['session token', { sessionToken: 'not expected' }, 'UnrecognizedClientException'],
    ['key', { keyId: 'alias/other' }, 'NotFoundException'],
  ]

  test.each(wrong)('a wrong %s is unavailable, and nothing is signed', async (_, change, code) => {
    await expect(signerOf(change).signDigest(digestOf(9))).rejects.toMatchObject({
      reason: 'unavailable',
      code,
    })
    // The public key's refusal may come first: then the other request is given up on its way.
    expect(kms.control().signLog.filter(({ der }) => der !== undefined)).toEqual([])
  })

  test('with a session token sign too', async () => {
    const temporary = await startKms({ sessionToken: 'token' })
    const signer = signerOf({ ...connectionTo(temporary), sessionToken: 'token' })
    await expect(signer.signDigest(digestOf(10))).resolves.toMatch(/^0x/)
    await temporary.close()
  })

  test.each(['Forged Line', 'x'.repeat(65), 'Naïve', '<html>', ''])(
    'are refused by a name that is none (%s): the log is not told it',
    async (name) => {
      const odd: RequestListener = (_request, response) =>
        void response.writeHead(403).end(JSON.stringify({ __type: name, message: 'said' }))
      await withServer(odd, async (endpoint) => {
        const error: unknown = await signerOf({ endpoint })
          .signDigest(digestOf(12))
          .catch((thrown: unknown) => thrown)
        expect((error as { code: string }).code).toMatch(/^[A-Za-z.]{1,64}$/)
      })
    },
  )

  test('do not appear in the error, not even when the service repeats them', async () => {
    const echo: RequestListener = (request, response) => {
      const message = `The canonical string should have been ${JSON.stringify(request.headers)} ${SECRET}`
      response.writeHead(403).end(JSON.stringify({ __type: 'InvalidSignatureException', message }))
    }
    await withServer(echo, async (endpoint) => {
      const signing = signerOf({ endpoint, sessionToken: 'a session token' }).signDigest(digestOf(11))
      const error: unknown = await signing.catch((thrown: unknown) => thrown)
      expect(error).toMatchObject({ reason: 'unavailable', code: 'InvalidSignatureException' })
      const shown = inspect(error, { depth: null, showHidden: true })
      for (const hidden of [SECRET, 'a session token', kms.accessKeyId]) expect(shown).not.toContain(hidden)
    })
  })
})

function connectionTo(other: LocalKms): KmsSignerOptions {
  const { keyId, region, url, accessKeyId, secretAccessKey, address } = other
  return {
    keyId,
    region,
    endpoint: url,
    accessKeyId,
    secretAccessKey,
    signerAddress: address,
    timeoutMs: 10_000,
  }
}

function signerOf(change: Partial<KmsSignerOptions> = {}) {
  return kmsSigner({ ...connectionTo(kms), ...change })
}

/** One that has read the public key; the log begins after it. */
async function signerWithKey(change: Partial<KmsSignerOptions> = {}) {
  const signer = signerOf(change)
  // As long as it takes: the limit under test may be short.
  await until(
    () =>
      signer.signDigest(digestOf(0)).then(
        () => true,
        () => false,
      ),
    'a signature',
  )
  kms.control({ clearLog: true })
  return signer
}

function digestOf(n: number): Hex {
  return `0x${createHash('sha256').update(`digest ${n}`).digest('hex')}`
}

/** A few at a time: side by side like the requests of an isolate, without flooding a small machine. */
async function inTurns<T, R>(items: T[], work: (item: T, index: number) => Promise<R>): Promise<R[]> {
  const results: R[] = []
  for (let i = 0; i < items.length; i += 20) {
    results.push(...(await Promise.all(items.slice(i, i + 20).map((item, j) => work(item, i + j)))))
  }
  return results
}

function amzTime(date: string): number {
  return Date.parse(date.replace(/^(\d{4})(\d\d)(\d\dT\d\d)(\d\d)/, '$1-$2-$3:$4:'))
}
