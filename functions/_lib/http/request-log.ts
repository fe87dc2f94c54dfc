import { LOGGED_METHOD_LENGTH_MAX } from '../limits.ts'
import { loggedPath, logRequest } from '../log.ts'
import type { Ctx } from './context.ts'

/** One line for each request, whatever became of it. */
export async function logged(c: Ctx, next: () => Promise<void>): Promise<void> {
  const startedAt = Date.now()
  c.set('account', null)
  await next()
  // A Response made elsewhere has immutable headers: Hono copies it on the first change.
  c.header('Cache-Control', c.res.headers.get('Cache-Control') ?? 'no-store')
  const db = c.get('db')
  logRequest({
    request_id: c.get('requestId'),
    function: c.get('functionName') ?? 'none',
    method: c.req.method.slice(0, LOGGED_METHOD_LENGTH_MAX),
    path: loggedPath(c.req.path),
    status: c.res.status,
    outcome: c.get('outcome') ?? 'ok',
    account: c.get('account'),
    ms: Date.now() - startedAt,
    db_ms: db?.spent.ms ?? 0,
    db_round_trips: db?.spent.roundTrips ?? 0,
  })
}
