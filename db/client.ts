/**
 * How a function reaches Postgres: Drizzle over Neon's HTTP protocol, one round trip a call, no connection kept.
 *
 * A verb's refusal comes back as a SQLSTATE of class TG and is thrown as `LedgerRefusal`; everything else is a
 * `DatabaseError`, whose `outcome` says whether the statement can have taken effect.
 */
import { neon, neonConfig } from '@neondatabase/serverless'
import type { SQL } from 'drizzle-orm'
import { drizzle, type NeonHttpDatabase } from 'drizzle-orm/neon-http'

/** SQLSTATE → why the ledger refused. `db/ledger/*.sql` raises these. */
export const REFUSALS = {
  TG001: 'unsupported_token',
  TG002: 'invalid_amount',
  TG003: 'amount_not_positive',
  TG004: 'insufficient_balance',
  TG005: 'idempotency_key_reused',
  TG006: 'request_in_progress',
  TG007: 'invalid_direction',
  TG010: 'withdrawals_paused',
  TG011: 'withdrawal_in_progress',
  TG012: 'below_minimum',
  TG013: 'reservation_gone',
  TG014: 'invalid_recipient',
  TG015: 'unsupported_account',
  TG020: 'invalid_relationship',
  TG021: 'agent_not_authorized',
  TG022: 'duplicate_idempotency_key',
  TG023: 'duplicate_signature',
  TG024: 'limit_reached',
  TG025: 'already_exists',
  TG026: 'main_is_subaccount',
  TG027: 'sub_is_subaccount',
  TG028: 'account_in_use',
  TG029: 'agent_bound_elsewhere',
  TG030: 'not_found',
} as const
export type Refusal = (typeof REFUSALS)[keyof typeof REFUSALS]

export class LedgerRefusal extends Error {
  constructor(
    readonly reason: Refusal,
    /** Data of the refusal (a minimum, an earlier transfer as JSON), when it has any. */
    readonly detail: string | undefined,
  ) {
    super(reason)
  }
}

export class DatabaseError extends Error {
  constructor(
    /** `rolled_back`: Postgres said so. `unknown`: no answer came, so it may have been committed. */
    readonly outcome: 'rolled_back' | 'unknown',
    /** True where waiting for a lock or a conflict was the cause: the same call may succeed at once. */
    readonly busy: boolean,
    readonly sqlstate: string | undefined,
    cause: unknown,
  ) {
    super(`database error ${sqlstate ?? 'without an answer'}`, { cause })
  }
}

export interface Database {
  readonly query: NeonHttpDatabase
  /** Milliseconds spent waiting for Postgres, and round trips made, by this request. */
  readonly spent: { ms: number; roundTrips: number }
}

/** A spot balance after a committed change, as the stream sends it. */
export interface Push {
  account: string
  token: string
  available: string
  frozen: string
  version: number
  ts: number
}

export interface VerbResult<Answer> {
  answer: Answer
  /** True when an idempotency key brought back the first answer and nothing moved. */
  replayed: boolean
  pushes: Push[]
}

const RETRIES_MAX = 3
const RETRYABLE = new Set(['40001', '40P01'])
const BUSY = new Set(['40001', '40P01', '55P03', '57014', '53300'])

/** A loopback host means the local proxy, which speaks plain HTTP on the port of the connection string. */
neonConfig.fetchEndpoint = (host, port) =>
  host === '127.0.0.1' || host === 'localhost' ? `http://${host}:${port}/sql` : `https://${host}/sql`

/** One client a connection string and isolate: the HTTP driver keeps no socket, so requests may share it. */
const clients = new Map<string, NeonHttpDatabase>()

/** The driver has one fetch for all clients: each call's connection string says how long it may take. */
const timeoutsMs = new Map<string, number>()
neonConfig.fetchFunction = (url: string, init: RequestInit) => {
  const timeoutMs = timeoutsMs.get(new Headers(init.headers).get('Neon-Connection-String') ?? '')
  return fetch(url, timeoutMs === undefined ? init : { ...init, signal: AbortSignal.timeout(timeoutMs) })
}

export function connect(databaseUrl: string, timeoutMs: number): Database {
  let query = clients.get(databaseUrl)
  if (!query) {
    timeoutsMs.set(databaseUrl, timeoutMs)
    query = drizzle(neon(databaseUrl))
    clients.set(databaseUrl, query)
  }
  return { query, spent: { ms: 0, roundTrips: 0 } }
}

/** Runs one read or write, timed, with its error sorted. */
export async function run<T>(
  db: Database,
  statement: (query: NeonHttpDatabase) => PromiseLike<T>,
): Promise<T> {
  const startedAt = Date.now()
  try {
    return await statement(db.query)
  } catch (error) {
    throw sorted(error)
  } finally {
    db.spent.ms += Date.now() - startedAt
    db.spent.roundTrips += 1
  }
}

/**
 * Calls a verb: `select ledger.verb(…) as result`. Only conflicts that Postgres rolled back are tried again, a few
 * times; a call without an answer is never repeated here, since it may have moved money.
 */
export async function callVerb<Result>(db: Database, statement: SQL): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const { rows } = await run(db, (query) => query.execute<{ result: Result }>(statement))
      const row = rows[0]
      if (!row) throw new Error('the verb returned no row')
      return row.result
    } catch (error) {
      const again = error instanceof DatabaseError && RETRYABLE.has(error.sqlstate ?? '')
      if (!again || attempt > RETRIES_MAX) throw error
    }
  }
}

interface PostgresFields {
  code?: unknown
  detail?: unknown
}

/** drizzle wraps driver errors: the SQLSTATE is in the first cause that has one. */
function sorted(error: unknown): Error {
  let cause: unknown = error
  while (cause instanceof Error && !isSqlstate((cause as PostgresFields).code)) cause = cause.cause
  const fields = (cause ?? {}) as PostgresFields
  const sqlstate = isSqlstate(fields.code) ? fields.code : undefined
  const refusal = sqlstate ? (REFUSALS as Record<string, Refusal | undefined>)[sqlstate] : undefined
  if (refusal)
    return new LedgerRefusal(refusal, typeof fields.detail === 'string' ? fields.detail : undefined)
  // numeric_value_out_of_range: the balance would outgrow numeric(38,18).
  if (sqlstate === '22003') return new LedgerRefusal('invalid_amount', undefined)
  // Class 08 (connection) and 57P (shutdown) can hit after the commit: only a plain SQL error proves a rollback.
  const known = sqlstate !== undefined && !/^(08|57P|XX)/.test(sqlstate)
  return new DatabaseError(known ? 'rolled_back' : 'unknown', BUSY.has(sqlstate ?? ''), sqlstate, error)
}

const isSqlstate = (code: unknown): code is string => typeof code === 'string' && /^[0-9A-Z]{5}$/.test(code)
