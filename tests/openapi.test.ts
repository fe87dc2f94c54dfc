import * as z from 'zod/mini'
import { describe, expect, test } from 'vitest'
import type { Endpoint } from '../functions/_lib/http/endpoint.ts'
import { ERROR_STATUS, type ErrorCode } from '../functions/_lib/errors.ts'
import { SIGNED_ERRORS, type SignedErrorId } from '../functions/_lib/http/signed-errors.ts'
import type { OpenApiDocument } from '../scripts/openapi/document.ts'
import { pathOf } from '../scripts/openapi/operation.ts'
import { allEndpoints, generatedFiles, readProjectFile } from '../scripts/openapi/generated.ts'
import type { JsonSchema } from '../scripts/openapi/schema.ts'
import { clientOf } from './support/client.ts'
import { runScript } from './support/script.ts'

const client = clientOf()
const document = JSON.parse(readProjectFile('functions/openapi.json')) as OpenApiDocument
const endpoints = (await allEndpoints()).filter((endpoint) => !endpoint.docs?.hidden)
const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
  Object.entries(methods).map(
    ([method, operation]) => [`${method.toUpperCase()} ${path}`, operation] as const,
  ),
)

/** Every field below a schema, with its way there. */
function fieldsOf(schema: JsonSchema, where: string): [string, JsonSchema][] {
  const own = Object.entries(schema.properties ?? {}).flatMap(([name, field]): [string, JsonSchema][] => [
    [`${where}.${name}`, field],
    ...fieldsOf(field, `${where}.${name}`),
  ])
  const inner = [...(schema.items ? [schema.items] : []), ...(schema.anyOf ?? [])]
  return [...own, ...inner.flatMap((child) => fieldsOf(child, `${where}[]`))]
}

/** A small validator of what these schemas use; an unknown keyword is a mistake of ours and fails. */
function mismatch(
  schema: JsonSchema & Record<string, unknown>,
  value: unknown,
  at = '$',
): string | undefined {
  if (schema.$ref) return mismatch(resolve(schema.$ref) as typeof schema, value, at)
  if ('const' in schema) return schema.const === value ? undefined : `${at} is not ${String(schema.const)}`
  if (schema.enum) return schema.enum.includes(value) ? undefined : `${at} is not in the list`
  if (schema.anyOf) {
    const all = schema.anyOf.map((one) => mismatch(one as typeof schema, value, at))
    return all.includes(undefined) ? undefined : all[0]
  }
  const actual = value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
  const allowed =
    schema.type === undefined
      ? [actual]
      : [schema.type].flat().map((type) => (type === 'integer' ? 'number' : type))
  if (!allowed.includes(actual)) return `${at} is ${actual}, not ${allowed.join(' or ')}`
  if (schema.pattern && !new RegExp(schema.pattern, 'u').test(value as string))
    return `${at} is not like ${schema.pattern}`
  if (actual === 'array') {
    return (value as unknown[])
      .map((item, i) => mismatch((schema.items ?? {}) as typeof schema, item, `${at}[${i}]`))
      .find(Boolean)
  }
  if (actual !== 'object') return undefined
  const missing = schema.required?.find((name) => !(name in (value as object)))
  if (missing !== undefined) return `${at}.${missing} is missing`
  return Object.entries(value as object)
    .map(([name, item]) => {
      const property = schema.properties?.[name]
      if (property) return mismatch(property as typeof schema, item, `${at}.${name}`)
      return schema.additionalProperties === false ? `${at}.${name} is unknown` : undefined
    })
    .find(Boolean)
}

