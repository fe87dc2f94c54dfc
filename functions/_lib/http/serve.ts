/** What a function file exports: its endpoints, on the router with only the parts that they need. */
import { connect } from '../../../db/client.ts'
import { OwnError } from '../../../db/errors.ts'
import { authenticate } from '../access/auth.ts'
import { fullPath, type Endpoint } from './endpoint.ts'
import { routes, type App, type Served } from './router.ts'
import { nobody } from './static.ts'

/** A Worker: what `export default serve(...)` gives a function file. */
export interface Worker extends Served {
  fetch: App['fetch']
}

export function serve(functionName: string, ...endpoints: Endpoint[]): Worker {
  return { fetch: createApp([{ functionName, endpoints }]).fetch, functionName, endpoints }
}

/** `serve` for functions that know no sessions: their bundle carries no token code. The router checks an admin key itself. */
export function serveOpen(functionName: string, ...endpoints: Endpoint[]): Worker {
  const guarded = endpoints.find(({ access }) => access === 'session' || access === 'read')
  if (guarded) throw new OwnError(`${fullPath(guarded)} needs serve(): it has callers`)
  const app = routes([{ functionName, endpoints }], { identify: nobody, connect })
  return { fetch: app.fetch, functionName, endpoints }
}

export const createApp = (workers: Served[]): App => routes(workers, { identify: authenticate, connect })
