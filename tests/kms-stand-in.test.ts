import { createPublicKey } from 'node:crypto'
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { GetPublicKeyCommand, KMSClient, SignCommand, type KMSClientConfig } from '@aws-sdk/client-kms'
import { generatePrivateKey, privateKeyToAddress, publicKeyToAddress } from 'viem/accounts'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { startKms, type KmsState, type LocalKms } from '../scripts/stack/kms.ts'

const DIGEST = new Uint8Array(32).fill(7)
let kms: LocalKms

beforeAll(async () => {
  kms = await startKms()
})

beforeEach(() => {
  kms.control({ faults: [], clearLog: true })
})

afterAll(async () => {
  await kms.close()
})

describe('the public key', () => {
  test('is SPKI that another library reads as secp256k1 and that hashes to the address', async () => {
    const { PublicKey, KeySpec, KeyUsage, SigningAlgorithms } = await client().send(
      new GetPublicKeyCommand({ KeyId: kms.alias }),
    )
    const key = createPublicKey({ key: Buffer.from(PublicKey!), format: 'der', type: 'spki' })
    const { crv, x, y } = key.export({ format: 'jwk' })
    const [hexX, hexY] = [x!, y!].map((half) => Buffer.from(half, 'base64url').toString('hex'))
    expect(crv).toBe('secp256k1')
    expect(publicKeyToAddress(`0x04${hexX}${hexY}`)).toBe(kms.address)
    expect({ KeySpec, KeyUsage, SigningAlgorithms }).toEqual({
      KeySpec: 'ECC_SECG_P256K1',
      KeyUsage: 'SIGN_VERIFY',
      SigningAlgorithms: ['ECDSA_SHA_256'],
    })
  })

  test('stays the same over a restart, in a file nobody else may read', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'kms-'))
    const keyFile = join(folder, 'below', 'kms.json')
    const first = await startKms({ keyFile })
    await first.close()
    const second = await startKms({ keyFile })
    await second.close()
    expect([second.address, second.keyId]).toEqual([first.address, first.keyId])
    expect(statSync(keyFile).mode & 0o777).toBe(0o600)
    writeFileSync(keyFile, '{"keyId":"broken"}')
    await expect(startKms({ keyFile })).rejects.toThrow()
    rmSync(folder, { recursive: true })
  })

  test('changes with setKey under the same key id', async () => {
    const other = await startKms()
    const privateKey = generatePrivateKey()
    other.setKey(privateKey)
    expect(other.address).toBe(privateKeyToAddress(privateKey))
    expect(other.control().address).toBe(other.address)
    await other.close()
  })
})

describe('Sign refuses, and signs nothing, with', () => {
  const refused: [string, Record<string, unknown>, string][] = [
    ['a raw message', { MessageType: 'RAW' }, 'ValidationException'],
    ['no message type (it would mean RAW)', { MessageType: undefined }, 'ValidationException'],
    ['31 bytes', { Message: new Uint8Array(31) }, 'ValidationException'],
    ['33 bytes', { Message: new Uint8Array(33) }, 'ValidationException'],
    ['no message', { Message: undefined }, 'ValidationException'],
    ['an algorithm of other keys', { SigningAlgorithm: 'RSASSA_PSS_SHA_256' }, 'InvalidKeyUsageException'],
    ['an algorithm nobody knows', { SigningAlgorithm: 'ECDSA' }, 'ValidationException'],
    ['no algorithm', { SigningAlgorithm: undefined }, 'ValidationException'],
    ['no key', { KeyId: undefined }, 'ValidationException'],
    ['an unknown key id', { KeyId: '00000000-0000-4000-8000-000000000000' }, 'NotFoundException'],
    ['an unknown alias', { KeyId: 'alias/tidegate' }, 'NotFoundException'],
    ['an ARN of another region', { KeyId: 'arn:aws:kms:us-east-1:000000000000:key/x' }, 'NotFoundException'],
  ]
  test.each(refused)('%s', async (_, change, name) => {
    const signing = client().send(new SignCommand({ ...signInput(), ...change }))
    await expect(signing).rejects.toMatchObject({ name, $metadata: { httpStatusCode: 400 } })
    expect(kms.control().signLog.map(({ der }) => der)).toEqual([undefined])
  })
})

