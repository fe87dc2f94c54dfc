/** The router every function runs on: one Hono app made of endpoint objects, and the rules all of them share. */
// Not `hono/tiny`, 2.5 KB less: its router takes a route with a slash behind it for the route.
import { Hono, type Context } from 'hono'
import { cors } from 'hono/cors'
import { secureHeaders } from 'hono/secure-headers'
import * as z from 'zod/mini'
import type { connect, Database } from '../../../db/client.ts'
import { LedgerRefusal, OwnError } from '../../../db/errors.ts'
import { authenticateAdmin } from '../access/admin-key.ts'
import type { authenticate, Credentials } from '../access/auth.ts'
import { readJsonObject } from './body.ts'
import { boundedHeaders, boundedPath, refuseLongQuery } from './bounds.ts'
import { rememberEnded } from '../access/ended-sessions.ts'
import { fullPath, type Caller, type Endpoint, type Header } from './endpoint.ts'
import { parseEnv } from '../env.ts'
import { ApiError, asApiError, ERROR_STATUS, type Repeat } from '../errors.ts'
import { urlOf } from '../ledgers.ts'
import { IP_LENGTH_MAX } from '../limits.ts'
import { logFailure, loggedPath, logRequest } from '../log.ts'
import { identityOf, RateGate } from './rate-limit.ts'
import { identified } from './request-id.ts'
import { renderSignedError, SIGNED_FAMILY } from '../signed/envelope.ts'
import type { Session } from '../access/session-claims.ts'
import { isStorable } from './storable-text.ts'

type Bindings = Record<string, unknown>
interface Variables {
  requestId: string
  functionName: string
  outcome: string
  account: string | null
  db: Database | undefined
  session: Session | undefined
  renderError: Endpoint['renderError']
  internal: Endpoint['internal']
  repeat: Repeat
}
type Ctx = Context<{ Bindings: Bindings; Variables: Variables }>
export type App = Hono<{ Bindings: Bindings; Variables: Variables }>

/** How a caller is found, and how the database is reached: what a function does without is not in its bundle. */
export interface Parts {
  identify: (...args: Parameters<typeof authenticate>) => Promise<Caller>
  connect: typeof connect
}

export interface Served {
  functionName: string
  endpoints: Endpoint[]
}

export function routes(workers: Served[], parts: Parts): App {
  const app: App = new Hono({ getPath: boundedPath })
  app.use(identified, logged, secureHeaders(), crossOrigin)
  for (const { functionName, endpoints } of workers) {
    for (const endpoint of endpoints) {
      app.on(endpoint.method, fullPath(endpoint), async (c) => await answer(c, functionName, endpoint, parts))
    }
  }
  for (const [path, methods] of methodsByPath(workers.flatMap((worker) => worker.endpoints))) {
    app.all(path, (c) => {
      const error = new ApiError('METHOD_NOT_ALLOWED', `use ${methods.join(' or ')}`, {
        // Hono answers HEAD by GET, and the CORS rules answer every OPTIONS.
        headers: {
          Allow: [...methods, ...(methods.includes('GET') ? ['HEAD'] : []), 'OPTIONS'].join(', '),
        },
      })
      return failed(c, error)
    })
  }
  app.notFound((c) => failed(c as Ctx, new ApiError('NOT_FOUND', 'there is no such route')))
  app.onError((error, c) => failed(c as Ctx, error))
  return app
}

function methodsByPath(endpoints: Endpoint[]): Map<string, string[]> {
  const methods = new Map<string, string[]>()
  for (const endpoint of endpoints) {
    methods.set(fullPath(endpoint), [...(methods.get(fullPath(endpoint)) ?? []), endpoint.method])
  }
  return methods
}

/** Who sent no key must not be told to repeat with it: with one that is new the money would move again. */
const repeatOf = ({ method, idempotent }: Endpoint, key: string | undefined): Repeat =>
  method === 'GET' ? 'read' : idempotent && key !== undefined ? 'key' : 'look'

