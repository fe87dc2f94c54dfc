/** wrangler.toml as a local stack runs it: the gateway alone, its rate limits on, but generous. */
import { createHash } from 'node:crypto'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { RateName } from '../../functions/_lib/limits.ts'
import { apart } from './apart.ts'
import { projectRoot, writePrivate } from './manifest.ts'
import type { DurableObjectBinding, RateLimit } from './wrangler-config.ts'

/** Calls that a rate allows in a minute, by the rate's name: the longest window there is, so that a test fits into one. */
export type Rates = Partial<Record<RateName, number>>

/** What the runtime is told of a configuration. */
export interface LocalConfig {
  compatibilityDate: string
  compatibilityFlags: string[]
  durableObjects: DurableObjectBinding[]
  rateLimits: RateLimit[]
}

const require = createRequire(import.meta.url)

/** Tests and benchmarks are many accounts behind one address. */
const GENEROUS = 1_000

/** In the stack's folder. */
export const LOCAL_CONFIG = 'runtime.json'

/** Writes the configuration into the stack's folder; `rates` win over the generous figures. */
export async function writeLocalConfig(folder: string, rates: Rates = {}): Promise<void> {
  const gateway = await gatewayConfig()
  const rateLimits = gateway.rateLimits.map((rate) => ({ ...rate, simple: allowed(rate, rates) }))
  await writePrivate(join(folder, LOCAL_CONFIG), JSON.stringify({ ...gateway, rateLimits }, null, 2))
}

/** Read by wrangler, once for each version of it and each text of wrangler.toml: loading it takes longer than the rest of a start. */
async function gatewayConfig(): Promise<LocalConfig> {
  const text = await readFile(join(projectRoot, 'wrangler.toml'), 'utf8')
  const { version } = require('wrangler/package.json') as { version: string }
  const hash = createHash('sha256').update(`${version}\n${text}`).digest('hex').slice(0, 32)
  const folder = join(projectRoot, '.local', 'cache')
  const file = join(folder, `wrangler-${hash}.json`)
  const cached = await readFile(file, 'utf8')
    .then((kept) => JSON.parse(kept) as LocalConfig)
    .catch(() => undefined)
  if (cached !== undefined) return cached
  const config = await apart<LocalConfig>('gateway-config-task.ts', null)
  await mkdir(folder, { recursive: true })
  // Several starts may do this at once: each writes its own file, and the rename is atomic.
  const half = `${file}.${process.pid}`
  await writeFile(half, JSON.stringify(config))
  await rename(half, file)
  return config
}

function allowed({ name, simple }: RateLimit, rates: Rates): RateLimit['simple'] {
  const limit = rates[name as RateName]
  return limit === undefined ? { ...simple, limit: simple.limit * GENEROUS } : { limit, period: 60 }
}
