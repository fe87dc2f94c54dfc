/** Validates what a caller sent by its schema. */
import * as z from 'zod/mini'
import { ApiError } from '../errors.ts'
import { NAMED_LENGTH_MAX, NAMED_MAX } from '../limits.ts'
import { isStorable } from './storable-text.ts'

/** @throws ApiError INVALID_REQUEST naming the field and what was expected of it */
export function checked(schema: z.ZodMiniType, value: unknown, where: 'body' | 'query' | 'path'): unknown {
  if (!isStorable(value))
    throw new ApiError('INVALID_REQUEST', `${where}: text may not hold U+0000 or half a surrogate pair`)
  const result = z.safeParse(schema, value)
  if (result.success) return result.data
  throw new ApiError('INVALID_REQUEST', `${where}: ${describeIssue(result.error.issues[0])}`)
}

/** A repeated or unknown filter is refused, not ignored: a filter that does nothing shows the wrong money. */
export function queryOf(url: string): Record<string, string> {
  const given = new Map<string, string>()
  for (const [name, value] of new URL(url).searchParams) {
    if (given.has(name))
      throw new ApiError(
        'INVALID_REQUEST',
        `query: ${name.slice(0, NAMED_LENGTH_MAX)} may be given only once`,
      )
    given.set(name, value)
  }
  // Not by assignment: a filter named __proto__ would vanish instead of being refused.
  return Object.fromEntries(given)
}

/** Names the field and what was expected of it; never repeats the value. */
function describeIssue(issue: z.core.$ZodIssue | undefined): string {
  if (!issue) return 'not valid'
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys')
    return `unknown field ${issue.keys
      .slice(0, NAMED_MAX)
      .map((key) => JSON.stringify(key.slice(0, NAMED_LENGTH_MAX)))
      .join(', ')}`
  if (issue.code === 'invalid_type') return `${path} must be a ${issue.expected}`
  return `${path} is not valid${issue.message && issue.message !== 'Invalid input' ? `: ${issue.message}` : ''}`
}
