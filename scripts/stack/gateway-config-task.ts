/** Prints what the runtime must know of wrangler.toml, as wrangler reads it: see `apart`. */
import type { LocalConfig } from './local-config.ts'
import { resolvedConfig } from './wrangler-config.ts'

const resolved = resolvedConfig()
const config: LocalConfig = {
  compatibilityDate: resolved.compatibility_date,
  compatibilityFlags: resolved.compatibility_flags,
  durableObjects: resolved.durable_objects.bindings,
  rateLimits: resolved.ratelimits,
}
console.log(JSON.stringify(config))
