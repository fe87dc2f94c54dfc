/** What a function file exports: its endpoints on the router. A bundle holds what these values import, and nothing else. */
import type { App } from './context.ts'
import type { Endpoint } from './endpoint.ts'
import { routes, type Served } from './router.ts'

/** A Worker: what `export default serve(...)` gives a function file. */
export interface Worker extends Served {
  fetch: App['fetch']
}

export function serve(functionName: string, ...endpoints: Endpoint[]): Worker {
  return { fetch: createApp([{ functionName, endpoints }]).fetch, functionName, endpoints }
}

export const createApp = (workers: readonly Served[]): App => routes(workers)
