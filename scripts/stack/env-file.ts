/**
 * `NAME=value` lines as wrangler reads them: it takes off quotes, and then puts in variables for `$`, also between single
 * quotes. A value must come out as it went in: a password has any character.
 * @throws Error naming a variable whose value cannot be written
 */
export const envFileText = (env: Record<string, string>): string =>
  Object.entries(env)
    .map(([name, value]) => `${name}=${quoted(name, value)}`)
    .join('\n')

function quoted(name: string, value: string): string {
  // Between double quotes `\n` would be a new line; before a closing quote `\` would hide it.
  const quote = ["'", '`', '"'].find(
    (mark) => !value.includes(mark) && !value.endsWith('\\') && !(mark === '"' && value.includes('\\')),
  )
  const text = value.replaceAll('$', '\\$')
  if (value.includes('\r')) throw new Error(`${name}: a carriage return cannot be passed to the functions`)
  if (quote !== undefined) return quote + text + quote
  if (/^[^'"`#\s]([^#\n]*[^#\s])?$/.test(text)) return text
  throw new Error(`${name}: with all kinds of quotes, or a \\ at its end, this value cannot be passed`)
}