describe('SigV4', () => {
  type Sent = { headers: Record<string, string>; body: string }
  const authorization = (from: RegExp, to: string) => (sent: Sent) => {
    sent.headers.authorization = sent.headers.authorization!.replace(from, to)
  }
  const forged: [string, (sent: Sent) => void, string][] = [
    ['no authorization', (sent) => delete sent.headers.authorization, 'MissingAuthenticationTokenException'],
    ['another scheme', authorization(/^AWS4-HMAC-SHA256/, 'AWS4'), 'IncompleteSignatureException'],
    ['no signature in it', authorization(/, Signature=.*/, ''), 'IncompleteSignatureException'],
    [
      'another access key',
      authorization(/Credential=[^/]+/, 'Credential=AKID'),
      'UnrecognizedClientException',
    ],
    ['no date', (sent) => delete sent.headers['x-amz-date'], 'IncompleteSignatureException'],
    ['another service', authorization(/\/kms\//, '/s3/'), 'InvalidSignatureException'],
    ['another region', authorization(/\/eu-central-1\//, '/us-east-1/'), 'InvalidSignatureException'],
    ['another day in the scope', authorization(/\/\d{8}\//, '/20200101/'), 'InvalidSignatureException'],
    ['another terminator', authorization(/aws4_request/, 'aws4'), 'InvalidSignatureException'],
    ['the host not signed', authorization(/host;/, ''), 'InvalidSignatureException'],
    ['the target not signed', authorization(/;x-amz-target/, ''), 'InvalidSignatureException'],
    ['a header added', (sent) => void (sent.headers['x-amz-extra'] = '1'), 'InvalidSignatureException'],
    ['a bit flipped', authorization(/Signature=./, 'Signature=g'), 'InvalidSignatureException'],
    [
      'a signature cut short',
      authorization(/Signature=(.{62}).*/, 'Signature=$1'),
      'InvalidSignatureException',
    ],
    [
      'another operation than signed',
      (sent) => void (sent.headers['x-amz-target'] = 'TrentService.GetPublicKey'),
      'InvalidSignatureException',
    ],
    ['another body', (sent) => void (sent.body = sent.body.replace('"', ' "')), 'InvalidSignatureException'],
  ]

  test('as sent is accepted, so the forgeries below fail for their change alone', async () => {
    expect((await post(await signedRequest())).status).toBe(200)
  })

  test.each(forged)('with %s is refused, and nothing is signed', async (_, forge, type) => {
    const sent = await signedRequest()
    forge(sent)
    const response = await post(sent)
    expect([response.status, await response.json()]).toMatchObject([400, { __type: type }])
    expect(kms.control().signLog.filter(({ der }) => der !== undefined)).toEqual([])
  })

  test.each([
    [-6, /^Signature expired/],
    [6, /^Signature not yet current/],
  ])('%i minutes off is refused as out of date', async (minutes, message) => {
    const sent = await signedRequest({ systemClockOffset: minutes * 60_000 })
    const answer = (await (await post(sent)).json()) as { __type: string; message: string }
    expect(answer.__type).toBe('InvalidSignatureException')
    expect(answer.message).toMatch(message)
  })

  test.each([-4, 4])('%i minutes off is accepted', async (minutes) => {
    expect((await post(await signedRequest({ systemClockOffset: minutes * 60_000 }))).status).toBe(200)
  })

  async function signedRequest(config: KMSClientConfig = {}): Promise<Sent> {
    const sent: Sent[] = []
    const handle = (request: { headers: Record<string, string>; body: Uint8Array }) => {
      sent.push({ headers: { ...request.headers }, body: new TextDecoder().decode(request.body) })
      return Promise.reject(new Error('captured'))
    }
    const capturing = client({ ...config, requestHandler: { handle } })
    await expect(capturing.send(new SignCommand(signInput()))).rejects.toThrow('captured')
    return sent[0]!
  }

  function post({ headers, body }: Sent): Promise<Response> {
    const { host: _host, 'content-length': _length, ...others } = headers
    return fetch(kms.url, { method: 'POST', headers: others, body })
  }
})

describe('control over HTTP', () => {
  test('sets faults and reads the log like the function does', async () => {
    const set = await control({ faults: [{ kind: 'throttle', calls: 1 }], seed: 5 })
    expect(set).toMatchObject({ seed: 5, faults: [{ kind: 'throttle', calls: 1 }], signCalls: 0 })
    await expect(client().send(new SignCommand(signInput()))).rejects.toMatchObject({
      name: 'ThrottlingException',
    })
    const state = (await (await fetch(`${kms.url}/_control`)).json()) as KmsState
    expect(state).toEqual(kms.control())
    expect(state).toMatchObject({ signCalls: 1, faults: [], signLog: [{ outcome: 'throttle' }] })
  })

  test('refuses what it does not know, and web pages, and changes nothing', async () => {
    await expect(control({ faults: [{ kind: 'melt' }] })).resolves.toMatchObject({
      __type: 'ValidationException',
    })
    const simple = await fetch(`${kms.url}/_control`, {
      method: 'POST',
      body: '{"faults":[{"kind":"down"}]}',
    })
    expect(simple.status).toBe(400)
    expect(kms.control().faults).toEqual([])
  })

  test('the same seed strikes the same calls', async () => {
    const run = async (seed: number) => {
      kms.control({ faults: [{ kind: 'throttle', probability: 0.5 }], seed, clearLog: true })
      for (let i = 0; i < 24; i += 1)
        await client()
          .send(new SignCommand(signInput()))
          .catch(() => undefined)
      return kms.control().signLog.map(({ outcome }) => outcome)
    }
    const first = await run(1)
    expect(await run(1)).toEqual(first)
    expect(await run(2)).not.toEqual(first)
    expect(new Set(first)).toEqual(new Set(['throttle', 'signed']))
  })

  async function control(change: unknown): Promise<unknown> {
    const headers = { 'content-type': 'application/json' }
    const response = await fetch(`${kms.url}/_control`, {
      method: 'POST',
      headers,
      body: JSON.stringify(change),
    })
    return await response.json()
  }
})

function client(config: KMSClientConfig = {}): KMSClient {
  const { region, url, accessKeyId, secretAccessKey } = kms
  return new KMSClient({
    region,
    endpoint: url,
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
    ...config,
  })
}

function signInput() {
  const fixed = { MessageType: 'DIGEST', SigningAlgorithm: 'ECDSA_SHA_256' } as const
  return { KeyId: kms.keyId, Message: DIGEST, ...fixed }
}
