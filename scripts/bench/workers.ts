/** The Workers a benchmark asks: the gateway as it would be uploaded, and the benchmark's own. */
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bundleFunction } from '../stack/bundle.ts'
import { projectRoot } from '../stack/manifest.ts'
import type { RawWorker } from '../stack/raw-workerd.ts'
import type { Stack } from '../stack/stack.ts'
import { readWranglerConfig } from '../stack/wrangler-config.ts'

/** `settle` runs the cron function once a request: plain workerd has no cron. */
export type WorkerName = 'app' | 'interactive' | 'settle' | 'select-one'

export async function workerOf(name: WorkerName, stack: Stack, folder: string): Promise<RawWorker> {
  const { env, manifest, proxy } = stack
  if (name === 'app') return await appWorker(env, folder)
  const { compatibility_date: date } = readWranglerConfig()
  const main = join(projectRoot, `scripts/bench/${name}-worker.ts`)
  const config = join(folder, `${name}.toml`)
  await writeFile(
    config,
    `name = "${name}"\nmain = ${JSON.stringify(main)}\ncompatibility_date = "${date}"\n`,
  )
  const { file } = await bundleFunction({ outdir: join(folder, name), config })
  if (name === 'settle') return { name, file, vars: env, durableObjects: classesOf() }
  if (name === 'select-one') return { name, file, vars: env }
  const owner = new URL(manifest.databaseUrl)
  owner.port = String(proxy.port)
  return { name, file, vars: { OWNER_DATABASE_URL: owner.href, WS_PROXY: proxy.wsProxy } }
}

/** All functions behind one origin, with these variables. */
export async function appWorker(vars: Record<string, string>, folder: string): Promise<RawWorker> {
  const { file } = await bundleFunction({ outdir: join(folder, 'gateway') })
  return { name: 'app', file, vars, durableObjects: classesOf() }
}

/** The Durable Objects that a function has itself, or that the gateway has: class by binding. */
export function classesOf(name?: string): Record<string, string> {
  const { durable_objects, env = {} } = readWranglerConfig()
  const { bindings = [] } = ((name === undefined ? durable_objects : env[name]?.durable_objects) ?? {}) as {
    bindings?: { name: string; class_name: string; script_name?: string }[]
  }
  const own = bindings.filter(({ script_name }) => script_name === undefined)
  return Object.fromEntries(own.map((binding) => [binding.name, binding.class_name]))
}
