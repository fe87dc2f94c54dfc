/** Schemas as tables: one row for each field. */
import type { Parameter, Schema } from './document.ts'
import { el, json, plain, prose } from './element.ts'

function typeName(schema: Schema): string {
  if (schema.enum) return schema.enum.map(String).join(' | ')
  if ('const' in schema) return json(schema.const)
  if (schema.anyOf) return [...new Set(schema.anyOf.map(typeName))].join(' | ')
  if (schema.type === 'array') return `${schema.items ? typeName(schema.items) : ''}[]`
  return [schema.type ?? 'any'].flat().join(' | ')
}

/** Every field with its path, nested ones too. */
export function fieldRows(schema: Schema, prefix = ''): HTMLElement[] {
  const inner = schema.type === 'array' ? schema.items : schema
  return Object.entries(inner?.properties ?? {}).flatMap(([name, field]) => {
    const isRequired = inner?.required?.includes(name) ?? false
    const example = field.examples?.[0]
    const shown =
      example !== undefined && typeof example !== 'object' ? el('code', {}, plain(example)) : undefined
    const path = prefix + name
    const row = el(
      'tr',
      {},
      el(
        'td',
        {},
        el('code', {}, path),
        isRequired ? el('span', { class: 'need', title: 'required' }, ' *') : '',
      ),
      el('td', { class: 'type' }, typeName(field)),
      el('td', {}, prose(field.description ?? ''), shown ? ', e.g. ' : '', shown),
    )
    return [row, ...fieldRows(field, `${path}${field.type === 'array' ? '[]' : ''}.`)]
  })
}

export function fieldTable(title: string, rows: HTMLElement[]): HTMLElement | undefined {
  if (rows.length === 0) return undefined
  const table = el('div', { class: 'scroll' }, el('table', {}, el('tbody', {}, ...rows)))
  return el('div', {}, el('h3', {}, title), table)
}

export function parameterRows(parameters: Parameter[]): HTMLElement[] {
  const properties = Object.fromEntries(
    parameters.map(({ name, in: where, description, schema }) => [
      name,
      { ...schema, description: `${description} (${where})` },
    ]),
  )
  return fieldRows({ properties, required: parameters.filter((p) => p.required).map((p) => p.name) })
}
