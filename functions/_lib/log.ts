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

/** Connection strings, bearer tokens, long hex and base58/base64 runs never reach a log, whoever put them in a message. */
export function redacted(text: string): string {
  return text
    .replace(/[a-z]+:\/\/[^\s@/]+@[^\s]+/gi, '[url]')
    .replace(/\b[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\b/g, '[token]')
    .replace(/\btg_[0-9A-Za-z]{20,}/g, '[key]')
    .replace(/\b(0x)?[A-Za-z0-9+/_-]{50,}={0,2}/g, '[redacted]')
    .slice(0, 500)
}

/** Segment by segment: a whole path would look like one long run of base64. */
export const redactedPath = (path: string): string => path.split('/').map(redacted).join('/').slice(0, 500)
