/** What the attack tests share: a victim whose rows must stay as they were, and one way to send and to judge an attack. */
import type { AccessKind } from '../../functions/_lib/http/access.ts'
import { afterEach, beforeAll, expect, inject } from 'vitest'
import { localSecrets } from '../../scripts/stack/manifest.ts'
import { clientOf, type Answer } from './client.ts'
import { allEndpoints, filledPath, sampleBody, type Listed } from './endpoints.ts'

export const client = clientOf()
export const endpoints = await allEndpoints()
export const { jwtSecret } = await localSecrets(inject('stackFolder'))
type User = Awaited<ReturnType<typeof client.newAccount>>

export let victim: User
export let userKey: string
let before: string
beforeAll(async () => {
  victim = await client.newAccount({ USDT: '1000', DF: '1000' })
  userKey = (await client.call('/api-keys', { token: victim.token, json: {} })).body.api_key
  before = await rows()
})
afterEach(async () => expect(await rows(), 'rows of the victim').toBe(before))
const rows = async () => {
  const [more] = await client.sql<{ counts: string }>(
    `select concat_ws(' ', (select count(*) from api_keys where account = $1), (select count(*) from agent_wallets where account = $1),
       (select count(*) from subaccounts where $1 in (subaccount, main_account)),
       (select coalesce(max(next_nonce), 0) from login_nonces where account = $1)) as counts`,
    [victim.account],
  )
  return `${await client.rowCounts(victim.account)} / ${more?.counts}`
}

export const credentials = ({ endpoint }: Listed): Record<string, string> =>
  endpoint.access.kind === 'admin'
    ? { 'X-API-Key': client.manifest.adminApiKey }
    : endpoint.access.kind === 'session' || endpoint.access.kind === 'read'
      ? { Authorization: `Bearer ${victim.token}` }
      : {}

export interface Shot {
  headers?: Record<string, string>
  body?: string | Uint8Array
  type?: string
  method?: string
  params?: Record<string, string>
  query?: string
}
export async function shoot(listed: Listed, shot: Shot = {}): Promise<Answer> {
  const { endpoint } = listed
  const method = shot.method ?? endpoint.method
  const body = shot.body ?? (endpoint.body ? JSON.stringify(sampleBody(listed, victim.account)) : undefined)
  const carries = body !== undefined && method !== 'GET'
  const path = filledPath(listed.path, victim.account, shot.params) + (shot.query ?? '')
  const response = await fetch(client.manifest.baseUrl.replace('/api/v1', '') + path, {
    method,
    headers: {
      ...(carries && shot.type !== '' ? { 'Content-Type': shot.type ?? 'application/json' } : {}),
      ...(shot.headers ?? credentials(listed)),
    },
    // Bytes carry no content type of their own; a text would be sent as text/plain.
    ...(carries ? { body: Buffer.from(body) } : {}),
  })
  const text = await response.text()
  return {
    status: response.status,
    headers: response.headers,
    text,
    body: text === '' ? undefined : JSON.parse(text),
  }
}

const STATUS: Record<string, number> = {
  UNAUTHORIZED: 401,
  REQUEST_TIMEOUT: 408,
  PAYLOAD_TOO_LARGE: 413,
  UNSUPPORTED_MEDIA_TYPE: 415,
}

/** An error of a path in the envelope of the path's family, whichever part of the service found it. */
export function expectFamily(
  path: string,
  answer: Pick<Answer, 'text' | 'body' | 'headers'>,
  code: string,
): void {
  const request_id = answer.headers.get('x-request-id')
  expect(request_id, `${path}: ${answer.text}`).toBeTruthy()
  expect(answer.body, `${path}: ${answer.text}`).toEqual(
    /^\/api\/v1\/(account|agent)\//.test(path)
      ? {
          ...{ success: false, data: null, error: expect.any(String), code: expect.any(Number) },
          ...{ error_id: SIGNED_IDS[code], request_id },
        }
      : { error: code, message: expect.any(String), request_id },
  )
}
const SIGNED_IDS: Record<string, string> = {
  NOT_FOUND: 'not_found',
  METHOD_NOT_ALLOWED: 'method_not_allowed',
  PAYLOAD_TOO_LARGE: 'payload_too_large',
  UNSUPPORTED_MEDIA_TYPE: 'unsupported_media_type',
  INVALID_REQUEST: 'invalid_request',
  RATE_LIMITED: 'rate_limited',
  'internal error': 'internal_server_error',
}

/** The exchange family answers the code; the wallet-signed family its envelope, whose texts its own tests hold. */
export function expectRefused(listed: Listed, answer: Answer, error: string, attack: string): void {
  const what = `${listed.name}: ${attack}: ${answer.text.slice(0, 200)}`
  const status = STATUS[error] ?? 400
  expect(answer.headers.get('x-request-id'), what).toBeTruthy()
  if (listed.endpoint.access.kind === 'signed') {
    expect([400, status], what).toContain(answer.status)
    expect(answer.body, what).toMatchObject({
      success: false,
      error: expect.any(String),
      error_id: expect.any(String),
    })
    return
  }
  expect([answer.status, answer.body?.error], what).toEqual([status, error])
  expect(answer.body, what).toEqual({ error, message: expect.any(String), request_id: expect.any(String) })
}

/** A few at once: the attacks are many and each is one short request. */
export async function each<T>(items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = [...items]
  await Promise.all(
    Array.from({ length: 8 }, async () => {
      for (let item = left.shift(); item !== undefined; item = left.shift()) await work(item)
    }),
  )
}
export const having = (...kinds: AccessKind[]) =>
  endpoints.filter(({ endpoint }) => kinds.includes(endpoint.access.kind))
export const withBody = endpoints.filter(({ endpoint }) => endpoint.body)
