import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

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
export function verifySigV4(request: SignedRequest, expected: SigV4Expectation): void {
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
  const canonical = canonicalRequest(request, authorization.signedHeaders)
  const stringToSign = [ALGORITHM, timestamp, scope.join('/'), sha256(canonical)].join('\n')
  const signature = hmac(signingKey(expected.secretAccessKey, scope), stringToSign)
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
  const parts = /^(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z$/.exec(timestamp ?? '')
  if (parts === null || timestamp === undefined) {
    throw new AwsError(
      'IncompleteSignatureException',
      "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' header.",
    )
  }
  const [, year, month, day, hour, minute, second] = parts
  const sentAt = Date.parse(`${year}-${month}-${day}T${hour}:${minute}:${second}Z`)
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

function canonicalRequest(request: SignedRequest, signedHeaders: string[]): string {
  const names = [...signedHeaders].sort()
  const headers = names.map((name) => `${name}:${(header(request, name) ?? '').trim().replace(/ +/g, ' ')}\n`)
  return [request.method, request.path, '', headers.join(''), names.join(';'), sha256(request.body)].join(
    '\n',
  )
}

function signingKey(secretAccessKey: string, scope: string[]): Buffer {
  return scope.reduce<Buffer>((key, part) => hmac(key, part), Buffer.from(`AWS4${secretAccessKey}`))
}

function header(request: SignedRequest, name: string): string | undefined {
  return request.headers[name]?.join(',')
}

function invalid(message: string): AwsError {
  return new AwsError('InvalidSignatureException', message)
}

/** ISO 8601 basic format, the one of `x-amz-date`. */
function basic(date: Date): string {
  return `${date.toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`
}

function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex')
}

function hmac(key: Uint8Array, data: string): Buffer {
  return createHmac('sha256', key).update(data).digest()
}
