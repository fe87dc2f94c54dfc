import { GetPublicKeyCommand, KMSClient, SignCommand } from '@aws-sdk/client-kms'
import { FetchHttpHandler } from '@smithy/fetch-http-handler'
import type { Address } from 'viem'
import {
  digestBytes,
  publicKeyOf,
  recoverableSignature,
  SignerError,
  type PublicKey,
  type Signer,
} from './signer.ts'

export interface KmsSignerOptions {
  /** Key id, key ARN, or `alias/…`. */
  keyId: string
  region: string
  /** Another address than AWS's own for the region. Nothing else differs. */
  endpoint?: string | undefined
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
  /** The address the vault knows; no other signature leaves this module. */
  signerAddress: Address
  /** Limit for the whole call, from the first byte sent to the last one read. */
  timeoutMs: number
}

/**
 * Signs with a KMS key of spec `ECC_SECG_P256K1`. The only module that knows KMS.
 *
 * The public key is read with the first signature and kept once it is seen to be that of `signerAddress`: no key but that
 * one is ever kept, so a key that is exchanged under its alias later fails at its first signature.
 */
export function kmsSigner(options: KmsSignerOptions): Signer {
  const client = kmsClient(options)
  let kept: PublicKey | undefined
  return {
    async signDigest(digest) {
      const message = digestBytes(digest)
      const readKey = async (signal: AbortSignal) => (kept ??= await askForKey(client, options, signal))
      // Each request reads for itself until one has: in Workers none may wait for another's answer.
      const [der, key] = await withDeadline(
        options.timeoutMs,
        async (signal) =>
          await Promise.all([askForSignature(client, options.keyId, message, signal), readKey(signal)]),
      )
      return recoverableSignature(digest, der, key)
    },
  }
}

/** The variables of one KMS key. */
export interface KmsEnv {
  AWS_REGION: string
  AWS_ACCESS_KEY_ID: string
  AWS_SECRET_ACCESS_KEY: string
  AWS_SESSION_TOKEN?: string | undefined
  KMS_KEY_ID: string
  KMS_ENDPOINT?: string | undefined
  KMS_TIMEOUT_MS: number
  SIGNER_ADDRESS: Address
}

/** One client a configuration and isolate: making it costs more than a call, and it keeps no socket. */
const signers = new WeakMap<KmsEnv, Signer>()

export function signerOf(env: KmsEnv): Signer {
  const known = signers.get(env)
  if (known) return known
  const signer = kmsSigner({
    keyId: env.KMS_KEY_ID,
    region: env.AWS_REGION,
    endpoint: env.KMS_ENDPOINT || undefined,
    accessKeyId: env.AWS_ACCESS_KEY_ID,
    secretAccessKey: env.AWS_SECRET_ACCESS_KEY,
    sessionToken: env.AWS_SESSION_TOKEN || undefined,
    signerAddress: env.SIGNER_ADDRESS,
    timeoutMs: env.KMS_TIMEOUT_MS,
  })
  signers.set(env, signer)
  return signer
}

function kmsClient(options: KmsSignerOptions): KMSClient {
  const { region, endpoint, accessKeyId, secretAccessKey, sessionToken } = options
  return new KMSClient({
    region,
    ...(endpoint === undefined ? {} : { endpoint }),
    credentials: { accessKeyId, secretAccessKey, ...(sessionToken === undefined ? {} : { sessionToken }) },
    // A second attempt inside the SDK would sign twice and use up the caller's time unseen.
    maxAttempts: 1,
    retryMode: 'standard',
    // It would take one answer's Date header as the clock for all later requests of the isolate.
    disableClockSkewCorrection: true,
    // Named, so that Node and workerd take the same path; redirects would repeat the request elsewhere.
    requestHandler: new FetchHttpHandler({
      requestInit: () => ({ redirect: 'manual' }),
      customFetch: bufferedFetch,
    }),
  })
}

/** Reads the body here, so that a connection lost halfway is a network error and not an unreadable answer. */
async function bufferedFetch(...args: Parameters<typeof fetch>): Promise<Response> {
  const response = await fetch(...args)
  return new Response(await response.arrayBuffer(), response)
}

async function askForSignature(
  client: KMSClient,
  keyId: string,
  digest: Uint8Array,
  abortSignal: AbortSignal,
): Promise<Uint8Array> {
  const command = new SignCommand({
    KeyId: keyId,
    Message: digest,
    MessageType: 'DIGEST',
    SigningAlgorithm: 'ECDSA_SHA_256',
  })
  const { Signature } = await client.send(command, { abortSignal }).catch((error: unknown) => {
    throw asSignerError(error)
  })
  if (!(Signature instanceof Uint8Array)) throw new SignerError('malformed', 'NoSignature')
  return Signature
}

/** @throws SignerError wrong_key: the key is of another kind, or of another address */
async function askForKey(
  client: KMSClient,
  { keyId, signerAddress }: KmsSignerOptions,
  abortSignal: AbortSignal,
): Promise<PublicKey> {
  const command = new GetPublicKeyCommand({ KeyId: keyId })
  const answer = await client.send(command, { abortSignal }).catch((error: unknown) => {
    throw asSignerError(error)
  })
  if (!(answer.PublicKey instanceof Uint8Array)) throw new SignerError('malformed', 'NoPublicKey')
  if (answer.KeySpec !== 'ECC_SECG_P256K1') throw new SignerError('wrong_key', 'KeyOfAnotherKind')
  const key = publicKeyOf(answer.PublicKey)
  if (key.address !== signerAddress.toLowerCase()) throw new SignerError('wrong_key', 'KeyOfAnotherAddress')
  return key
}

/** The SDK hands the signal to `fetch` only; the race covers what it does before and after as well. */
async function withDeadline<T>(timeoutMs: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController()
  const expired = new Promise<never>((_, reject) => {
    controller.signal.addEventListener('abort', () => reject(new SignerError('unavailable', 'Timeout')))
  })
  const timer = setTimeout(() => controller.abort(), timeoutMs)
  try {
    return await Promise.race([work(controller.signal), expired])
  } finally {
    clearTimeout(timer)
    // Of two calls one may have failed: nobody waits for the other any more.
    controller.abort()
  }
}

/** A 200 that the SDK could not read is an answer; everything else that fails is the lack of one. */
function asSignerError(error: unknown): SignerError {
  const { $fault, $metadata, name } = error as SdkError
  if ($metadata?.httpStatusCode === 200) return new SignerError('malformed', 'UnreadableAnswer')
  if ($fault === undefined) return new SignerError('unavailable', 'NoAnswer')
  return new SignerError('unavailable', serviceCode(name))
}

interface SdkError {
  name?: unknown
  $fault?: unknown
  $metadata?: { httpStatusCode?: number }
}

/** The name comes from the other side of the wire and goes to a log. */
function serviceCode(name: unknown): string {
  return typeof name === 'string' && /^[A-Za-z.]{1,64}$/.test(name) ? name : 'UnknownError'
}
