import { createHash, createHmac, timingSafeEqual, type Hash, type Hmac } from 'node:crypto'
import { SignatureV4 } from '@smithy/signature-v4'

/** An error in the shape of AWS JSON 1.1: `__type` and `message`. */
export class AwsError extends Error {
  override readonly name = 'AwsError'
  readonly type: string
  readonly status: number

  constructor(type: string, message: string, status = 400) {
    super(message)
    this.type = type
    this.status = status
  }
}

/** Header names in lower case; values as they came, one entry a line. */
export interface SignedRequest {
  method: string
  path: string
  headers: Record<string, string[] | undefined>
  body: Uint8Array
}

export interface SigV4Expectation {
  accessKeyId: string
  secretAccessKey: string
  /** Present with temporary credentials only; a token that is not expected is refused like a wrong one. */
  sessionToken?: string | undefined
  region: string
  service: string
  now: Date
}

const CLOCK_SKEW_MS_MAX = 5 * 60_000
const ALGORITHM = 'AWS4-HMAC-SHA256'

/**
 * Checks a request's Signature Version 4 as AWS does, in its order, and throws its errors.
 *
 * The path must need no normalization and there must be no query: KMS has neither.
 */
export async function verifySigV4(request: SignedRequest, expected: SigV4Expectation): Promise<void> {
  const authorization = parseAuthorization(header(request, 'authorization'))
  const [accessKeyId, ...scope] = authorization.credential.split('/')
  const sessionToken = header(request, 'x-amz-security-token')
  if (accessKeyId !== expected.accessKeyId || sessionToken !== expected.sessionToken) {
    throw new AwsError(
      'UnrecognizedClientException',
      'The security token included in the request is invalid.',
    )
  }
  const timestamp = header(request, 'x-amz-date')
  checkTimestamp(timestamp, expected.now)
  checkScope(scope, timestamp, expected)
  checkSignedHeaders(request, authorization.signedHeaders)
  const signature = await signatureOf(request, authorization.signedHeaders, expected)
  const given = Buffer.from(authorization.signature, 'hex')
  if (given.length !== signature.length || !timingSafeEqual(given, signature)) {
    throw invalid(
      'The request signature we calculated does not match the signature you provided. Check your AWS Secret ' +
        'Access Key and signing method. Consult the service documentation for details.',
    )
  }
}

interface Authorization {
  credential: string
  signedHeaders: string[]
  signature: string
}

function parseAuthorization(value: string | undefined): Authorization {
  if (value === undefined) {
    throw new AwsError('MissingAuthenticationTokenException', 'Missing Authentication Token')
  }
  if (!value.startsWith(`${ALGORITHM} `)) {
    throw new AwsError(
      'IncompleteSignatureException',
      `Unsupported AWS 'algorithm': '${value.split(' ')[0]}'.`,
    )
  }
  const parts = value.slice(ALGORITHM.length + 1).split(',')
  const fields = new Map(parts.map((part) => splitOnce(part.trim())))
  const missing = ['Credential', 'Signature', 'SignedHeaders'].filter((name) => !fields.get(name))
  if (missing.length > 0) {
    const complaints = missing.map((name) => `Authorization header requires '${name}' parameter.`)
    throw new AwsError('IncompleteSignatureException', complaints.join(' '))
  }
  return {
    credential: fields.get('Credential')!,
    signedHeaders: fields.get('SignedHeaders')!.split(';'),
    signature: fields.get('Signature')!,
  }
}

function splitOnce(part: string): [string, string] {
  const at = part.indexOf('=')
  return at < 0 ? [part, ''] : [part.slice(0, at), part.slice(at + 1)]
}

