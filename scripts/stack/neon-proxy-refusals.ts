/**
 * How Neon's front fails a request, in its own statuses and words: most of it is decided before any SQL, and the status
 * does not tell which.
 */
import type { Answer } from './neon-proxy-sql.ts'

const said = (status: number, message: string, code = '', severity = ''): Answer => ({
  status,
  body: { message, code, severity, detail: null, hint: null },
})
const CONTROL_PLANE = 'Control plane request failed'

/** Nothing of the request reached Postgres. */
export const BEFORE_SQL = {
  rateLimited: said(429, 'Too many requests'),
  endpointDisabled: said(500, `${CONTROL_PLANE}: endpoint is disabled`),
  endpointDisabledByOwner: said(400, 'The endpoint has been disabled. Enable it using Neon API and retry.'),
  endpointMissing: said(400, `${CONTROL_PLANE}: endpoint cannot be found`),
  endpointUnavailable: said(
    500,
    `${CONTROL_PLANE}: endpoint is temporarily unavailable. Check your quotas and/or contact our support.`,
  ),
  quotaExceeded: said(
    402,
    'Your account or project has exceeded the compute time quota. Upgrade your plan to increase limits.',
  ),
  transferQuotaExceeded: said(
    500,
    'Your project has exceeded the data transfer quota. Upgrade your plan to increase limits.',
  ),
  noPermit: said(
    500,
    'Failed to acquire permit to connect to the database. Too many database connection attempts are currently ongoing.',
  ),
  computeUnreachable: said(500, "Couldn't connect to compute node"),
  wrongPassword: said(400, "password authentication failed for user 'tidegate'", '28P01', 'FATAL'),
  startingUp: said(500, 'the database system is starting up', '57P03', 'FATAL'),
  slotsTaken: said(500, 'sorry, too many clients already', '53300', 'FATAL'),
  queueTimeout: said(400, 'query_wait_timeout', '08P01', 'FATAL'),
  shuttingDown: { status: 503, body: { msg: 'Shutting down' } },
  unreached: { status: 521, body: 'error code: 521' },
} satisfies Record<string, Answer>

/** Postgres ran it to its end, and this came in place of the answer. */
export const AFTER_SQL = {
  answerTooLarge: said(507, 'response is too large (max is 67108864 bytes)'),
  answerUnreadable: said(500, 'could not parse postgres response'),
  cancelled: said(400, 'Query cancelled, connection was terminated', '08P01'),
  connectionClosed: said(400, 'connection closed'),
  shutDownAfterwards: said(400, 'terminating connection due to administrator command', '57P01', 'FATAL'),
  badGateway: { status: 502, body: '<html><h1>502 Bad Gateway</h1></html>' },
  gatewayTimeout: { status: 504, body: '<html><h1>504 Gateway Time-out</h1></html>' },
} satisfies Record<string, Answer>

const names = <T extends object>(table: T) => Object.keys(table) as [keyof T & string]
export const BEFORE_SQL_KINDS = names(BEFORE_SQL)
export const AFTER_SQL_KINDS = names(AFTER_SQL)

export const refusalBefore = (kind: string | undefined): Answer | undefined =>
  (BEFORE_SQL as Record<string, Answer>)[kind ?? '']
export const failureAfter = (kind: string | undefined): Answer | undefined =>
  (AFTER_SQL as Record<string, Answer>)[kind ?? '']

/** The pooler's goodbye to a statement that waited too long for a connection. */
export const queueTimeout: Answer = BEFORE_SQL.queueTimeout
