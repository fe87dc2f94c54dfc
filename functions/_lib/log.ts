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

/** What went wrong behind an answer that told nothing. Names and codes only: messages can quote values. */
export function logFailure(requestId: string, error: unknown): void {
  const causes: { name: string; code?: string; message?: string }[] = []
  for (let cause: unknown = error; cause instanceof Error && causes.length < 6; cause = cause.cause) {
    const { code } = cause as { code?: unknown }
    causes.push({
      name: cause.name,
      ...(typeof code === 'string' ? { code } : {}),
      // A query's error repeats its parameters; a broken environment or a bug does not.
      ...('query' in cause || 'params' in cause ? {} : { message: redacted(cause.message) }),
    })
  }
  console.error(JSON.stringify({ level: 'error', request_id: requestId, causes }))
}

const LOGGED_LENGTH_MAX = 500

/** Whatever stands between blanks and is long, or is an address of something, may open something. */
export function redacted(text: string): string {
  // Cut before it is looked at. What the cut left of the last word is no longer known for what it is.
  const kept = text.length > LOGGED_LENGTH_MAX ? `${text.slice(0, LOGGED_LENGTH_MAX)}[cut]` : text
  return kept
    .split(/\s/)
    .map((word) => (word.length > 24 || word.includes('://') || word.endsWith('[cut]') ? '[redacted]' : word))
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
