import type { Hex } from 'viem'
import * as z from 'zod'
import type { KmsKey } from './kms-key.ts'
import { AwsError } from './sigv4.ts'

export interface KmsIdentity {
  keyId: string
  arn: string
  alias: string
  region: string
}

const SIGNING_ALGORITHMS = [
  'RSASSA_PSS_SHA_256',
  'RSASSA_PSS_SHA_384',
  'RSASSA_PSS_SHA_512',
  'RSASSA_PKCS1_V1_5_SHA_256',
  'RSASSA_PKCS1_V1_5_SHA_384',
  'RSASSA_PKCS1_V1_5_SHA_512',
  'ECDSA_SHA_256',
  'ECDSA_SHA_384',
  'ECDSA_SHA_512',
  'SM2DSA',
]

const Input = z.record(z.string(), z.unknown())
export type Input = z.infer<typeof Input>

export function parseInput(body: Uint8Array): Input {
  try {
    return Input.parse(JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body)))
  } catch {
    throw new AwsError('SerializationException', 'Could not parse the request body as a JSON object.')
  }
}

/** What a Sign request wants signed, for the log, before anything about it is checked. */
export function digestIn(body: Uint8Array): Hex | undefined {
  try {
    return `0x${decodeBase64(parseInput(body).Message).toString('hex')}`
  } catch {
    return undefined
  }
}

/** `TrentService.Sign` for one secp256k1 key. RAW messages are refused: the wallet has no business hashing there. */
export function sign(identity: KmsIdentity, key: KmsKey, input: Input): Record<string, string> {
  checkKeyId(identity, input.KeyId)
  checkAlgorithm(input.SigningAlgorithm)
  if (input.MessageType !== 'DIGEST') {
    throw new AwsError('ValidationException', 'This stand-in signs with MessageType DIGEST only.')
  }
  const digest = decodeBase64(input.Message)
  if (digest.length !== 32) {
    throw new AwsError('ValidationException', 'Digest is invalid length for algorithm ECDSA_SHA_256.')
  }
  return {
    KeyId: identity.arn,
    Signature: Buffer.from(key.signDigest(digest)).toString('base64'),
    SigningAlgorithm: 'ECDSA_SHA_256',
  }
}

export function getPublicKey(identity: KmsIdentity, key: KmsKey, input: Input): Record<string, unknown> {
  checkKeyId(identity, input.KeyId)
  return {
    KeyId: identity.arn,
    PublicKey: Buffer.from(key.publicKeyInfo()).toString('base64'),
    CustomerMasterKeySpec: 'ECC_SECG_P256K1',
    KeySpec: 'ECC_SECG_P256K1',
    KeyUsage: 'SIGN_VERIFY',
    SigningAlgorithms: ['ECDSA_SHA_256'],
  }
}

/** Strict, unlike Buffer's own decoder, which skips what it does not know. */
function decodeBase64(value: unknown): Buffer {
  const text = stringMember(value, 'message')
  const bytes = Buffer.from(text, 'base64')
  if (bytes.toString('base64') !== text) {
    throw new AwsError('SerializationException', 'A blob member is not valid base64.')
  }
  return bytes
}

function checkKeyId({ keyId, arn, alias, region }: KmsIdentity, value: unknown): void {
  const given = stringMember(value, 'keyId')
  const prefix = arn.slice(0, arn.lastIndexOf(':') + 1)
  if ([keyId, arn, alias, prefix + alias].includes(given)) return
  throw new AwsError('NotFoundException', notFoundMessage(given, prefix, region))
}

function notFoundMessage(given: string, prefix: string, region: string): string {
  if (given.startsWith('arn:') && given.split(':')[3] !== region) return `Invalid arn ${given.split(':')[3]}`
  const resource = given.startsWith('arn:') ? given.slice(given.lastIndexOf(':') + 1) : given
  if (resource.startsWith('alias/')) return `Alias ${prefix}${resource} is not found.`
  const id = resource.replace(/^key\//, '')
  return z.uuid().safeParse(id).success ? `Key '${prefix}key/${id}' does not exist` : `Invalid keyId '${id}'`
}

function checkAlgorithm(value: unknown): void {
  const algorithm = stringMember(value, 'signingAlgorithm')
  if (algorithm === 'ECDSA_SHA_256') return
  if (SIGNING_ALGORITHMS.includes(algorithm)) {
    throw new AwsError(
      'InvalidKeyUsageException',
      `Algorithm ${algorithm} is incompatible with key spec ECC_SECG_P256K1.`,
    )
  }
  throw new AwsError(
    'ValidationException',
    `1 validation error detected: Value '${algorithm}' at 'signingAlgorithm' failed to satisfy constraint: ` +
      `Member must satisfy enum value set: [${SIGNING_ALGORITHMS.join(', ')}]`,
  )
}

function stringMember(value: unknown, name: string): string {
  if (typeof value === 'string') return value
  if (value !== undefined && value !== null) {
    throw new AwsError('SerializationException', `The member '${name}' must be a string.`)
  }
  throw new AwsError(
    'ValidationException',
    `1 validation error detected: Value null at '${name}' failed to satisfy constraint: Member must not be null`,
  )
}
