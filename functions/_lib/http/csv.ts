/** Lists as CSV (RFC 4180), for whoever keeps books in a spreadsheet. */

/** Whether a caller asks for CSV by name: `*` and anything else get JSON. */
export const wantsCsv = (accept: string | undefined): boolean =>
  (accept ?? '').split(',').some((part) => {
    const [type = '', ...parameters] = part.split(';').map((text) => text.trim().toLowerCase())
    return type === 'text/csv' && !parameters.some((parameter) => /^q=0(?:\.0{0,3})?$/.test(parameter))
  })

/**
 * A line of names, then one for each item. What an item has not got, or has as null, is an empty cell; a nested object is
 * its JSON. A name with a point reads a member of a nested one.
 */
export function csvOf(columns: readonly string[], items: readonly object[]): string {
  const lines = items.map((item) => columns.map((name) => cell(valueAt(item, name.split('.')))))
  return [columns.map((name) => cell(name.replace('.', '_'))), ...lines]
    .map((cells) => cells.join(',') + '\r\n')
    .join('')
}

const valueAt = (item: unknown, [name = '', ...rest]: string[]): unknown => {
  const value = (item as Record<string, unknown> | null)?.[name]
  return rest.length === 0 ? value : valueAt(value ?? null, rest)
}

function cell(value: unknown): string {
  if (value === null || value === undefined) return ''
  const text = typeof value === 'string' ? value : JSON.stringify(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
