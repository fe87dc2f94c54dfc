/** The OpenAPI 3.1 document of a list of endpoints: everything in it comes from the endpoint objects. */
import type { AccessKind } from '../../functions/_lib/http/access.ts'
import type { Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { errorResponses } from './errors.ts'
import { exampleOf, jsonSchemaOf, type JsonSchema } from './schema.ts'

export interface OpenApiDocument {
  openapi: string
  info: object
  servers: object[]
  tags: { name: string; description: string }[]
  paths: Record<string, Record<string, Operation>>
  components: Record<string, Record<string, object>>
}
export interface Operation {
  operationId: string
  tags: string[]
  summary: string
  description: string
  security: Record<string, string[]>[]
  parameters?: { name: string; in: string; required: boolean; description: string; schema: JsonSchema }[]
  requestBody?: { required: true; content: Record<string, { schema: JsonSchema; example: unknown }> }
  responses: Record<
    string,
    { description: string; headers?: object; content?: Record<string, { schema: JsonSchema }> }
  >
}

export function openApiDocument(endpoints: Endpoint[], version: string): OpenApiDocument {
  const shown = endpoints.filter((endpoint) => !endpoint.docs?.hidden)
  const paths: OpenApiDocument['paths'] = {}
  for (const endpoint of shown) {
    const path = pathOf(endpoint)
    paths[path] = { ...paths[path], [endpoint.method.toLowerCase()]: operationOf(endpoint) }
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Tidegate',
      version,
      description:
        'The spot wallet of an exchange. Amounts are decimal strings of whole tokens; times are unix seconds, in the wallet-signed family milliseconds; ids are UUIDs.',
      license: { name: 'Apache-2.0', identifier: 'Apache-2.0' },
      contact: { name: 'The operator of this service' },
    },
    servers: [{ url: '/', description: 'This origin' }],
    tags: tagsOf(shown).map((name) => ({ name, description: describedTag(name) })),
    paths,
    components: componentsOf(shown),
  }
}

const TAGS_LAST = ['Public', 'Admin', 'Reference']
const TAGS: Record<string, string> = {
  'Sign in': 'A wallet signs and gets a session token',
  Agents: 'Keys that may sign for an account; every request is signed by the account’s own key',
  'API keys': 'Keys that read an account and never move money',
  'Perp margin': 'The margin of the perpetuals account',
  'Spot wallet': 'Balances, transfers, deposits and history of the spot wallet',
  Withdrawals: 'From the spot wallet to the chain, through the vault',
  Stream: 'Balances as they change, over a WebSocket',
  Subaccounts: 'Accounts below a main account; every request is signed by a wallet or its agent',
  Public: 'For anybody, without a credential',
  Admin: 'For the operator, by the admin key',
  Reference: 'This reference and the document it is made from',
}

function describedTag(name: string): string {
  const description = TAGS[name]
  if (!description) throw new Error(`the tag ${name} has no description`)
  return description
}

/** Sign in first, what few need last, the rest as it is mounted. */
function tagsOf(endpoints: Endpoint[]): string[] {
  const rank = (tag: string) => (tag === 'Sign in' ? -1 : TAGS_LAST.indexOf(tag) + 1)
  return [...new Set(endpoints.map(({ tag }) => tag))].sort((a, b) => rank(a) - rank(b))
}

export const pathOf = (endpoint: Endpoint): string =>
  ((endpoint.atRoot ? '' : '/api/v1') + endpoint.path).replace(/:([a-z_]+)/g, '{$1}')

const SECURITY: Record<AccessKind, Operation['security']> = {
  session: [{ session: [] }],
  read: [{ session: [] }, { userApiKey: [] }],
  admin: [{ adminKey: [] }],
  signed: [],
  open: [],
}

function operationOf(endpoint: Endpoint): Operation {
  const words = pathOf(endpoint)
    .replace('/api/v1', '')
    .split(/[^A-Za-z0-9]+/)
    .filter(Boolean)
  const name = words.map((word) => word[0]!.toUpperCase() + word.slice(1)).join('')
  const parameters = parametersOf(endpoint)
  const body = endpoint.body && jsonSchemaOf(endpoint.body, 'input')
  return {
    operationId: endpoint.method.toLowerCase() + name,
    tags: [endpoint.tag],
    summary: endpoint.summary,
    description: endpoint.description ?? endpoint.summary,
    security: SECURITY[endpoint.access.kind],
    ...(parameters.length > 0 ? { parameters } : {}),
    ...(body
      ? {
          requestBody: {
            required: true as const,
            content: { 'application/json': { schema: body, example: exampleOf(body) } },
          },
        }
      : {}),
    responses: { ...successOf(endpoint), ...errorResponses(endpoint) } as Operation['responses'],
  }
}

const REQUEST_ID: JsonSchema = {
  type: 'string',
  maxLength: 128,
  description: 'Echoed when it is short and plain; otherwise a new one is made',
  examples: ['order-4711'],
}

