import * as z from 'zod/mini'
import { AFTER_SQL_KINDS, BEFORE_SQL_KINDS } from './neon-proxy-refusals.ts'
import { randomFrom } from './random.ts'

/**
 * What a network does to a request, as seen from the client:
 * - cutBeforeSend: the connection drops before Postgres sees anything.
 * - cutAfterCommit: Postgres runs it to the end, whatever the outcome, and the answer is swallowed.
 * - duplicate: it arrives again after the first copy is done. The client gets the first copy's answer.
 * - duplicateRace: both copies arrive at once. The client gets the answer of the one sent first.
 * - the rest: how the front itself fails, before or after Postgres ran it (neon-proxy-refusals.ts).
 */
const faultKind = z.enum([
  ...(['cutBeforeSend', 'cutAfterCommit', 'duplicate', 'duplicateRace'] as const),
  ...BEFORE_SQL_KINDS,
  ...AFTER_SQL_KINDS,
])

/** A part of the query's text, or a regular expression: over HTTP written as "/source/flags". */
const match = z.optional(
  z.union([z.string().check(z.refine(compiles, 'not a regular expression')), z.instanceof(RegExp)]),
)

function compiles(text: string): boolean {
  try {
    return Boolean(pattern(text))
  } catch {
    return false
  }
}

function pattern(text: string): RegExp | string {
  const written = /^\/(.+)\/([a-z]*)$/s.exec(text)
  return written ? new RegExp(written[1]!, written[2]) : text
}

const milliseconds = z.number().check(z.gte(0), z.lte(60_000))
const range = z
  .strictObject({ min: milliseconds, max: milliseconds })
  .check(z.refine(({ min, max }) => min <= max, 'min is above max'))

/** One change of the conditions; what it does not name stays as it is. The body of POST /_control. */
export const control = z.strictObject({
  /** Each way: before a request is forwarded, and before it is answered. */
  delayMs: z.optional(z.union([milliseconds, range])),
  /**
   * Each strikes once, the first request that it matches, or the one after so many more. Replaces what is left of the last
   * list.
   */
  next: z.optional(
    z.array(z.strictObject({ kind: faultKind, match, skip: z.optional(z.int().check(z.gte(0))) })),
  ),
  /** Each strikes matching requests at random; the first that hits wins. */
  rates: z.optional(
    z.array(z.strictObject({ kind: faultKind, match, probability: z.number().check(z.gte(0), z.lte(1)) })),
  ),
  /** Starts the sequence of random numbers anew: the same seed and requests give the same faults. */
  seed: z.optional(z.int()),
  /** Neon cancels the query of a client that has gone; 'finish' lets it run to its end. */
  onClientAbort: z.optional(z.enum(['cancel', 'finish'])),
  /** How long a statement waits for a connection before it is refused, as the pooler's query_wait_timeout. */
  queueWaitMs: z.optional(z.number().check(z.gte(1), z.lte(120_000))),
  /** Zeroes the counters and forgets the injected faults. */
  reset: z.optional(z.boolean()),
})

export type Control = z.infer<typeof control>
export type FaultKind = z.infer<typeof faultKind>
export type Fault = NonNullable<Control['next']>[number]
export type FaultRate = NonNullable<Control['rates']>[number]
export type Delay = NonNullable<Control['delayMs']>

/** A fault that struck. `copy` is what became of a duplicate: "ok" or its SQLSTATE. */
export interface Injected {
  kind: FaultKind
  query: string
  copy?: string
}

export interface RoundTrips {
  /** What a client waited for: HTTP requests plus WebSocket messages it sent. */
  total: number
  httpRequests: number
  httpBatches: number
  httpStatements: number
  webSocketConnections: number
  webSocketMessages: number
}

export const INJECTED_KEPT_MAX = 1000

export interface Conditions {
  apply(change: Control): void
  /** One way through the network. */
  pass(): Promise<void>
  /** The fault that strikes this request, if any; it is on record from now on. */
  strike(queries: string[]): Injected | undefined
  count(what: Exclude<keyof RoundTrips, 'total'>, by?: number): void
  roundTrips(): RoundTrips
  readonly injected: readonly Injected[]
  readonly settings: Readonly<Required<Omit<Control, 'reset' | 'seed'>>>
}

export function createConditions(delayMs: Delay = 0): Conditions {
  const settings = {
    delayMs,
    next: [] as Fault[],
    rates: [] as FaultRate[],
    onClientAbort: 'cancel' as 'cancel' | 'finish',
    queueWaitMs: undefined as number | undefined,
  }
  const injected: Injected[] = []
  let counts = zero()
  let random = randomFrom(1)

  function apply({ reset, seed, ...change }: Control): void {
    if (reset) {
      counts = zero()
      injected.length = 0
    }
    if (seed !== undefined) random = randomFrom(seed)
    const given = Object.entries(change).filter(([, value]) => value !== undefined)
    Object.assign(settings, Object.fromEntries(given))
    if (change.next) settings.next = change.next.map((fault) => ({ ...fault }))
  }
  function choose(queries: string[]): Fault | undefined {
    const once = settings.next.findIndex((fault) => {
      if (!matches(fault, queries)) return false
      if (!fault.skip) return true
      fault.skip -= 1
      return false
    })
    if (once >= 0) return settings.next.splice(once, 1)[0]
    return settings.rates.find((rate) => matches(rate, queries) && random() < rate.probability)
  }
  function strike(queries: string[]): Injected | undefined {
    const fault = choose(queries)
    if (!fault) return undefined
    const record: Injected = { kind: fault.kind, query: queries.join(';\n') }
    injected.push(record)
    if (injected.length > INJECTED_KEPT_MAX) injected.shift()
    return record
  }
  async function pass(): Promise<void> {
    const delay = settings.delayMs
    const ms = typeof delay === 'number' ? delay : delay.min + random() * (delay.max - delay.min)
    if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms))
  }
  return {
    apply,
    pass,
    strike,
    injected,
    settings,
    count: (what, by = 1) => void (counts[what] += by),
    roundTrips: () => ({ total: counts.httpRequests + counts.webSocketMessages, ...counts }),
  }
}

function zero(): Omit<RoundTrips, 'total'> {
  return { httpRequests: 0, httpBatches: 0, httpStatements: 0, webSocketConnections: 0, webSocketMessages: 0 }
}

function matches({ match }: Pick<Fault, 'match'>, queries: string[]): boolean {
  if (match === undefined) return true
  const wanted = typeof match === 'string' ? pattern(match) : match
  return queries.some((query) =>
    typeof wanted === 'string' ? query.includes(wanted) : query.search(wanted) >= 0,
  )
}
