/** One call, from the route that took it to the endpoint's answer. */
import type { Database } from '../../../db/client.ts'
import { OwnError } from '../../../db/errors.ts'
import { parseEnv } from '../env-read.ts'
import { ApiError, type Repeat } from '../errors.ts'
import { urlOf } from '../ledgers.ts'
import { IP_LENGTH_MAX } from '../limits.ts'
import { logFailure } from '../log.ts'
import type { Bindings, Header, Incoming } from './access.ts'
import { readJsonObject } from './body.ts'
import { boundedHeaders, refuseLongQuery } from './bounds.ts'
import { checked, queryOf } from './checked.ts'
import type { Ctx } from './context.ts'
import type { Endpoint } from './endpoint.ts'
import { RateGate } from './rate-limit.ts'

/**
 * The order is a promise: what costs nothing to refuse comes first, the address is counted before anything is looked up,
 * and whose call it is comes before what it asks for.
 */
export async function answer(c: Ctx, functionName: string, endpoint: Endpoint): Promise<Response> {
  const { access, query, params } = endpoint
  c.set('functionName', functionName)
  c.set('internal', endpoint.internal)
  c.set('repeat', repeatOf(endpoint, c.req.header('idempotency-key')))
  c.set('envelope', access.envelope)
  refuseLongQuery(c.req.url)
  access.gate?.(c.env)
  const env = parseEnv(endpoint.env, c.env)
  const header = boundedHeaders(c)
  const gate = new RateGate(c.env, endpoint, header('cf-connecting-ip')?.slice(0, IP_LENGTH_MAX))
  await gate.enter(header('x-api-key') !== undefined)
  const incoming = incomingOf(c, endpoint, { env, header, gate })
  const caller = await access.identify(incoming)
  const result = await endpoint.handle({
    env,
    objects: objectsOf(c.env, endpoint),
    caller,
    body: endpoint.body && (await incoming.body()),
    query: query && checked(query, queryOf(c.req.url), 'query'),
    params: params && checked(params, c.req.param(), 'path'),
    get db() {
      return incoming.db()
    },
    requestId: c.get('requestId'),
    url: new URL(c.req.url),
    now: incoming.now,
    header,
    after: (work: Promise<unknown>) =>
      c.executionCtx.waitUntil(work.catch((error: unknown) => logFailure(c.get('requestId'), error))),
    complete: async <T>(work: () => Promise<T>) => {
      const running = work()
      // Whoever awaits it deals with its failure.
      c.executionCtx.waitUntil(running.catch(() => {}))
      return await running
    },
  })
  c.set('outcome', 'ok')
  return result instanceof Response ? result : Response.json(result)
}

/** Who sent no key must not be told to repeat with it: with one that is new the money would move again. */
const repeatOf = ({ method, idempotent }: Endpoint, key: string | undefined): Repeat =>
  method === 'GET' ? 'read' : idempotent && key !== undefined ? 'key' : 'look'

function incomingOf(
  c: Ctx,
  endpoint: Endpoint,
  { env, header, gate }: { env: object; header: Header; gate: RateGate },
): Incoming {
  const nowMs = Date.now()
  let body: Promise<unknown> | undefined
  return {
    env,
    header,
    now: Math.floor(nowMs / 1000),
    nowMs,
    db: () => databaseOf(c, endpoint, env),
    body: async () => await (body ??= bodyOf(c, endpoint)),
    guess: async (look) => {
      try {
        return await look()
      } catch (error) {
        if (error instanceof ApiError && error.code === 'UNAUTHORIZED') await gate.authFailed()
        throw error
      }
    },
    admit: async (known) => {
      if (known.account !== undefined) c.set('account', known.account)
      c.set('known', known)
      const opened = c.get('db')
      if (opened && known.session) opened.session = known.session
      await gate.proved(known.countedAs)
    },
    keep: (work) => c.executionCtx.waitUntil(work),
  }
}

async function bodyOf(c: Ctx, { body }: Endpoint): Promise<unknown> {
  return body && checked(body, await readJsonObject(c.req.raw), 'body')
}

/** Whoever speaks to an object says so: what is deployed with a function is made from that. */
const objectsOf = (bindings: Bindings, { objects = [] }: Endpoint): Bindings =>
  Object.fromEntries(objects.map((name) => [name, bindings[name]]))

/** One for each call, opened where it is first needed. */
function databaseOf(c: Ctx, { ledger }: Endpoint, env: object): Database {
  const existing = c.get('db')
  if (existing) return existing
  if (!ledger) throw new OwnError(`${c.get('functionName')} declares no ledger`)
  const opened = ledger.open(urlOf(ledger, env), ledger.timeoutMs)
  opened.session = c.get('known')?.session
  c.set('db', opened)
  return opened
}
