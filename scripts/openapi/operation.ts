/** One operation of the document: how an endpoint is called, and everything it can answer. */
import type { AccessKind } from '../../functions/_lib/http/access.ts'
import type { Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { errorResponses } from './errors.ts'
import { exampleOf, jsonSchemaOf, type JsonSchema } from './schema.ts'

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

export const pathOf = (endpoint: Endpoint): string =>
  ((endpoint.atRoot ? '' : '/api/v1') + endpoint.path).replace(/:([a-z_]+)/g, '{$1}')

const SECURITY: Record<AccessKind, Operation['security']> = {
  session: [{ session: [] }],
  read: [{ session: [] }, { userApiKey: [] }],
  admin: [{ adminKey: [] }],
  signed: [],
  open: [],
}

export function operationOf(endpoint: Endpoint): Operation {
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
