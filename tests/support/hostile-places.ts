/** Every place of a request in which a caller can put a text, for each endpoint: none may be forgotten by a test of limits. */
import {
  BODY_BYTES_MAX,
  HEADER_LENGTH_MAX,
  PATH_LENGTH_MAX,
  QUERY_LENGTH_MAX,
} from '../../functions/_lib/limits.ts'
import * as attacks from './attacks.ts'
import { bodyFields, filledPath, sampleBody, type Listed } from './endpoints.ts'

export type Kind = 'path' | 'query' | 'header' | 'body'

export interface Place {
  name: string
  kind: Kind
  /** The request with this text there; undefined where no client could send it. */
  request(text: string): Request | undefined
}

/** What repeated makes a text that some parser of such a place could stumble over. */
export const UNITS: Record<Kind, string[]> = {
  path: ['a', 'a-', '/', '%C3'],
  query: ['a', 'a&', 'a=1&', '%C3'],
  header: ['a', 'a-', 'aaaaaaaa.', ':', ',', 'a://'],
  body: ['a', '1', '[', '"a":1,', '\\u0061', '💰'],
}

/** Characters just below the limit, with room for what stands around the text. */
export const INSIDE: Record<Kind, number> = {
  path: PATH_LENGTH_MAX - 200,
  query: QUERY_LENGTH_MAX - 200,
  header: HEADER_LENGTH_MAX - 500,
  body: BODY_BYTES_MAX - 1_500,
}

export interface Credentials {
  account: string
  jwtSecret: string
  adminKey: string
}

/** Every header that a function reads. A test compares this with what is read. */
export const HEADERS_READ = [
  ...['authorization', 'x-api-key', 'idempotency-key', 'x-request-id', 'content-type', 'content-length'],
  ...['origin', 'cf-connecting-ip', 'upgrade', 'sec-websocket-protocol', 'accept'],
]
const ORIGIN = 'https://api.example.com'