async function answer(
  c: Ctx,
  functionName: string,
  endpoint: Endpoint,
  { identify, connect }: Parts,
): Promise<Response> {
  c.set('functionName', functionName)
  c.set('internal', endpoint.internal)
  c.set('repeat', repeatOf(endpoint, c.req.header('idempotency-key')))
  c.set('renderError', endpoint.renderError)
  refuseLongQuery(c.req.url)
  endpoint.gate?.(c.env)
  const env = parseEnv(endpoint.env, c.env) as object
  const db = () => {
    const existing = c.get('db')
    if (existing) return existing
    const { ledger } = endpoint
    if (!ledger) throw new OwnError(`${functionName} declares no ledger`)
    const opened = connect(urlOf(ledger, env), ledger.timeoutMs)
    opened.session = c.get('session')
    c.set('db', opened)
    return opened
  }
  const nowMs = Date.now()
  const now = Math.floor(nowMs / 1000)
  const header = boundedHeaders(c)
  const gate = new RateGate(c.env, endpoint, header('cf-connecting-ip')?.slice(0, IP_LENGTH_MAX))
  await gate.enter(header('x-api-key') !== undefined)
  const callerBy = async (credentials: Credentials, at: number) =>
    await callerOf(c, header, identify, endpoint, credentials, env, db, at, gate)
  const caller = await callerBy(credentialsOf(header, endpoint), now)
  const body = endpoint.body ? checked(endpoint.body, await readJsonObject(c.req.raw), 'body') : undefined
  const result = await endpoint.handler({
    env,
    bindings: c.env,
    caller,
    body,
    query: endpoint.query ? checked(endpoint.query, queryOf(c), 'query') : undefined,
    params: endpoint.params ? checked(endpoint.params, c.req.param(), 'path') : undefined,
    get db() {
      return db()
    },
    requestId: c.get('requestId'),
    url: new URL(c.req.url),
    now,
    nowMs,
    header,
    proved: async (account: string, key: string) => {
      c.set('account', account)
      await gate.proved(key)
    },
    signIn: async (token: string) => {
      const late = { authorization: `Bearer ${token}`, apiKey: undefined }
      return await callerBy(late, Math.floor(Date.now() / 1000))
    },
    after: (work: Promise<unknown>) =>
      c.executionCtx.waitUntil(work.catch((error: unknown) => logFailure(c.get('requestId'), error))),
  })
  c.set('outcome', 'ok')
  return result instanceof Response ? result : Response.json(result)
}

function credentialsOf(header: Header, endpoint: Endpoint): Credentials {
  const authorization = endpoint.authorization ? endpoint.authorization(header) : header('authorization')
  return { authorization, apiKey: header('x-api-key') }
}

async function callerOf(
  c: Ctx,
  header: Header,
  identify: Parts['identify'],
  endpoint: Endpoint,
  credentials: Credentials,
  env: object,
  db: () => Database,
  now: number,
  gate: RateGate,
): Promise<Caller> {
  const { access } = endpoint
  const { authorization, apiKey } = credentials
  if (endpoint.signsInLater && authorization === undefined && apiKey === undefined && isUpgrade(header))
    return { account: '', via: 'none' }
  const authenticated =
    access === 'admin'
      ? authenticateAdmin(apiKey, endpoint.adminKey?.(env))
      : identify(access, credentials, env, db, now, (work) => c.executionCtx.waitUntil(work))
  const caller = await authenticated.catch(async (error: unknown) => {
    if (error instanceof ApiError && error.code === 'UNAUTHORIZED') await gate.authFailed()
    throw error
  })
  if (caller.account) c.set('account', caller.account)
  if (caller.session) {
    c.set('session', caller.session)
    const opened = c.get('db')
    if (opened) opened.session = caller.session
  }
  if (caller.via !== 'none') await gate.proved(identityOf(caller))
  return caller
}

const isUpgrade = (header: Header): boolean => header('upgrade')?.toLowerCase() === 'websocket'