function resolve(ref: string): unknown {
  expect(ref).toMatch(/^#\//)
  return ref
    .slice(2)
    .split('/')
    .reduce<unknown>((node, part) => (node as Record<string, unknown> | undefined)?.[part], document)
}

function refsOf(node: unknown): string[] {
  if (node === null || typeof node !== 'object') return []
  return Object.entries(node).flatMap(([key, value]) =>
    key === '$ref' && typeof value === 'string' ? [value] : refsOf(value),
  )
}

describe('the committed files', () => {
  test('are what the endpoints give now: run `npm run openapi` when this fails', async () => {
    for (const [path, text] of Object.entries(await generatedFiles())) {
      expect(readProjectFile(path) === text, `${path} is up to date`).toBe(true)
    }
  })

  test('pass `npm run openapi -- --check`, which CI runs', async () => {
    expect(await runScript(['scripts/openapi.ts', '--check'])).toMatchObject({
      code: 0,
      out: expect.stringContaining('up to date') as string,
    })
  })

  test('the stack serves the committed document', async () => {
    const answer = await fetch(client.manifest.baseUrl.replace('/api/v1', '/openapi.json'))
    expect(answer.headers.get('content-type')).toContain('application/json')
    expect(await answer.json()).toEqual(document)
  })
})

describe('the document', () => {
  test('has every endpoint that is served, once, and each operation has its own id', () => {
    expect(operations.map(([name]) => name).sort()).toEqual(
      endpoints.map((endpoint) => `${endpoint.method} ${pathOf(endpoint)}`).sort(),
    )
    const ids = operations.map(([, operation]) => operation.operationId)
    expect(new Set(ids).size).toBe(ids.length)
  })

  test('has whole numbers, ids and enumerations as such, and no pattern that only JavaScript knows', () => {
    const all = operations.flatMap(([name, operation]) => [
      ...(operation.parameters ?? []).map((one): [string, JsonSchema] => [`${name} ${one.name}`, one.schema]),
      ...[operation.requestBody, ...Object.values(operation.responses)]
        .flatMap((one) => Object.values(one?.content ?? {}))
        .flatMap(({ schema }) => fieldsOf(schema, name)),
    ])
    const components = Object.entries(document.components['schemas'] ?? {})
    all.push(...components.flatMap(([name, schema]) => fieldsOf(schema as JsonSchema, name)))
    const typesOf = ({ type }: JsonSchema) => [type].flat()
    const integers = all.filter(([, schema]) => typesOf(schema).includes('integer'))
    expect(integers.length).toBeGreaterThan(40)
    expect(integers.filter(([, { format }]) => format !== 'int64').map(([where]) => where)).toEqual([])
    expect(JSON.stringify(document)).not.toContain('"number"')
    const isId = (where: string) => /[ .](id|transfer_id|cursor)$/.test(where)
    const ids = all.filter(([where, { $ref }]) => isId(where) && !$ref)
    expect(ids.length).toBeGreaterThan(10)
    expect(ids.filter(([, { format }]) => format !== 'uuid').map(([where]) => where)).toEqual([])
    const named = all.filter(([where]) => /[ .](direction|kind|status|wallet)$/.test(where))
    expect(named.length).toBeGreaterThan(8)
    for (const [where, schema] of named) expect('const' in schema || schema.enum, where).toBeTruthy()
    for (const [where, { pattern }] of all) {
      expect(pattern ?? '', where).not.toMatch(/\\[pP]\{/)
      // Without the flags of JavaScript, as others compile it.
      if (pattern) expect(() => new RegExp(pattern), where).not.toThrow()
    }
    for (const name of ['start', 'end', 'limit'])
      expect(all.filter(([where]) => where.endsWith(` ${name}`)).map(([, { type }]) => type)).toEqual([
        'integer',
        'integer',
        'integer',
      ])
  })

  test('describes each tag, and has no component that nothing uses', () => {
    for (const { name, description } of document.tags) expect(description, name).toBeTruthy()
    const used = new Set(refsOf(document))
    for (const [kind, parts] of Object.entries(document.components))
      if (kind !== 'securitySchemes')
        for (const name of Object.keys(parts)) expect(used, name).toContain(`#/components/${kind}/${name}`)
    const schemes = new Set(operations.flatMap(([, { security }]) => security.flatMap(Object.keys)))
    expect([...schemes].sort()).toEqual(Object.keys(document.components['securitySchemes'] ?? {}).sort())
  })

  test('resolves every reference', () => {
    expect(refsOf(document).length).toBeGreaterThan(20)
    for (const ref of refsOf(document)) expect(resolve(ref), ref).toBeDefined()
  })

  test.each(operations)('%s describes every field, with an example of each value', (_name, operation) => {
    const schemas = [
      ...Object.values(operation.requestBody?.content ?? {}),
      ...Object.values(operation.responses['200']?.content ?? {}),
    ].map(({ schema }) => schema)
    for (const [where, field] of schemas.flatMap((schema) => fieldsOf(schema, '$'))) {
      expect(field.description, `${where} needs a description`).toBeTruthy()
      const hasParts = field.properties ?? field.items ?? field.anyOf?.some((one) => one.properties)
      if (!hasParts && !('const' in field)) expect(field.examples, `${where} needs an example`).toBeTruthy()
    }
    for (const parameter of operation.parameters ?? []) {
      expect(parameter.description, parameter.name).toBeTruthy()
      expect(parameter.schema.examples, `${parameter.name} needs an example`).toBeTruthy()
    }
  })

  test.each(operations)('%s has examples that its own schemas accept', (_name, operation) => {
    const bodies = [operation.requestBody, ...Object.values(operation.responses)]
    for (const media of bodies.flatMap((body) => Object.values(body?.content ?? {}))) {
      const { schema, example, examples } = media as {
        schema: JsonSchema & Record<string, unknown>
        example?: unknown
        examples?: Record<string, { value: unknown }>
      }
      const values = [
        ...(example === undefined ? [] : [example]),
        ...Object.values(examples ?? {}).map(({ value }) => value),
      ]
      for (const value of values) expect(mismatch(schema, value)).toBeUndefined()
    }
  })

  test.each(endpoints.map((endpoint) => [`${endpoint.method} ${pathOf(endpoint)}`, endpoint] as const))(
    '%s lists each of its errors below the right status, and how to call it',
    (_name, endpoint: Endpoint) => {
      const operation = document.paths[pathOf(endpoint)]?.[endpoint.method.toLowerCase()]
      const statusesOf = (name: string) =>
        Object.entries(operation?.responses ?? {})
          .filter(([, response]) => response.description.includes(`\`${name}\``))
          .map(([status]) => Number(status))
      // The wallet-signed family answers errors of its own list, and none of the exchange family's.
      const isSigned = endpoint.access.kind === 'signed'
      expect(Object.keys(endpoint.errors).some((name) => name in ERROR_STATUS)).toBe(
        !isSigned && Object.keys(endpoint.errors).length > 0,
      )
      const own: [string, number][] = isSigned
        ? (Object.keys(endpoint.errors) as SignedErrorId[]).map((id) => [id, SIGNED_ERRORS[id].status])
        : ([...Object.keys(endpoint.errors), endpoint.internal] as ErrorCode[]).map((code) => [
            code,
            ERROR_STATUS[code],
          ])
      if (isSigned) expect(own.map(([id]) => id)).toContain('internal_server_error')
      for (const [name, status] of own) expect(statusesOf(name), name).toEqual([status])
      expect(statusesOf(isSigned ? 'method_not_allowed' : 'METHOD_NOT_ALLOWED')).toEqual([405])
      expect(statusesOf(isSigned ? 'rate_limited' : 'RATE_LIMITED')).toEqual([429])
      const keyed = operation?.parameters?.some(({ name }) => name === 'Idempotency-Key') ?? false
      expect(keyed).toBe(endpoint.idempotent === true)
      expect(operation?.security.length === 0).toBe(['open', 'signed'].includes(endpoint.access.kind))
    },
  )
})

describe('what the stack answers', () => {
  const endpointOf = (name: string) =>
    endpoints.find((endpoint) => `${endpoint.method} ${pathOf(endpoint)}` === name)
  const check = (name: string, answer: { status: number; body: unknown }) => {
    const status = String(answer.status)
    const schema =
      document.paths[name.split(' ')[1] ?? '']?.[(name.split(' ')[0] ?? '').toLowerCase()]?.responses[status]
        ?.content?.['application/json']?.schema
    expect(schema, `${name} documents ${status}`).toBeDefined()
    expect(mismatch(schema as JsonSchema & Record<string, unknown>, answer.body)).toBeUndefined()
    const response = endpointOf(name)?.response
    if (answer.status === 200 && response) expect(z.safeParse(response, answer.body).success).toBe(true)
  }

  test('is what the document says, when it succeeds and when it refuses', async () => {
    const { account, address, wallet, token } = await client.newAccount({ USDT: '10' })
    const admin = { apiKey: client.manifest.adminApiKey }
    check('GET /health', await client.call('/health'))
    check('GET /api/v1/wallet/tokens', await client.call('/wallet/tokens'))
    check('GET /api/v1/spot/balances', await client.call('/spot/balances', { token }))
    check('GET /api/v1/spot/balances', await client.call('/spot/balances'))
    check('GET /api/v1/perp/balances', await client.call('/perp/balances', { token }))
    const body = { token: 'USDT', direction: 'spot_to_perp', amount: '1' }
    for (const amount of ['1', '1000', 1, '0']) {
      check('POST /api/v1/spot/transfer', await client.transfer(token, { ...body, amount }))
    }
    check(
      'POST /api/v1/spot/transfer',
      await client.call('/spot/transfer', { token, json: 'x'.repeat(20_000) }),
    )
    const credit = { user_address: account, token: 'USDT', amount: '1' }
    check(
      'POST /api/v1/admin/spot/balances/credit',
      await client.call('/admin/spot/balances/credit', { ...admin, json: credit }),
    )
    const nonce = await client.call(`/auth/nonce/${address}`)
    check('GET /api/v1/auth/nonce/{address}', nonce)
    const { timestamp } = nonce.body.typed_data.message
    const login = { address, timestamp, signature: await wallet.signTypedData(nonce.body.typed_data) }
    for (let attempt = 0; attempt < 2; attempt += 1) {
      check('POST /api/v1/auth/login', await client.call('/auth/login', { json: login }))
    }
  })
})
