import type { IncomingHttpHeaders } from 'node:http'
import pg from 'pg'
import { BadConnectionString, QueueTimeout, type Pools } from './neon-proxy-pool.ts'
import { queueTimeout } from './neon-proxy-refusals.ts'
import { neonParams, neonValue, RAW_TEXT } from './neon-proxy-values.ts'

interface Statement {
  text: string
  values: (string | null)[]
  arrayMode: boolean
}

export interface SqlRequest {
  connectionString: string
  statements: Statement[]
  /** How the transaction of a batch begins; a single query runs outside of one. */
  begin: string | undefined
  rawText: boolean
}

export interface Answer {
  status: number
  body: unknown
}

/** Thrown for a request that is not Neon's protocol, worded as the caller will read it. */
class BadRequest extends Error {}

const ISOLATION_LEVELS: Record<string, string> = {
  ReadUncommitted: ' isolation level read uncommitted',
  ReadCommitted: ' isolation level read committed',
  RepeatableRead: ' isolation level repeatable read',
  Serializable: ' isolation level serializable',
}

export function readRequest(headers: IncomingHttpHeaders, body: Buffer): SqlRequest {
  const is = (name: string) => headers[name] === 'true'
  const connectionString = headers['neon-connection-string']
  if (typeof connectionString !== 'string') throw new BadRequest('missing header: neon-connection-string')
  const payload = parseJson(body)
  const batch = payload['queries']
  const statements = Array.isArray(batch) ? batch : [payload]
  return {
    connectionString,
    statements: statements.map((one: unknown) => readStatement(one, is('neon-array-mode'))),
    begin: Array.isArray(batch) ? beginOf(headers) : undefined,
    rawText: is('neon-raw-text-output'),
  }
}

function beginOf(headers: IncomingHttpHeaders): string {
  const level = headers['neon-batch-isolation-level']
  const isolation = level === undefined ? '' : ISOLATION_LEVELS[String(level)]
  if (isolation === undefined) throw new BadRequest('invalid isolation level')
  const readOnly = headers['neon-batch-read-only'] === 'true' ? ' read only' : ''
  const deferrable = headers['neon-batch-deferrable'] === 'true' ? ' deferrable' : ''
  return `begin${isolation}${readOnly}${deferrable}`
}

function parseJson(body: Buffer): Record<string, unknown> {
  try {
    const parsed: unknown = JSON.parse(body.toString())
    if (typeof parsed === 'object' && parsed !== null) return parsed as Record<string, unknown>
  } catch {
    // Answered below, like any other body that is not an object.
  }
  throw new BadRequest('could not parse the HTTP request body')
}

function readStatement(given: unknown, arrayMode: boolean): Statement {
  const { query, params = [], arrayMode: own } = (given ?? {}) as Record<string, unknown>
  if (typeof query !== 'string' || !Array.isArray(params)) throw new BadRequest('query or params missing')
  return { text: query, values: neonParams(params), arrayMode: typeof own === 'boolean' ? own : arrayMode }
}

/**
 * Runs a request to its end and answers in Neon's words. Never sends anything twice, and never gives a
 * connection back that may be inside a transaction.
 */
export async function execute(pools: Pools, request: SqlRequest, gone: AbortSignal): Promise<Answer> {
  let client: pg.PoolClient
  try {
    client = await pools.checkout(request.connectionString)
  } catch (error) {
    return connectFailure(error)
  }
  const cancel = () => pools.cancel(client)
  gone.addEventListener('abort', cancel, { once: true })
  try {
    const run = request.begin === undefined ? runSingle : runBatch
    const answer = { status: 200, body: await run(client, request, gone) }
    client.release(gone.aborted || client.getTransactionStatus() !== 'I')
    return answer
  } catch (error) {
    client.release(gone.aborted || !(await returnsToIdle(client, request, error)))
    return failure(error, 400)
  } finally {
    gone.removeEventListener('abort', cancel)
  }
}

async function runSingle(client: pg.PoolClient, request: SqlRequest, gone: AbortSignal): Promise<unknown> {
  return await runStatement(client, request.statements[0]!, request.rawText, gone)
}

async function runBatch(client: pg.PoolClient, request: SqlRequest, gone: AbortSignal): Promise<unknown> {
  await client.query(request.begin!)
  const results: unknown[] = []
  for (const statement of request.statements) {
    results.push(await runStatement(client, statement, request.rawText, gone))
  }
  await client.query('commit')
  return { results }
}

async function runStatement(client: pg.PoolClient, one: Statement, rawText: boolean, gone: AbortSignal) {
  if (gone.aborted) throw new BadRequest('Query cancelled, connection was terminated')
  const { text, values } = one
  const sent = { text, values, rowMode: 'array' as const, queryMode: 'extended' as const, types: RAW_TEXT }
  const { command, rowCount, fields, rows } = await client.query<(string | null)[]>(sent)
  const shown = rawText
    ? rows
    : rows.map((row) => row.map((value, i) => neonValue(value, fields[i]!.dataTypeID)))
  return {
    command,
    rowCount,
    rowAsArray: one.arrayMode,
    fields: fields.map((field) => ({ ...field, format: 'text' })),
    rows: one.arrayMode
      ? shown
      : shown.map((row) => Object.fromEntries(row.map((v, i) => [fields[i]!.name, v]))),
  }
}

/** Whether the connection is known to be outside of any transaction after this error. */
async function returnsToIdle(client: pg.PoolClient, request: SqlRequest, error: unknown): Promise<boolean> {
  const answered =
    error instanceof pg.DatabaseError && error.severity !== 'FATAL' && error.severity !== 'PANIC'
  if (!answered) return false
  if (request.begin === undefined) return true
  return await client.query('rollback').then(
    () => true,
    () => false,
  )
}

/** Why no connection was got, in Neon's words: it names no address and no system error of its own. */
function connectFailure(error: unknown): Answer {
  if (error instanceof QueueTimeout) return queueTimeout
  if (error instanceof BadConnectionString || error instanceof pg.DatabaseError)
    return failure(error, connectStatus(error))
  return failure(new Error('error connecting to server: Connection refused (os error 111)'), 500)
}

/** Neon blames the caller for a wrong password or database, and itself for everything else. */
function connectStatus(error: unknown): number {
  if (error instanceof BadConnectionString) return 400
  const code = error instanceof pg.DatabaseError ? (error.code ?? '') : ''
  const INVALID_CATALOG_NAME = '3D000'
  return code.startsWith('28') || code === INVALID_CATALOG_NAME ? 400 : 500
}

/** Neon's error body. Without an answer from Postgres, code and severity are empty, not missing. */
export function failure(error: unknown, status: number): Answer {
  const told = error instanceof pg.DatabaseError ? error : undefined
  const body = {
    message:
      error instanceof Error ? error.message || String((error as NodeJS.ErrnoException).code) : String(error),
    code: told?.code ?? '',
    severity: told?.severity ?? '',
    detail: told?.detail ?? null,
    hint: told?.hint ?? null,
    position: told?.position ?? null,
    internalPosition: told?.internalPosition ?? null,
    internalQuery: told?.internalQuery ?? null,
    where: told?.where ?? null,
    table: told?.table ?? null,
    column: told?.column ?? null,
    schema: told?.schema ?? null,
    dataType: told?.dataType ?? null,
    constraint: told?.constraint ?? null,
    file: told?.file ?? null,
    line: told?.line ?? null,
    routine: told?.routine ?? null,
  }
  return { status, body }
}