function checkTimestamp(timestamp: string | undefined, now: Date): asserts timestamp is string {
  if (timestamp === undefined || !/^\d{8}T\d{6}Z$/.test(timestamp)) {
    throw new AwsError(
      'IncompleteSignatureException',
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    )
  }
  const sentAt = Date.parse(isoOf(timestamp))
  const earliest = new Date(now.getTime() - CLOCK_SKEW_MS_MAX)
  const latest = new Date(now.getTime() + CLOCK_SKEW_MS_MAX)
  // Written as "not within", so that a date that does not exist (NaN) is refused too.
  if (!(sentAt >= earliest.getTime())) {
    throw invalid(
      `Signature expired: ${timestamp} is now earlier than ${basic(earliest)} (${basic(now)} - 5 min.)`,
    )
  }
  if (!(sentAt <= latest.getTime())) {
    throw invalid(
      `Signature not yet current: ${timestamp} is still later than ${basic(latest)} (${basic(now)} + 5 min.)`,
    )
  }
}

function checkScope(scope: string[], timestamp: string, expected: SigV4Expectation): void {
  const [date, region, service, terminator] = scope
  if (scope.length !== 4 || terminator !== 'aws4_request') {
    throw invalid(`Credential should be scoped with a valid terminator: 'aws4_request'.`)
  }
  if (date !== timestamp.slice(0, 8)) {
    throw invalid(
      `Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from HTTP: '${date}' != ` +
        `'${timestamp.slice(0, 8)}', from '${timestamp}'.`,
    )
  }
  if (region !== expected.region) {
    throw invalid(`Credential should be scoped to a valid region, not '${region}'. `)
  }
  if (service !== expected.service) {
    throw invalid(`Credential should be scoped to correct service: '${expected.service}'. `)
  }
}

/** Every `x-amz-*` header must be signed, or the operation (`x-amz-target`) could be swapped on the way. */
function checkSignedHeaders(request: SignedRequest, signedHeaders: string[]): void {
  if (!signedHeaders.includes('host')) {
    throw invalid(`'Host' or ':authority' must be a 'SignedHeader' in the AWS Authorization.`)
  }
  const unsigned = Object.keys(request.headers).find(
    (name) => name.startsWith('x-amz-') && !signedHeaders.includes(name),
  )
  if (unsigned !== undefined)
    throw invalid(`'${unsigned}' must be a 'SignedHeader' in the AWS Authorization.`)
}

/** The signature that the request should carry: made anew over the headers that it says are signed. */
async function signatureOf(
  request: SignedRequest,
  signedHeaders: string[],
  { accessKeyId, secretAccessKey, region, service }: SigV4Expectation,
): Promise<Buffer> {
  const signer = new SignatureV4({
    // A session token is a header like others here: the signer would add one of its own.
    credentials: { accessKeyId, secretAccessKey },
    region,
    service,
    sha256: Sha256,
    applyChecksum: false,
  })
  const headers = Object.fromEntries(signedHeaders.map((name) => [name, header(request, name) ?? '']))
  const { method, path, body } = request
  const signed = await signer.sign(
    { method, path, headers, body, protocol: 'http:', hostname: '' },
    {
      signingDate: new Date(isoOf(header(request, 'x-amz-date') ?? '')),
      signableHeaders: new Set(signedHeaders),
    },
  )
  return Buffer.from(
    /Signature=([0-9a-f]{64})$/.exec(signed.headers['authorization'] ?? '')?.[1] ?? '',
    'hex',
  )
}

/** What the signer hashes with. */
class Sha256 {
  readonly #hash: Hash | Hmac

  constructor(secret?: unknown) {
    this.#hash = secret === undefined ? createHash('sha256') : createHmac('sha256', secret as Uint8Array)
  }

  update(data: string | Uint8Array): void {
    this.#hash.update(data)
  }

  async digest(): Promise<Uint8Array> {
    return await Promise.resolve(this.#hash.digest())
  }

  reset(): void {
    throw new Error('used once')
  }
}

function header(request: SignedRequest, name: string): string | undefined {
  return request.headers[name]?.join(',')
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidSignatureException', message)
}

/** From the basic format of ISO 8601, the one of `x-amz-date`. */
const isoOf = (timestamp: string): string =>
  timestamp.replace(/^(....)(..)(..T..)(..)(..Z)$/, '$1-$2-$3:$4:$5')

/** ISO 8601 basic format, the one of `x-amz-date`. */
function basic(date: Date): string {
  return `${date.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}
