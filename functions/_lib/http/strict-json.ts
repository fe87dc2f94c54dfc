/**
 * JSON without its traps. Refused are: a member that is named twice (JSON.parse keeps the last, while a proxy, a signer or
 * a log may have read the first), deep nesting (whoever walks the value recurses), and thousands of values in one body.
 */
import { JSON_DEPTH_MAX, JSON_VALUES_MAX } from '../limits.ts'

export class StrictJsonError extends Error {}

const QUOTE = 0x22
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const BACKSLASH = 0x5c
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/**
 * What JSON.parse gives, or an error where it would throw, where an object names a member twice, or where values are
 * nested deeper or are more than the limit.
 *
 * @throws StrictJsonError that says which of these, and never repeats the text
 */
export function parseStrictJson(text: string): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new StrictJsonError('the body is not valid JSON')
  }
  checkMembers(text)
  return value
}

/** Walks text that JSON.parse took, so only strings, brackets and commas need a look. */
function checkMembers(text: string): void {
  // One place a level: the names so far of an object, or null for a list.
  const levels: (Set<string> | null)[] = []
  let names: Set<string> | null = null
  let nameFollows = false
  let values = 1
  for (let at = 0; at < text.length; at += 1) {
    const code = text.charCodeAt(at)
    if (code === COMMA || code === OPEN_OBJECT || code === OPEN_LIST) values += 1
    if (values > JSON_VALUES_MAX)
      throw new StrictJsonError(`the body has more than ${JSON_VALUES_MAX} values`)
    if (code === QUOTE) {
      const end = endOfString(text, at)
      if (nameFollows && names) {
        addName(names, text.slice(at + 1, end))
        nameFollows = false
      }
      at = end
    } else if (code === OPEN_OBJECT || code === OPEN_LIST) {
      if (levels.length === JSON_DEPTH_MAX)
        throw new StrictJsonError(`the body is nested deeper than ${JSON_DEPTH_MAX} levels`)
      names = code === OPEN_OBJECT ? new Set() : null
      levels.push(names)
      nameFollows = names !== null
    } else if (code === CLOSE_OBJECT || code === CLOSE_LIST) {
      levels.pop()
      names = levels.at(-1) ?? null
    } else if (code === COMMA) {
      nameFollows = names !== null
    }
  }
}

/** Index of the closing quote of the string that opens at `from`. */
function endOfString(text: string, from: number): number {
  for (let at = from + 1; ; at += 1) {
    const code = text.charCodeAt(at)
    if (code === QUOTE) return at
    if (code === BACKSLASH) at += 1
  }
}

/** Names are compared as they read, not as they are written: `"a"` and `"\u0061"` are one name. */
function addName(names: Set<string>, written: string): void {
  const name = written.includes('\\') ? (JSON.parse(`"${written}"`) as string) : written
  if (names.has(name)) throw new StrictJsonError('the body names a member twice')
  names.add(name)
}
