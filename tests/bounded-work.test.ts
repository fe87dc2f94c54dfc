/** What a caller can make a function compute before anybody is asked: it grows no faster than what the caller sent. */
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import type { Worker } from '../functions/_lib/http/serve.ts'
import { fullPath } from '../functions/_lib/http/endpoint.ts'
import { projectRoot } from '../scripts/stack/manifest.ts'
import { functionFiles, type Listed } from './support/endpoints.ts'
import { superLinearUnit } from './support/hostile-patterns.ts'
import { HEADERS_READ, INSIDE, placesOf, UNITS, type Place } from './support/hostile-places.ts'
import { functionsEnv } from './support/in-process.ts'
import { startMeter, type Meter, type Work } from './support/work.ts'

const BEYOND_ALL = 64 * 1024
/** Blocks of code, steps of patterns and native looks for each character. What grows with the square has thousands. */
const WORK_PER_CHARACTER_MAX = 60
/** Read from answers, not from requests. */
const ANSWER_HEADERS = ['cache-control']

const functions = [...functionFiles(), 'index.ts']
const context = { waitUntil: () => undefined, passThroughOnException: () => undefined } as never
const account = '0x70997970c51812dc3a010c7d01b50e0d17dc79c8'
const patterns = new Map<string, RegExp>()
const headers = new Set<string>()
let env: Record<string, string>
let meter: Meter

beforeAll(async () => {
  env = { ...(await functionsEnv()), RATE_LIMITS: 'off' }
  for (const name of ['log', 'warn', 'error'] as const)
    vi.spyOn(console, name).mockImplementation(() => undefined)
  // A ledger that knows nothing: what a caller may cost before it is asked is all that is counted.
  vi.stubGlobal('fetch', async () => Response.json({ fields: [], rows: [], command: 'SELECT', rowCount: 0 }))
  meter = await startMeter()
})
afterAll(async () => {
  await meter.stop()
  vi.unstubAllGlobals()
})

/** Work of sending each of these places a text. */
async function workOf(worker: Worker, places: Place[], text: string): Promise<Work> {
  const requests = places.flatMap((place) => place.request(text) ?? [])
  return await meter.measure(async () => {
    for (const request of requests) await worker.fetch(request, env, context)
  })
}

const textOf = (unit: string, size: number) => unit.repeat(Math.ceil(size / unit.length)).slice(0, size)

/** Names the places that cost more for each character than any may. `least` is the work of the shortest text in all of them. */
async function dearPlaces(worker: Worker, places: Place[], text: string, least: number): Promise<string[]> {
  const isDear = async (many: Place[], least: number) => {
    const work = await workOf(worker, many, text)
    for (const [name, pattern] of work.patterns) patterns.set(name, pattern)
    return work.total - least > WORK_PER_CHARACTER_MAX * text.length * many.length
  }
  if (!(await isDear(places, least))) return []
  const found: string[] = []
  for (const place of places)
    if (await isDear([place], (await workOf(worker, [place], 'a')).total)) found.push(place.name)
  return found
}

async function allPlaces(file: string): Promise<{ worker: Worker; places: Place[] }> {
  const { default: worker } = (await import(/* @vite-ignore */ join(projectRoot, 'functions', file))) as {
    default: Worker
  }
  const credentials = { account, jwtSecret: env.JWT_SECRET!, adminKey: env.ADMIN_API_KEY! }
  const path: Place = {
    name: `${file}: the path`,
    kind: 'path',
    request: (text) => new Request(`https://api.example.com/${text}`),
  }
  const seen = new Set<string>()
  const places = (worker.endpoints ?? []).flatMap((endpoint) => {
    const listed: Listed = {
      file,
      name: `${endpoint.method} ${endpoint.path}`,
      path: fullPath(endpoint),
      endpoint,
    }
    const { shared, own } = placesOf(listed, credentials)
    const isFirst = !seen.has(endpoint.access.kind)
    seen.add(endpoint.access.kind)
    return isFirst ? [...shared, ...own] : own
  })
  return { worker, places: [path, ...places] }
}

describe('the work a caller can cause', () => {
  test.each(functions)(
    '%s does no more for each character of the worst texts, wherever they stand',
    async (file) => {
      const { worker, places } = await allPlaces(file)
      const got = vi.spyOn(Headers.prototype, 'get')
      // The first time it also makes its routes and reads its configuration.
      await workOf(worker, places, 'a')
      for (const [name] of got.mock.calls) headers.add(String(name).toLowerCase())
      got.mockRestore()
      for (const kind of ['path', 'query', 'header', 'body'] as const) {
        const some = places.filter((place) => place.kind === kind)
        const texts = [...UNITS[kind].map((unit) => textOf(unit, INSIDE[kind])), textOf('a-', BEYOND_ALL)]
        const least = (await workOf(worker, some, 'a')).total
        for (const text of texts)
          expect(
            await dearPlaces(worker, some, text, least),
            `${text.length} of ${text.slice(0, 8)}…`,
          ).toEqual([])
      }
    },
  )

  test('was caused in every header that any function reads', () => {
    const forgotten = [...headers].filter((name) => ![...HEADERS_READ, ...ANSWER_HEADERS].includes(name))
    expect(forgotten).toEqual([])
    expect(headers.size).toBeGreaterThan(5)
  })

  test('is linear in every pattern that met a caller’s text, whatever the text', () => {
    expect(patterns.size).toBeGreaterThan(25)
    const slow = [...patterns.values()].flatMap((pattern) => {
      const unit = superLinearUnit(pattern)
      return unit === undefined ? [] : [`${String(pattern)} on ${JSON.stringify(unit)}`]
    })
    expect(slow).toEqual([])
  }, 300_000)

  test('is seen to grow where a pattern or a loop is not linear: the counting counts', async () => {
    expect(superLinearUnit(/\b[\w-]{8,}\.[\w-]{8,}\b/)).toBeDefined()
    expect(superLinearUnit(/^(a|a)*$/)).toBeDefined()
    expect(superLinearUnit(/^[a-z]+$/)).toBeUndefined()
    const count = async (size: number) =>
      (await meter.measure(async () => /[a-z]+:\/\/[^\s@/]+@/i.test('a'.repeat(size)))).total
    expect(await count(400)).toBeGreaterThan(3 * (await count(200)))
  })
})
