/**
 * How a function reaches Postgres: Drizzle over Neon's HTTP protocol, one round trip a call, no connection kept. One
 * statement is one transaction. There is no other door.
 *
 * A verb's refusal comes back with its name as the message of a SQLSTATE of its own and is thrown as `LedgerRefusal`;
 * everything else is a `DatabaseError`, whose `outcome` says whether the statement can have taken effect.
 */
import { neon, neonConfig, type NeonQueryFunction } from '@neondatabase/serverless'
import type { SQL } from 'drizzle-orm'
import { drizzle, type NeonHttpDatabase } from 'drizzle-orm/neon-http'
import { DatabaseError, LedgerRefusal, OwnError, REFUSALS, REFUSED } from './errors.ts'
import { askFront, FrontError } from './front.ts'
import { VERB_RETRIES_MAX } from './limits.ts'
import { isBusy, isSqlstate, outcomeOf, type Failure } from './outcome.ts'
import { gated, type SessionRef } from './session-gate.ts'
import { Turns } from './turns.ts'

export type Client = NeonQueryFunction<false, true>

export interface Database {
  readonly client: Client
  /** The turns of this isolate at this database. */
  readonly turns: Turns
  readonly timeoutMs: number
  /** Milliseconds spent waiting for Postgres, and round trips made, by this request. */
  readonly spent: { ms: number; roundTrips: number }
  /** The caller's session: each statement is refused once it has ended. */
  session?: SessionRef | undefined
}

/** The same database for what must go on although the session may have ended: giving back, or ending it. */
export const ungated = ({ session: _session, ...db }: Database): Database => db

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

const RETRYABLE = new Set(['40001', '40P01'])

const { fetchEndpoint: neonEndpoint } = neonConfig
/**
 * A loopback host means the local proxy, which speaks plain HTTP on the port of the connection string. Where Neon answers
 * for a host the driver knows.
 */
neonConfig.fetchEndpoint = (host, port, options) => {
  if (host === '127.0.0.1' || host === 'localhost') return `http://${host}:${port}/sql`
  return typeof neonEndpoint === 'function' ? neonEndpoint(host, port, options) : neonEndpoint
}

neonConfig.fetchFunction = askFront

/** One client a connection string and isolate: the HTTP driver keeps no socket, so requests may share it. */
const clients = new Map<string, Omit<Database, 'spent'>>()

export function connect(databaseUrl: string, timeoutMs: number): Database {
  let known = clients.get(databaseUrl)
  if (!known) {
    const client = withTimeout(neon(databaseUrl, { fullResults: true }), timeoutMs)
    known = { client, turns: new Turns(), timeoutMs }
    clients.set(databaseUrl, known)
  }
  return { ...known, spent: { ms: 0, roundTrips: 0 } }
}

/** No call may wait for ever, and the driver sets no limit. */
function withTimeout(client: Client, timeoutMs: number): Client {
  const query = client.query.bind(client)
  const limited = (text: string, values?: unknown[], options?: object) =>
    query(text, values, { ...options, fetchOptions: { signal: AbortSignal.timeout(timeoutMs) } })
  return Object.assign(client, { query: limited as Client['query'] })
}

/** Runs one statement of Drizzle's, timed, with its error sorted. */
export async function run<T>(
  db: Database,
  statement: (query: NeonHttpDatabase) => PromiseLike<T>,
): Promise<T> {
  const startedAt = Date.now()
  try {
    return await db.turns.take(db.timeoutMs, async () => await statement(queryOf(db)))
  } catch (error) {
    throw sorted(error)
  } finally {
    db.spent.ms += Date.now() - startedAt
    db.spent.roundTrips += 1
  }
}

/** Of the clients that live as long as the isolate; one that carries a session lives as long as its call. */
const doors = new WeakMap<Client, NeonHttpDatabase>()

function queryOf({ client, session }: Database): NeonHttpDatabase {
  if (session) {
    const query = async (text: string, values: unknown[] = [], options?: object) =>
      await client.query(...gated(text, values, session), options)
    // Whatever else a client can do would pass the gate by.
    return drizzle({ query } as unknown as Client)
  }
  const known = doors.get(client) ?? drizzle(client)
  doors.set(client, known)
  return known
}

/** Runs one statement; its rows come as the driver reads them: bigint, numeric and times are text. */
export async function execute<Row>(db: Database, statement: SQL): Promise<Row[]> {
  const { rows } = await run(db, (query) => query.execute(statement))
  return rows as Row[]
}

/**
 * Calls a verb: `select ledger.verb(…) as result`. Only conflicts that Postgres rolled back are tried again, a few
 * times; a call without an answer is never repeated here, since it may have moved money.
 */
export async function callVerb<Result>(db: Database, statement: SQL): Promise<Result> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      const [row] = await execute<{ result: Result }>(db, statement)
      if (!row) throw new OwnError('the verb returned no row')
      return row.result
    } catch (error) {
      const again = error instanceof DatabaseError && RETRYABLE.has(error.sqlstate ?? '')
      if (!again || attempt > VERB_RETRIES_MAX) throw error
    }
  }
}

/** Drizzle and the driver wrap errors: the first that says something is the one that counts. */
function sorted(error: unknown): Error {
  if (error instanceof DatabaseError) return error
  const { detail, ...failure } = failureOf(error)
  const { sqlstate } = failure
  const refusal = sqlstate === REFUSED ? REFUSALS.find((name) => name === failure.said) : undefined
  if (refusal) return new LedgerRefusal(refusal, typeof detail === 'string' ? detail : undefined)
  // numeric_value_out_of_range: the balance would outgrow numeric(38,18).
  if (sqlstate === '22003') return new LedgerRefusal('invalid_amount', undefined)
  return new DatabaseError(outcomeOf(failure), isBusy(sqlstate), sqlstate, error)
}

function failureOf(error: unknown): Failure & { detail?: unknown } {
  for (let cause = error; cause instanceof Error;) {
    if (cause instanceof FrontError) return cause.failure
    const { code, detail, sourceError } = cause as { code?: unknown; detail?: unknown; sourceError?: unknown }
    if (isSqlstate(code)) return { sqlstate: code, said: cause.message, detail }
    cause = cause.cause ?? sourceError
  }
  return {}
}
