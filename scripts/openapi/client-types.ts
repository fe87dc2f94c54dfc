/** TypeScript types of every operation, for clients: the same document, another spelling. */
import type { OpenApiDocument } from './document.ts'
import type { Operation } from './operation.ts'
import type { JsonSchema } from './schema.ts'

const HEAD = `/** What each operation takes and answers. Written by \`npm run openapi\`: do not edit. */
`

export function clientTypes(document: OpenApiDocument): string {
  const operations = Object.entries(document.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(
      ([method, operation]) => `  '${method.toUpperCase()} ${path}': {\n${members(operation)}  }\n`,
    ),
  )
  const schemas = Object.entries(document.components['schemas'] ?? {}).map(
    ([name, schema]) => `\nexport type ${name} = ${typeOf(schema as JsonSchema)}\n`,
  )
  return `${HEAD}export interface Operations {\n${operations.join('')}}\n${schemas.join('')}`
}

function members(operation: Operation): string {
  const parameters = (where: string): string => {
    const list = (operation.parameters ?? []).filter((parameter) => parameter.in === where)
    const properties = Object.fromEntries(list.map(({ name, schema }) => [name, schema]))
    const required = list.filter((parameter) => parameter.required).map(({ name }) => name)
    return list.length === 0 ? 'undefined' : typeOf({ type: 'object', properties, required })
  }
  const body = operation.requestBody?.content['application/json']?.schema
  const answer = (operation.responses['200'] ?? operation.responses['201'])?.content?.['application/json']
    ?.schema
  return [
    `    params: ${parameters('path')}\n`,
    `    query: ${parameters('query')}\n`,
    `    body: ${body ? typeOf(body) : 'undefined'}\n`,
    `    answer: ${answer ? typeOf(answer) : 'undefined'}\n`,
  ].join('')
}

function typeOf(schema: JsonSchema): string {
  if (schema.$ref) return schema.$ref.split('/').at(-1) ?? 'unknown'
  if ('const' in schema) return JSON.stringify(schema.const)
  if (schema.enum) return schema.enum.map((value) => JSON.stringify(value)).join(' | ')
  if (schema.anyOf) return schema.anyOf.map(typeOf).join(' | ')
  if (Array.isArray(schema.type)) return schema.type.map((type) => typeOf({ ...schema, type })).join(' | ')
  switch (schema.type) {
    case 'string':
    case 'boolean':
    case 'null':
      return schema.type
    case 'number':
    case 'integer':
      return 'number'
    case 'array':
      return `(${schema.items ? typeOf(schema.items) : 'unknown'})[]`
    case 'object':
      return objectType(schema)
    case undefined:
    default:
      return 'unknown'
  }
}

function objectType({ properties, required = [] }: JsonSchema): string {
  if (!properties || Object.keys(properties).length === 0) return 'Record<string, unknown>'
  const list = Object.entries(properties).map(
    ([name, property]) => `${JSON.stringify(name)}${required.includes(name) ? '' : '?'}: ${typeOf(property)}`,
  )
  return `{ ${list.join('; ')} }`
}
