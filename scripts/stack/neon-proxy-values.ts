import type pg from 'pg'

/** Keeps every value as the text Postgres sent: a number type would round a balance. */
export const RAW_TEXT = { getTypeParser: () => (text: string) => text } as unknown as pg.CustomTypesConfig

/** JSON parameters as Postgres text, the way Neon writes them. */
export function neonParams(params: unknown[]): (string | null)[] {
  return params.map((value) => {
    if (value === null) return null
    if (typeof value === 'string') return value
    return Array.isArray(value) ? arrayLiteral(value) : JSON.stringify(value)
  })
}

function arrayLiteral(values: unknown[]): string {
  const elements = values.map((value) => {
    if (value === null) return 'NULL'
    if (Array.isArray(value)) return arrayLiteral(value)
    return JSON.stringify(typeof value === 'object' ? JSON.stringify(value) : value)
  })
  return `{${elements.join(',')}}`
}

const BOOL = 16
const INTEGERS = [21, 23]
const FLOATS = [700, 701]
const JSONS = [114, 3802]

/**
 * A value as JSON for a caller that did not ask for raw text. The driver always asks for it, so arrays,
 * which Neon would nest here, stay text.
 */
export function neonValue(text: string | null, type: number): unknown {
  if (text === null) return null
  if (type === BOOL) return text === 't'
  if (INTEGERS.includes(type)) return Number(text)
  if (FLOATS.includes(type)) return Number.isFinite(Number(text)) ? Number(text) : text
  if (JSONS.includes(type)) return JSON.parse(text) as unknown
  return text
}
