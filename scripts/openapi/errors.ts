/** Every error an endpoint can answer: its own, and those that come with what it is. */
import type { Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { ERROR_STATUS, type ErrorCode } from '../../functions/_lib/errors.ts'
import { SIGNED_ERRORS, type SignedErrorId } from '../../functions/_lib/http/signed-errors.ts'

interface ErrorCase {
  status: number
  name: string
  when: string
  body: object
}
const REQUEST_ID = '0d3b0d5e-5a5c-4b58-9d3c-3f6f6f0f2c11'

export function errorResponses(endpoint: Endpoint): Record<string, object> {
  const cases = endpoint.access.kind === 'signed' ? signedCases(endpoint) : exchangeCases(endpoint)
  const byStatus = new Map<number, ErrorCase[]>()
  for (const item of cases) byStatus.set(item.status, [...(byStatus.get(item.status) ?? []), item])
  return Object.fromEntries(
    [...byStatus]
      .sort(([a], [b]) => a - b)
      .map(([status, list]) => [String(status), errorResponse(status, list)]),
  )
}

function errorResponse(status: number, cases: ErrorCase[]): object {
  const examples = Object.fromEntries(
    cases.map((item) => [
      item.name.replace(/[^A-Za-z0-9._-]+/g, '-'),
      { summary: item.when, value: item.body },
    ]),
  )
  const headers: Record<string, object> = { 'X-Request-Id': { $ref: '#/components/headers/X-Request-Id' } }
  if (status === 429 || status === 503) headers['Retry-After'] = { $ref: '#/components/headers/Retry-After' }
  const isSigned = cases.some(({ body }) => 'success' in body)
  const schema = { $ref: `#/components/schemas/${isSigned ? 'SignedError' : 'Error'}` }
  return {
    description: cases.map((item) => `\`${item.name}\`: ${item.when}`).join('\n\n'),
    headers,
    content: { 'application/json': { schema, examples } },
  }
}

function exchangeCases(endpoint: Endpoint): ErrorCase[] {
  const codes: Partial<Record<ErrorCode, string>> = { ...commonErrors(endpoint), ...endpoint.errors }
  return (Object.entries(codes) as [ErrorCode, string][]).map(([code, when]) => {
    const error = code === 'amount below minimum' ? `${code} 1` : code
    const body = { error, message: when, request_id: REQUEST_ID }
    return { status: ERROR_STATUS[code], name: code, when, body }
  })
}

/** The errors of the wallet-signed envelope. */
const signedCases = (endpoint: Endpoint): ErrorCase[] =>
  (Object.entries(endpoint.errors) as [SignedErrorId, string][]).map(([id, when]) => {
    const { error, code, status } = SIGNED_ERRORS[id]
    const body = { success: false, data: null, error, code, error_id: id, request_id: REQUEST_ID }
    return { status, name: id, when, body }
  })

const ROUTER = {
  NOT_FOUND: 'there is no such route',
  METHOD_NOT_ALLOWED: 'the route has other methods; `Allow` names them',
  RATE_LIMITED: 'too many requests; `Retry-After` says when to come back',
}

function commonErrors(endpoint: Endpoint): Partial<Record<ErrorCode, string>> {
  const { body, query, params, idempotent, ledger } = endpoint
  return {
    ...(body || query || params
      ? {
          INVALID_REQUEST:
            'malformed, or a field is missing, unknown or of the wrong type; `message` names it',
        }
      : {}),
    ...ROUTER,
    ...(body
      ? {
          REQUEST_TIMEOUT: 'the body did not arrive within 8 s; nothing was done',
          PAYLOAD_TOO_LARGE: 'the body is larger than 16 KiB',
          UNSUPPORTED_MEDIA_TYPE: 'the body is not `application/json`',
        }
      : {}),
    ...(idempotent
      ? {
          REQUEST_IN_PROGRESS:
            'the first request with this Idempotency-Key is still running; nothing moved twice',
          IDEMPOTENCY_KEY_REUSED: 'the Idempotency-Key was used with another body',
        }
      : {}),
    [endpoint.internal]: 'something went wrong on our side; the log has the details under the request id',
    ...(ledger ? { SERVICE_BUSY: 'the database is busy or unavailable; nothing was done, try again' } : {}),
  }
}
