/** Keyset pagination for the bare-array reads: newest first, the next page in a `Link` header. */
import * as z from 'zod/mini'
import { IDEMPOTENCY_KEY_LENGTH_MAX, PAGE_SIZE_DEFAULT, PAGE_SIZE_MAX } from '../limits.ts'
import { UUID, documented, field } from '../schemas.ts'
import type { Header } from './access.ts'
import { csvOf, wantsCsv } from './csv.ts'

const CSV = 'text/csv; charset=utf-8; header=present'

/** An id as it was given, which is in small letters. */
const CURSOR = /* @__PURE__ */ new RegExp(UUID.source)
// A moment is compared as a uuid v7, whose 48 bits of milliseconds end in the year 10889.
const SECONDS_MAX = Math.floor(2 ** 48 / 1000) - 1
const secondsText = () =>
  z.optional(
    z.pipe(
      z.string().check(z.regex(/^(0|[1-9][0-9]{0,11})$/)),
      z.pipe(z.transform(Number), z.number().check(z.maximum(SECONDS_MAX))),
    ),
  )

const SECONDS = { type: 'integer', format: 'int64', minimum: 0, maximum: SECONDS_MAX }

/** Query members every paged read has; a bad one is refused, never ignored. */
export const pageQuery = {
  start: documented(field(secondsText(), 'From this moment on; unix seconds', 1_760_000_000), SECONDS),
  end: documented(field(secondsText(), 'Before this moment; unix seconds', 1_860_000_000), SECONDS),
  limit: documented(
    field(
      z._default(
        z.pipe(
          z.string().check(z.regex(/^[1-9][0-9]{0,3}$/)),
          z.pipe(z.transform(Number), z.number().check(z.maximum(PAGE_SIZE_MAX))),
        ),
        PAGE_SIZE_DEFAULT,
      ),
      `Items per page, 1 to ${PAGE_SIZE_MAX}; ${PAGE_SIZE_DEFAULT} by default`,
      50,
    ),
    { type: 'integer', format: 'int64', minimum: 1, maximum: PAGE_SIZE_MAX },
  ),
  cursor: documented(
    field(
      z.optional(z.string().check(z.regex(CURSOR))),
      'Where the page begins: take it from the Link header, do not build one',
      '019a0b3c-5d1e-7c4a-9b1a-0c8e2f4d6a10',
    ),
    { type: 'string', format: 'uuid' },
  ),
}

/** Of an idempotency key, as it was sent. */
export const keyFilter = (description: string) =>
  field(
    z.optional(z.string().check(z.maxLength(IDEMPOTENCY_KEY_LENGTH_MAX), z.regex(/^[\x21-\x7e]+$/))),
    description,
    'order-4711',
  )

/** What a paged read asks the database for. */
export interface Page {
  start: number | undefined
  end: number | undefined
  limit: number
  cursor: string | undefined
}

/**
 * A page as the answer: `rows` holds up to `limit + 1` items, newest first, read with `id < cursor`; the one too many
 * only says that there is a next page. `cursorOf` names an item by the (time-ordered) id that the read is keyed on;
 * `scannedTo` is where a read stopped looking before its page was full. A caller who asks for CSV gets the same items in
 * `columns`.
 */
export function pageAnswer<Row>(
  { url, header }: { url: URL; header: Header },
  limit: number,
  rows: Row[],
  cursorOf: (row: Row) => string,
  show: (row: Row) => object,
  columns: readonly string[],
  scannedTo?: string,
): Response {
  const items = rows.slice(0, limit)
  const last = items.at(-1)
  const headers: Record<string, string> = {}
  const cursor = rows.length > limit && last !== undefined ? cursorOf(last) : scannedTo
  if (cursor !== undefined) {
    const next = new URL(url)
    next.searchParams.set('cursor', cursor)
    headers.Link = `<${next.toString()}>; rel="next"`
  }
  const shown = items.map(show)
  if (!wantsCsv(header('accept'))) return Response.json(shown, { headers })
  headers['Content-Type'] = CSV
  return new Response(csvOf(columns, shown), { headers })
}
