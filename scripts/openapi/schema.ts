/** JSON Schemas of the endpoints' zod schemas, with their words, and examples made of the fields' own examples. */
import * as z from 'zod/mini'

export interface JsonSchema {
  type?: string | string[]
  description?: string
  examples?: unknown[]
  properties?: Record<string, JsonSchema>
  required?: string[]
  items?: JsonSchema
  anyOf?: JsonSchema[]
  enum?: unknown[]
  const?: unknown
  default?: unknown
  pattern?: string
  format?: string
  minLength?: number
  maxLength?: number
  minimum?: number
  maximum?: number
  additionalProperties?: boolean | JsonSchema
  $ref?: string
  /** Of our own, from `amountIn`: replaces what the validator takes. */
  documented?: JsonSchema
  $schema?: string
}

export function jsonSchemaOf(schema: z.ZodMiniType, io: 'input' | 'output'): JsonSchema {
  const json = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    // zod drops the examples of a field whose text becomes a number; ours show what is sent.
    override: ({ zodSchema, jsonSchema }) => {
      const { examples } = (z.globalRegistry.get(zodSchema) ?? {}) as { examples?: unknown[] }
      if (examples) jsonSchema.examples = examples
    },
  }) as JsonSchema
  delete json.$schema
  walk(json, (node) => {
    if (node.documented) {
      for (const keyword of ['type', 'anyOf', 'pattern', 'maxLength'] as const) delete node[keyword]
      Object.assign(node, node.documented)
      delete node.documented
    }
    wholeNumbers(node)
    // Answers may get more members: a client must not refuse them.
    if (io === 'output' && node.additionalProperties === false) delete node.additionalProperties
  })
  return json
}

/** No number of this API has a fraction: amounts are text. Generated clients would make 32-bit floats of `number`. */
function wholeNumbers(node: JsonSchema): void {
  if (![node.type].flat().includes('number')) return
  node.type = Array.isArray(node.type)
    ? node.type.map((type) => (type === 'number' ? 'integer' : type))
    : 'integer'
  node.format = 'int64'
}

export function walk(node: JsonSchema, visit: (node: JsonSchema) => void): void {
  visit(node)
  const inner = [...Object.values(node.properties ?? {}), ...(node.anyOf ?? [])]
  if (node.items) inner.push(node.items)
  if (typeof node.additionalProperties === 'object') inner.push(node.additionalProperties)
  for (const child of inner) walk(child, visit)
}

/** A whole value out of the examples of its fields. @throws where a field has none: nothing is made up */
export function exampleOf(schema: JsonSchema): unknown {
  if (schema.examples && schema.examples.length > 0) return schema.examples[0]
  if ('const' in schema) return schema.const
  if (schema.enum) return schema.enum[0]
  if (schema.properties) {
    return Object.fromEntries(
      Object.entries(schema.properties).map(([name, property]) => [name, exampleOf(property)]),
    )
  }
  if (schema.items) return [exampleOf(schema.items)]
  if (schema.anyOf?.[0]) return exampleOf(schema.anyOf[0])
  if (schema.default !== undefined) return schema.default
  if (schema.type === 'null') return null
  if (schema.type === 'object') return {}
  throw new Error(`a field has no example: ${schema.description ?? JSON.stringify(schema)}`)
}
