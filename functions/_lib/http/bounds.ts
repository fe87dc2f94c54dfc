/** Bounds on what a caller sends, applied before anything else looks at it: each text is refused or cut by its length alone. */
import type { Context } from 'hono'
import { getPath } from 'hono/utils/url'
import type { Header } from './access.ts'
import { ApiError } from '../errors.ts'
import { HEADER_LENGTH_MAX, PATH_LENGTH_MAX, QUERY_LENGTH_MAX } from '../limits.ts'

/** The path to find a route by. What is left of one that is too long is no route, or too long for what an id can be. */
export const boundedPath = ({ url }: Request): string =>
  getPath({ url: url.slice(0, Math.min(pathEnd(url), PATH_LENGTH_MAX)) } as Request)

/** @throws ApiError INVALID_REQUEST */
export function refuseLongQuery(url: string): void {
  if (url.length - pathEnd(url) > QUERY_LENGTH_MAX)
    throw new ApiError('INVALID_REQUEST', `query: more than ${QUERY_LENGTH_MAX} characters`)
}

/** Reads headers. Each has a length of its own; what is left of a longer one is still too long for it. */
export const boundedHeaders =
  (c: Pick<Context, 'req'>): Header =>
  (name) =>
    c.req.header(name)?.slice(0, HEADER_LENGTH_MAX)

function pathEnd(url: string): number {
  const at = url.indexOf('?')
  return at < 0 ? url.length : at
}
