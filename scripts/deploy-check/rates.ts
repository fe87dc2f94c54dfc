/** Are the rate limits that a function counts bound to it? */
import { RATES, type RateName } from '../../functions/_lib/limits.ts'
import type { RateLimit } from '../stack/wrangler-config.ts'

/** A rate without its binding would answer every call with 500; one with other figures would not be what was tested. */
export function rateFaults(bound: readonly RateLimit[], counted: readonly RateName[]): string[] {
  const missing = counted.filter((rate) => !bound.some(({ name }) => name === rate))
  const surplus = bound.filter(({ name }) => !counted.includes(name as RateName))
  const others = bound.filter(({ name, namespace_id, simple }) => {
    const rate = counted.includes(name as RateName) ? RATES[name as RateName] : undefined
    if (!rate) return false
    const figures = [rate.namespaceId, rate.requestsMax, rate.periodSeconds].join()
    return figures !== [namespace_id, simple.limit, simple.period].join()
  })
  return [
    ...missing.map((rate) => `its endpoints count ${rate}, ratelimits has no such binding`),
    ...surplus.map(({ name }) => `ratelimits has ${name}, its endpoints count no such rate`),
    ...others.map(({ name }) => `ratelimits has ${name} with other figures than functions/_lib/limits.ts`),
  ]
}
