/**
 * Whether a statement that failed can have taken effect. Told by the SQLSTATE where Postgres said one, else by the words of
 * whoever stands in front of it; what proves nothing is unknown.
 */

/**
 * - `not_begun`: it never reached Postgres, or Postgres took no statement of it.
 * - `rolled_back`: Postgres said so.
 * - `unknown`: it may have been committed.
 */
export type Outcome = 'not_begun' | 'rolled_back' | 'unknown'

/** By class, the first two characters (appendix A of the Postgres manual). A class that is not here is unknown. */
const CLASSES: Record<string, Outcome> = {
  // Connection exceptions, shutdowns, disk faults and internal errors can hit after the commit.
  '08': 'unknown',
  '57': 'unknown',
  '58': 'unknown',
  XX: 'unknown',
  // Who may not connect, or to nothing, has run nothing.
  '28': 'not_begun',
  '3D': 'not_begun',
  ...ofAll(
    '03 09 0A 0B 0F 0L 0P 0Z 10 20 21 22 23 24 25 26 27 2B 2D 2F 34 38 39 3B 3F 40 42 44',
    'rolled_back',
  ),
  ...ofAll('53 54 55 72 F0 HV P0', 'rolled_back'),
}

/** What differs from its class. */
const STATES: Record<string, Outcome> = {
  // The server was never reached, or did not take the connection: refused, starting up, or full.
  '08001': 'not_begun',
  '08004': 'not_begun',
  '57P03': 'not_begun',
  '53300': 'not_begun',
  // Statement completion unknown: its name.
  '40003': 'unknown',
  '57000': 'rolled_back',
  // Cancelled, also by statement_timeout.
  '57014': 'rolled_back',
}

/** Nothing happened and the same call may succeed soon: rows were busy, the server is short of something or is read-only for now. */
const BUSY_CLASSES = /^(?:40|53)/
const BUSY_STATES = new Set(['55P03', '57014', '57P03', '25006'])

/** How the front of the database begins what it says before it has asked Postgres. Its status tells nothing: most are 400 or 500. */
const BEFORE_ANY_SQL = [
  'Control plane request failed',
  'The endpoint has been disabled',
  'The requested endpoint could not be found',
  'You have exceeded the limit of concurrently active endpoints',
  'Your account or project has exceeded',
  'Your project has exceeded',
  'Failed to acquire permit to connect to the database',
  'Too many connections attempts',
  "Couldn't connect to compute node",
  'error connecting to server',
  'pooled connection closed at inconsistent state',
  'password authentication failed',
  'request is too large',
  'could not parse the HTTP request body',
  'invalid connection string',
  'missing authentication credentials',
  'Shutting down',
  // The pooler behind it: the statement waited for a connection and got none.
  'query_wait_timeout',
  'no more connections allowed',
  'server login has been failing',
]

/**
 * Statuses that are no answer of Postgres or its front's 400 and 500: refusals of the front itself, and those Cloudflare
 * makes up for a server that it could not reach (521, 523), shake hands with (525, 526) or find (530).
 */
const REFUSING_STATUSES = new Set([401, 402, 403, 404, 405, 406, 411, 413, 414, 415, 421, 423, 429, 431])
const UNREACHED_STATUSES = new Set([521, 523, 525, 526, 530])

/** Codes of Node's own network errors that come before a byte is sent. workerd has one error for all, which proves nothing. */
const UNSENT = new Set([
  'ECONNREFUSED',
  'ENOTFOUND',
  'EAI_AGAIN',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])

export interface Failure {
  sqlstate?: string | undefined
  /** Status of the front's answer, where it was not 200. */
  status?: number | undefined
  /** What the front said. */
  said?: string | undefined
  /** Code of the network error, when no answer came. */
  code?: string | undefined
}

export function outcomeOf({ sqlstate, status, said = '', code = '' }: Failure): Outcome {
  // The pooler speaks of protocol violations when it gives up a queue.
  const isRefusal = BEFORE_ANY_SQL.some((beginning) => said.startsWith(beginning))
  if (sqlstate !== undefined) {
    if (sqlstate.startsWith('08') && isRefusal) return 'not_begun'
    return STATES[sqlstate] ?? CLASSES[sqlstate.slice(0, 2)] ?? 'unknown'
  }
  if (status === undefined) return UNSENT.has(code) ? 'not_begun' : 'unknown'
  const isBefore = isRefusal || REFUSING_STATUSES.has(status) || UNREACHED_STATUSES.has(status)
  return isBefore ? 'not_begun' : 'unknown'
}

export const isBusy = (sqlstate: string | undefined): boolean =>
  sqlstate !== undefined && (BUSY_CLASSES.test(sqlstate) || BUSY_STATES.has(sqlstate))

function ofAll(names: string, outcome: Outcome): Record<string, Outcome> {
  return Object.fromEntries(names.split(' ').map((name) => [name, outcome]))
}

export const isSqlstate = (code: unknown): code is string =>
  typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)