function parametersOf(endpoint: Endpoint): NonNullable<Operation['parameters']> {
  const fields = (schema: Endpoint['query'], where: 'path' | 'query') => {
    const { properties = {}, required = [] } = schema ? jsonSchemaOf(schema, 'input') : {}
    return Object.entries(properties).map(([name, property]) =>
      parameter(name, where, where === 'path' || required.includes(name), property),
    )
  }
  const key: JsonSchema = {
    type: 'string',
    pattern: '^[!-~]{1,255}$',
    description:
      'Makes a repeat safe: the same key with the same body gets the first answer again, byte for byte, and nothing moves twice',
    examples: ['5a0e1c9e-1c7f-4a53-8d36-0a3f8a6f2f0b'],
  }
  return [
    ...fields(endpoint.params, 'path'),
    ...fields(endpoint.query, 'query'),
    ...(endpoint.idempotent ? [parameter('Idempotency-Key', 'header', false, key)] : []),
    parameter('X-Request-Id', 'header', false, REQUEST_ID),
  ]
}

function parameter(name: string, where: string, required: boolean, { description, ...schema }: JsonSchema) {
  return { name, in: where, required, description: description ?? '', schema }
}

function successOf(endpoint: Endpoint): Record<string, object> {
  const { status = 200, contentType = 'application/json' } = endpoint.docs ?? {}
  const isPaged =
    endpoint.query !== undefined && 'cursor' in (jsonSchemaOf(endpoint.query, 'input').properties ?? {})
  const ref = (name: string) => ({ [name]: { $ref: `#/components/headers/${name}` } })
  const headers = {
    ...ref('X-Request-Id'),
    ...(isPaged ? ref('Link') : {}),
    ...(endpoint.idempotent ? ref('Idempotency-Replayed') : {}),
  }
  if (status === 101) return streamOpened(endpoint, headers)
  const schema = endpoint.response ? jsonSchemaOf(endpoint.response, 'output') : ({ type: 'string' } as const)
  const example = endpoint.response ? { example: exampleOf(schema) } : {}
  const csv = endpoint.docs?.csv ? { 'text/csv': { schema: { type: 'string' } } } : {}
  const content = { [contentType]: { schema, ...example }, ...csv }
  return { [status]: { description: 'Done', headers, content } }
}

/** Where there is no 101 (HTTP/2) an open stream is a 200. The messages are shown as its content. */
function streamOpened(endpoint: Endpoint, headers: object): Record<string, object> {
  const anyOf = Object.keys(endpoint.docs?.schemas ?? {}).map((name) => ({
    $ref: `#/components/schemas/${name}`,
  }))
  const content = { 'application/json': { schema: { anyOf } } }
  const opened = (when: string) => ({
    description: `The stream is open${when}; each frame, in either direction, holds one of these messages`,
    headers,
    content,
  })
  return { '101': opened(''), '200': opened(' over HTTP/2, which has no 101 (RFC 8441)') }
}

function componentsOf(endpoints: Endpoint[]): OpenApiDocument['components'] {
  const text = (description: string, example: string) => ({
    type: 'string',
    description,
    examples: [example],
  })
  const header = (description: string, example: string) => ({
    description,
    schema: text(description, example),
  })
  const named = endpoints.flatMap((endpoint) => Object.entries(endpoint.docs?.schemas ?? {}))
  return {
    schemas: {
      Error: {
        type: 'object',
        required: ['error', 'message', 'request_id'],
        properties: {
          error: text('For programs to match', 'INSUFFICIENT_BALANCE'),
          message: text('For people; may change', 'the source has less than that available'),
          request_id: text(
            'Also in X-Request-Id; quote it when you ask for help',
            '0d3b0d5e-5a5c-4b58-9d3c-3f6f6f0f2c11',
          ),
        },
      },
      SignedError: {
        type: 'object',
        required: ['success', 'data', 'error', 'code', 'error_id', 'request_id'],
        properties: {
          success: { type: 'boolean', description: 'Always false', examples: [false] },
          data: {
            type: ['object', 'null'],
            description: 'What was checked, or what was done before; else null',
            examples: [null],
          },
          error: text('For people; begins with the text that the errors list', 'Insufficient spot balance'),
          code: {
            type: 'integer',
            format: 'int64',
            description: 'The API’s own number, else the HTTP status',
            examples: [62],
          },
          error_id: text('For programs to match', 'insufficient_spot_balance'),
          request_id: text(
            'Also in X-Request-Id; quote it when you ask for help',
            '0d3b0d5e-5a5c-4b58-9d3c-3f6f6f0f2c11',
          ),
        },
      },
      ...Object.fromEntries(named.map(([name, schema]) => [name, jsonSchemaOf(schema, 'output')])),
    },
    headers: {
      'X-Request-Id': header('Of this request: the caller’s own when that was short and plain', 'order-4711'),
      'Retry-After': {
        description: 'Seconds to wait',
        schema: { type: 'integer', format: 'int64', description: 'Seconds to wait', examples: [1] },
      },
      Link: header(
        'The next page, when there is one: `<…>; rel="next"`',
        '</api/v1/spot/transfers?cursor=…>; rel="next"',
      ),
      'Idempotency-Replayed': header('`true` when this is the first answer again', 'true'),
    },
    securitySchemes: {
      session: {
        type: 'http',
        scheme: 'bearer',
        bearerFormat: 'JWT',
        description:
          'Session token from POST /auth/login or the configured issuer: full access to its own account',
      },
      userApiKey: {
        type: 'apiKey',
        in: 'header',
        name: 'X-API-Key',
        description: 'API key from POST /api-keys: reads its own account',
      },
      adminKey: {
        type: 'apiKey',
        in: 'header',
        name: 'X-API-Key',
        description: 'The operator’s key: /admin/* only',
      },
    },
  }
}
