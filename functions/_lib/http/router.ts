/** The router every function runs on: one Hono app made of endpoint objects, and the rules all of them share. */
// Not `hono/tiny`, 2.5 KB less: its router takes a route with a slash behind it for the route.
import { Hono } from 'hono'
import { secureHeaders } from 'hono/secure-headers'
import { LedgerRefusal } from '../../../db/errors.ts'
import { ApiError, asApiError } from '../errors.ts'
import { logFailure } from '../log.ts'
import { answer } from './answer.ts'
import { boundedPath } from './bounds.ts'
import type { App, Ctx } from './context.ts'
import { crossOrigin } from './cross-origin.ts'
import { fullPath, type Endpoint } from './endpoint.ts'
import { exchangeEnvelope } from './exchange-envelope.ts'
import { identified } from './request-id.ts'
import { logged } from './request-log.ts'
import { SIGNED_FAMILY, signedEnvelope } from './signed-envelope.ts'

export interface Served {
  functionName: string
  endpoints: Endpoint[]
}

export function routes(workers: readonly Served[]): App {
  const app: App = new Hono({ getPath: boundedPath })
  const all = workers.flatMap(({ endpoints }) => endpoints)
  app.use(identified, logged, secureHeaders(), crossOrigin)
  for (const { functionName, endpoints } of workers) {
    for (const endpoint of endpoints) {
      app.on(endpoint.method, fullPath(endpoint), async (c) => await answer(c, functionName, endpoint))
    }
  }
  for (const [path, methods] of methodsByPath(all)) {
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

function methodsByPath(endpoints: readonly Endpoint[]): Map<string, string[]> {
  const methods = new Map<string, string[]>()
  for (const endpoint of endpoints) {
    methods.set(fullPath(endpoint), [...(methods.get(fullPath(endpoint)) ?? []), endpoint.method])
  }
  return methods
}

/** The answer to an error, in the envelope of the endpoint; where no endpoint was reached the path tells the family. */
function failed(c: Ctx, error: unknown): Response {
  if (error instanceof LedgerRefusal && error.reason === 'session_ended') c.get('known')?.ended?.()
  const known = asApiError(error, c.get('internal') ?? 'internal error', c.get('repeat') ?? 'look')
  if (known.cause !== undefined) logFailure(c.get('requestId'), known.cause)
  const ofPath = SIGNED_FAMILY.test(c.req.path) ? signedEnvelope : exchangeEnvelope
  const envelope = c.get('envelope') ?? ofPath
  const { response, outcome } = envelope.render(error, known, c.get('requestId'))
  c.set('outcome', outcome)
  return response
}
