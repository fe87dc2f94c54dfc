/**
 * How long a function takes from nothing to its first answer, beside a Worker that does nothing, and how large it is. Each
 * start is a fresh process of workerd; what the empty Worker takes is the process itself.
 */
import { mkdtemp, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fullPath, type Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { inKilobytes } from '../deploy-check/rules.ts'
import { bundleFunction } from '../stack/bundle.ts'
import { checkInvariants } from '../stack/invariants.ts'
import { startRawWorkerd, type RawWorker } from '../stack/raw-workerd.ts'
import { forgetStack, startStack } from '../stack/stack.ts'
import { readWranglerConfig } from '../stack/wrangler-config.ts'
import { median, shown, table, type Options, type Outcome, type Section } from './section.ts'
import { classesOf } from './workers.ts'

/** A start takes a tenth of a second: a few for each round cost little and quiet the noise. */
const STARTS_A_ROUND = 3
/** It owns the Durable Object's class; the others have a binding to it. */

interface Candidate {
  worker: RawWorker
  gzipBytes: number
  request: { method: string; path: string }
}

async function emptyWorker(folder: string): Promise<Candidate> {
  const file = join(folder, 'empty.js')
  await writeFile(file, `export default { fetch: () => new Response('{}') }`)
  const request = { method: 'GET', path: '/' }
  return { worker: { name: 'empty', file, vars: {} }, gzipBytes: 0, request }
}

/** Alone, as it would be deployed, and its first endpoint without a credential: most answer that they need one. */
async function candidate(name: string, folder: string, vars: Record<string, string>): Promise<Candidate> {
  const { file, gzipBytes } = await bundleFunction({ env: name, outdir: join(folder, name) })
  const source = new URL(`../../functions/${name}.ts`, import.meta.url).href
  // By a name the compiler does not follow: functions are typed for workers, scripts for Node.
  const { default: own } = (await import(source)) as { default: { endpoints: Endpoint[] } }
  const endpoint = own.endpoints[0]
  return {
    worker: { name, file, vars, durableObjects: classesOf(name) },
    gzipBytes,
    request: { method: endpoint?.method ?? 'GET', path: endpoint ? fullPath(endpoint) : '/' },
  }
}

async function start({ worker, request }: Candidate, folder: string): Promise<number> {
  const workerd = await startRawWorkerd({ folder, workers: [worker] })
  try {
    const { method, path } = request
    const body = method === 'POST' ? { headers: { 'Content-Type': 'application/json' }, body: '{}' } : {}
    const url = `http://127.0.0.1:${workerd.ports[worker.name]}${path}`
    const response = await fetch(url, { method, ...body, redirect: 'manual' })
    await response.arrayBuffer()
    return performance.now() - workerd.spawnedAt
  } finally {
    await workerd.stop()
  }
}

async function run({ rounds, say }: Options): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-bench-'))
  const stack = await startStack({ folder, port: 0, withoutGateway: true })
  try {
    const candidates = [await emptyWorker(folder)]
    const queue = Object.keys(readWranglerConfig().env ?? {})
    const work = async () => {
      for (let name = queue.shift(); name; name = queue.shift())
        candidates.push(await candidate(name, folder, stack.env))
    }
    await Promise.all([work(), work()])
    say(`${candidates.length - 1} functions are bundled`)
    const times = candidates.map((): number[] => [])
    for (let n = 1; n <= rounds * STARTS_A_ROUND; n += 1) {
      for (const [at, one] of candidates.entries())
        times[at]?.push(await start(one, join(folder, 'workerd', one.worker.name)))
      if (n % STARTS_A_ROUND === 0) say(`round ${n / STARTS_A_ROUND} of ${rounds}`)
    }
    const broken = await checkInvariants(stack.manifest.databaseUrl)
    return {
      ...report(candidates, times.map(median)),
      broken: broken.filter(({ violations }) => violations > 0).map(({ name }) => name),
    }
  } finally {
    await stack.stop()
    await forgetStack(folder)
  }
}

function report(candidates: Candidate[], medians: number[]): Pick<Outcome, 'markdown' | 'ratios'> {
  const [empty = NaN, ...own] = medians
  const [, ...functions] = candidates
  const rows = functions.map(({ worker, gzipBytes }, at) => ({
    name: worker.name,
    gzipBytes,
    ms: (own[at] ?? NaN) - empty,
  }))
  const slowest = rows.toSorted((a, b) => b.ms - a.ms)
  return {
    markdown: table(
      [`cold start over an empty worker’s ${shown(empty, 0)} ms`, 'ms', 'bundle, gzip kB'],
      slowest.map(({ name, gzipBytes, ms }) => [name, shown(ms, 0), inKilobytes(gzipBytes)]),
    ),
    ratios: [
      {
        what: 'first answer, the slowest function : an empty worker',
        measured: ((slowest[0]?.ms ?? NaN) + empty) / empty,
      },
    ],
  }
}

export const coldStart: Section = { name: 'cold start', run }
