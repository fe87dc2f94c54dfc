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
  if (name === 'settle') return { name, file, vars: env, durableObjects: STREAM }
  if (name === 'select-one') return { name, file, vars: env }
  const owner = new URL(manifest.databaseUrl)
  owner.port = String(proxy.port)
  return { name, file, vars: { DATABASE_URL: owner.href, WS_PROXY: proxy.wsProxy } }
}

/** All functions behind one origin, with these variables. */
export async function appWorker(vars: Record<string, string>, folder: string): Promise<RawWorker> {
  const { file } = await bundleFunction({ outdir: join(folder, 'gateway') })
  return { name: 'app', file, vars, durableObjects: STREAM }
}

export const STREAM = classesOf(readWranglerConfig().durable_objects)

function classesOf(objects: unknown): Record<string, string> {
  const { bindings = [] } = (objects ?? {}) as { bindings?: { name: string; class_name: string }[] }
  return Object.fromEntries(bindings.map((binding) => [binding.name, binding.class_name]))
}
