import type { Context } from 'hono'
import {
  REQUEST_ID_LENGTH_MAX,
  REQUEST_ID_MIXED_CASE_LENGTH_MAX,
  REQUEST_ID_WORD_LENGTH_MAX,
} from '../limits.ts'

const PLAIN = /^[\w=-]+$/

/**
 * Keeps the caller's `X-Request-Id`, so that both sides' logs speak of one thing; makes one where there is none, or where
 * what came may be a key that somebody put into the wrong header: it would stand in every log from here on.
 */
export async function identified(
  c: Context<{ Variables: { requestId: string } }>,
  next: () => Promise<void>,
): Promise<void> {
  const given = c.req.header('X-Request-Id')
  const id = given !== undefined && isPlainRequestId(given) ? given : crypto.randomUUID()
  c.set('requestId', id)
  c.header('X-Request-Id', id)
  await next()
}

export function isPlainRequestId(text: string): boolean {
  if (text.length > REQUEST_ID_LENGTH_MAX || !PLAIN.test(text)) return false
  if (text.split(/[_=-]/).some((word) => word.length > REQUEST_ID_WORD_LENGTH_MAX)) return false
  return (
    text.length <= REQUEST_ID_MIXED_CASE_LENGTH_MAX ||
    text === text.toLowerCase() ||
    text === text.toUpperCase()
  )
}
