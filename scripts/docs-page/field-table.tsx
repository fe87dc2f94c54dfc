/** Schemas as tables: one row for each field. */
import type { Parameter, Schema } from './document.ts'
import { json, plain, Prose } from './prose.tsx'

interface Field {
  path: string
  schema: Schema
  isRequired: boolean
}

const typesOf = (schema: Schema): string[] => {
  if (schema.enum) return schema.enum.map(String)
  if ('const' in schema) return [json(schema.const)]
  if (schema.anyOf) return [...new Set(schema.anyOf.flatMap(typesOf))]
  if (schema.type === 'array') return [`${schema.items ? typesOf(schema.items).join(' | ') : ''}[]`]
  return [schema.type ?? 'any'].flat()
}

/** Every field with its path, nested ones too. */
export function fieldsOf(schema: Schema, prefix = ''): Field[] {
  const inner = schema.type === 'array' ? schema.items : schema
  return Object.entries(inner?.properties ?? {}).flatMap(([name, field]) => {
    const path = prefix + name
    const isRequired = inner?.required?.includes(name) ?? false
    return [
      { path, schema: field, isRequired },
      ...fieldsOf(field, `${path}${field.type === 'array' ? '[]' : ''}.`),
    ]
  })
}

export const parameterFields = (parameters: Parameter[]): Field[] =>
  parameters.map(({ name, in: where, description, schema, required }) => ({
    path: name,
    schema: { ...schema, description: `${description} (${where})` },
    isRequired: required,
  }))

export function FieldTable({ title, fields }: { title: string; fields: Field[] }) {
  if (fields.length === 0) return null
  return (
    <div>
      <h3>{title}</h3>
      <table>
        <tbody>
          {fields.map(({ path, schema, isRequired }) => (
            <tr key={path}>
              <td>
                <code>{path}</code>
                {isRequired && (
                  <span class="need" title="required">
                    {' '}
                    *
                  </span>
                )}
              </td>
              {/* Each choice is a word of its own, so that a long list of them wraps. */}
              <td class="type">{typesOf(schema).join(' | ')}</td>
              <td>
                <Prose text={schema.description ?? ''} />
                <Example schema={schema} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  )
}

function Example({ schema }: { schema: Schema }) {
  const example = schema.examples?.[0]
  if (example === undefined || typeof example === 'object') return null
  return (
    <>
      , e.g. <code>{plain(example)}</code>
    </>
  )
}