/** What is read the same way by every endpoint of one kind of access, in one function, is `shared`. */
export function placesOf(listed: Listed, credentials: Credentials): { shared: Place[]; own: Place[] } {
  const { endpoint, path } = listed
  const { account } = credentials
  const body = endpoint.body ? sampleBody(listed, account) : undefined
  const send = (over: { path?: string; headers?: Record<string, string>; body?: string }) =>
    requestOf(listed, credentials, over, body)
  const placeOf =
    (kind: Kind) =>
    (name: string, over: (text: string) => Parameters<typeof send>[0]): Place => ({
      name: `${listed.name}: ${name}`,
      kind,
      request: (text) => send(over(text)),
    })
  const [inPath, inQuery] = [placeOf('path'), placeOf('query')]
  const [inHeader, inBody] = [placeOf('header'), placeOf('body')]
  const good = filledPath(path, account)
  const params = [...path.matchAll(/:([a-z_]+)/g)].map((match) => match[1]!)
  const filters = Object.keys(queryFields(listed))
  const headers = headerPlaces(credentials)
  const bodies = body ? bodyPlaces(listed, body) : []
  return {
    shared: [
      inQuery('the query', (text) => ({ path: `${good}?${text}` })),
      inQuery('an unknown filter', (text) => ({ path: `${good}?unknown=${text}` })),
      ...headers.map(([name, made]) => inHeader(name, (text) => ({ headers: made(text) }))),
    ],
    own: [
      inPath('the path', (text) => ({ path: `${good}/${text}` })),
      ...params.map((name) =>
        inPath(`parameter ${name}`, (text) => ({
          path: path.replace(`:${name}`, text.replace(/[/?#]/g, 'x')),
        })),
      ),
      ...filters.map((name) => inQuery(`filter ${name}`, (text) => ({ path: `${good}?${name}=${text}` }))),
      ...bodies.map(([name, made]) => inBody(name, (text) => ({ body: made(text) }))),
    ],
  }
}

const queryFields = ({ endpoint }: Listed): Record<string, unknown> =>
  (endpoint.query as { shape?: Record<string, unknown> } | undefined)?.shape ?? {}

type HeaderPlace = [name: string, headers: (text: string) => Record<string, string>]

function headerPlaces({ jwtSecret, account }: Credentials): HeaderPlace[] {
  const bearer = (made: (text: string) => string) => (text: string) => ({
    Authorization: `Bearer ${made(text)}`,
  })
  const claims = attacks.goodClaims(account)
  const [header = '', payload = ''] = attacks.goodToken(jwtSecret, claims).split('.')
  return [
    ...HEADERS_READ.map((name): HeaderPlace => [`header ${name}`, (text) => ({ [name]: text })]),
    ['a token', bearer((text) => text)],
    ['a token’s header', bearer((text) => `${text}.${payload}.x`)],
    ['a token’s payload', bearer((text) => `${header}.${text}.x`)],
    ['a token’s signature', bearer((text) => `${header}.${payload}.${text}`)],
    ['a signed token’s jti', bearer((text) => attacks.goodToken(jwtSecret, { ...claims, jti: text }))],
    ['a signed token’s sub', bearer((text) => attacks.goodToken(jwtSecret, { ...claims, sub: text }))],
    ['a signed token’s iss', bearer((text) => attacks.goodToken(jwtSecret, { ...claims, iss: text }))],
    ['a user key', (text) => ({ 'X-API-Key': `tg_${text}` })],
    ['a media type’s parameter', (text) => ({ 'Content-Type': `application/json; x=${text}` })],
    ['a protocol’s token', (text) => ({ 'Sec-WebSocket-Protocol': `bearer, ${text}` })],
  ]
}

function bodyPlaces(listed: Listed, body: Record<string, unknown>): [string, (text: string) => string][] {
  const json = (changed: Record<string, unknown>) => JSON.stringify({ ...body, ...changed })
  const fields = Object.keys(bodyFields(listed.endpoint))
  const signatures = fields.filter((name) => name.endsWith('signature'))
  return [
    ['the body', (text) => text],
    ['the body’s middle', (text) => `{"a":${text}`],
    ['a field’s name', (text) => json({ [text]: 1 })],
    ...fields.map((name): [string, (text: string) => string] => [
      `field ${name}`,
      (text) => json({ [name]: text }),
    ]),
    ...signatures.flatMap((name): [string, (text: string) => string][] => [
      [`the value of ${name}`, (text) => json({ [name]: { type: 'hardware', value: text } })],
      [`the hex value of ${name}`, (text) => json({ [name]: { type: 'raw', value: `0x${text}` } })],
      [`the type of ${name}`, (text) => json({ [name]: { type: text, value: '1' } })],
      [`a member of ${name}`, (text) => json({ [name]: { [text]: '1', value: '1' } })],
    ]),
  ]
}

function requestOf(
  { endpoint, path }: Listed,
  { account, jwtSecret, adminKey }: Credentials,
  over: { path?: string; headers?: Record<string, string>; body?: string },
  body: Record<string, unknown> | undefined,
): Request | undefined {
  const { access } = endpoint
  const credential =
    access.kind === 'admin'
      ? { 'X-API-Key': adminKey }
      : access.kind === 'session' || access.kind === 'read'
        ? { Authorization: `Bearer ${attacks.goodToken(jwtSecret, attacks.goodClaims(account))}` }
        : {}
  const sent = over.body ?? (body && JSON.stringify({ ...body, timestamp: Date.now() }))
  try {
    const headers = new Headers({ 'Content-Type': 'application/json', ...credential })
    for (const [name, value] of Object.entries(over.headers ?? {})) headers.set(name, value)
    return new Request(ORIGIN + (over.path ?? filledPath(path, account)), {
      method: endpoint.method,
      headers,
      ...(sent === undefined ? {} : { body: Buffer.from(sent) }),
    })
  } catch {
    return undefined
  }
}
