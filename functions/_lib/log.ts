import { OwnError } from '../../db/errors.ts'
import {
  LOGGED_CAUSES_MAX,
  LOGGED_FRAMES_MAX,
  LOGGED_LENGTH_MAX,
  LOGGED_STACK_LENGTH_MAX,
  LOGGED_WORD_LENGTH_MAX,
} from './limits.ts'

/** One JSON line a request. Never a token, signature, key, body or connection string. */
export interface RequestLog {
  request_id: string
  function: string
  method: string
  path: string
  status: number
  /** `ok` or the error code that was answered. */
  outcome: string
  account: string | null
  ms: number
  db_ms: number
  db_round_trips: number
}

export function logRequest(line: RequestLog): void {
  console.log(JSON.stringify(line))
}

interface Cause {
  name: string
  code?: string
  message?: string
  /** Where in our bundle it was thrown. */
  at?: string[]
}

const ERROR_NAME = /^[A-Za-z$_]{1,64}$/
/** A word (`ECONNRESET`) or a SQLSTATE. */
const ERROR_CODE = /^(?:[A-Z_]{2,64}|[0-9A-Z]{5})$/
const FRAME = /^ {4}at [\w$.<> ]{0,80}\(?[\w./:@-]{1,200}:\d{1,7}:\d{1,7}\)?$/
/** What libraries and the runtime say that quotes nothing, word for word. All else they say may hold a secret. */
const SAFE_MESSAGES = new Set([
  'Network connection lost.',
  'The operation was aborted due to timeout',
  'The operation was aborted',
  'This operation was aborted',
  'fetch failed',
  'Too many subrequests.',
])

/**
 * What went wrong behind an answer that told nothing: the names, codes and places of an error and its causes. A message
 * stands there when we wrote it ourselves or know every word of it.
 */
export function logFailure(requestId: string, error: unknown): void {
  const causes: Cause[] = []
  for (let cause = error; cause instanceof Error && causes.length < LOGGED_CAUSES_MAX; cause = cause.cause)
    causes.push(shown(cause))
  console.error(JSON.stringify({ level: 'error', request_id: requestId, causes }))
}

function shown(cause: Error): Cause {
  const { name, message } = cause
  const { code } = cause as { code?: unknown }
  const isOwn = cause instanceof OwnError
  return {
    name: ERROR_NAME.test(name) ? name : 'Error',
    ...(typeof code === 'string' && ERROR_CODE.test(code) ? { code } : {}),
    ...(isOwn ? { message: redacted(message) } : SAFE_MESSAGES.has(message) ? { message } : {}),
    ...(isOwn ? {} : { at: framesOf(cause) }),
  }
}

/** Below the message, which may hold lines that look like a place. */
function framesOf({ name, message, stack = '' }: Error): string[] {
  const head = message === '' ? name : `${name}: ${message}`
  if (!stack.startsWith(head)) return []
  const frames = stack.slice(head.length, head.length + LOGGED_STACK_LENGTH_MAX).split('\n')
  return frames
    .filter((line) => FRAME.test(line))
    .slice(0, LOGGED_FRAMES_MAX)
    .map((line) => line.trim())
}

/** A second belt: whatever stands between blanks and is long, or is an address of something, may open something. */
export function redacted(text: string): string {
  // Cut before it is looked at. What the cut left of the last word is no longer known for what it is.
  const kept = text.length > LOGGED_LENGTH_MAX ? `${text.slice(0, LOGGED_LENGTH_MAX)}[cut]` : text
  return kept
    .split(/\s/)
    .map((word) =>
      word.length > LOGGED_WORD_LENGTH_MAX || word.includes('@') || word.endsWith('[cut]')
        ? '[redacted]'
        : word,
    )
    .join(' ')
}

/** A short word, an id or an EVM account. A key or a token that ends in a path by mistake is none of them. */
const PLAIN_SEGMENT = /^(?:[\w.~-]{0,24}|[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|0x[0-9a-f]{40})$/i

/** A path, as far as it may stand in a log. */
export function loggedPath(path: string): string {
  const isLong = path.length > LOGGED_LENGTH_MAX
  // Cut between segments: half a key is no key by its form.
  const kept = isLong ? path.slice(0, path.lastIndexOf('/', LOGGED_LENGTH_MAX)) : path
  const segments = kept.split('/').map((segment) => (PLAIN_SEGMENT.test(segment) ? segment : '[redacted]'))
  return segments.join('/') + (isLong ? '/[cut]' : '')
}