/** A repeated or unknown filter is refused, not ignored: a filter that does nothing shows the wrong money. */
function queryOf(c: Ctx): Record<string, string> {
  const given = new Map<string, string>()
  for (const [name, value] of new URL(c.req.url).searchParams) {
    if (given.has(name))
      throw new ApiError('INVALID_REQUEST', `query: ${name.slice(0, 64)} may be given once`)
    given.set(name, value)
  }
  // Not by assignment: a filter named __proto__ would vanish instead of being refused.
  return Object.fromEntries(given)
}

function checked(schema: z.ZodMiniType, value: unknown, where: string): unknown {
  if (!isStorable(value))
    throw new ApiError('INVALID_REQUEST', `${where}: text may not hold U+0000 or half a surrogate pair`)
  const result = z.safeParse(schema, value)
  if (result.success) return result.data
  throw new ApiError('INVALID_REQUEST', `${where}: ${describeIssue(result.error.issues[0])}`)
}

/** Names the field and what was expected of it; never repeats the value. */
function describeIssue(issue: z.core.$ZodIssue | undefined): string {
  if (!issue) return 'not valid'
  const path = issue.path.map(String).join('.')
  if (issue.code === 'unrecognized_keys')
    return `unknown field ${issue.keys
      .slice(0, 3)
      .map((key) => JSON.stringify(key.slice(0, 64)))
      .join(', ')}`
  if (issue.code === 'invalid_type') return `${path} must be a ${issue.expected}`
  return `${path} is not valid${issue.message && issue.message !== 'Invalid input' ? `: ${issue.message}` : ''}`
}

function failed(c: Ctx, error: unknown): Response {
  const session = c.get('session')
  if (session && error instanceof LedgerRefusal && error.reason === 'session_ended') rememberEnded(session.id)
  // Where no endpoint was reached the path tells the family.
  const custom = c.get('renderError') ?? (SIGNED_FAMILY.test(c.req.path) ? renderSignedError : undefined)
  const known = asApiError(error, c.get('internal') ?? 'internal error', c.get('repeat') ?? 'look')
  if (known.cause !== undefined) logFailure(c.get('requestId'), known.cause)
  if (custom) {
    const { response, outcome } = custom(error, c.get('requestId'))
    c.set('outcome', outcome)
    return response
  }
  return renderError(c, known)
}

function renderError(c: Ctx, error: ApiError): Response {
  const code = error.code + error.suffix
  c.set('outcome', code)
  const body = { error: code, message: error.message, request_id: c.get('requestId') }
  return Response.json(body, { status: ERROR_STATUS[error.code], headers: error.headers })
}

async function logged(c: Ctx, next: () => Promise<void>): Promise<void> {
  const startedAt = Date.now()
  c.set('account', null)
  await next()
  // A Response made elsewhere has immutable headers: Hono copies it on the first change.
  c.header('Cache-Control', c.res.headers.get('Cache-Control') ?? 'no-store')
  const db = c.get('db')
  logRequest({
    request_id: c.get('requestId'),
    function: c.get('functionName') ?? 'none',
    method: c.req.method.slice(0, 16),
    path: loggedPath(c.req.path),
    status: c.res.status,
    outcome: c.get('outcome') ?? 'ok',
    account: c.get('account'),
    ms: Date.now() - startedAt,
    db_ms: db?.spent.ms ?? 0,
    db_round_trips: db?.spent.roundTrips ?? 0,
  })
}

const ALLOWED_HEADERS = ['Authorization', 'Content-Type', 'X-API-Key', 'Idempotency-Key', 'X-Request-Id']
const EXPOSED_HEADERS = ['X-Request-Id', 'Idempotency-Replayed', 'Link', 'Retry-After']

const crossOrigin = cors({
  origin: (origin, c: Context) => {
    const configured = (c.env as Bindings).CORS_ORIGINS
    const list = (typeof configured === 'string' ? configured : '').split(',').map((item) => item.trim())
    return list.includes('*') ? '*' : list.includes(origin) ? origin : null
  },
  allowMethods: ['GET', 'POST', 'DELETE'],
  allowHeaders: ALLOWED_HEADERS,
  exposeHeaders: EXPOSED_HEADERS,
  maxAge: 600,
})
