/** wrangler.toml as a local stack runs it: the gateway alone, its rate limits on, but generous. */
import { join } from 'node:path'
import type { RateName } from '../../functions/_lib/limits.ts'
import { projectRoot, writePrivate } from './manifest.ts'
import { readWranglerConfig, type RateLimit } from './wrangler-config.ts'

/** Calls that a rate allows in a minute, by the rate's name: the longest window there is, so that a test fits into one. */
export type Rates = Partial<Record<RateName, number>>

/** Tests and benchmarks are many accounts behind one address. */
const GENEROUS = 1_000

/** Writes the configuration into the stack's folder and answers its path; `rates` win over the generous figures. */
export async function writeLocalConfig(folder: string, rates: Rates = {}): Promise<string> {
  const { env: _functions, main = '', ratelimits = [], ...config } = readWranglerConfig()
  const local = {
    ...config,
    main: join(projectRoot, main),
    ratelimits: ratelimits.map((rate) => ({ ...rate, simple: allowed(rate, rates) })),
  }
  const file = join(folder, 'wrangler.json')
  await writePrivate(file, JSON.stringify(local, null, 2))
  return file
}

function allowed({ name, simple }: RateLimit, rates: Rates): RateLimit['simple'] {
  const limit = rates[name as RateName]
  return limit === undefined ? { ...simple, limit: simple.limit * GENEROUS } : { limit, period: 60 }
}
