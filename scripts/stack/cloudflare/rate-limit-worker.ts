/** One namespace of rate limits, shared by all Workers of the account that bind it. Bundled, it runs in workerd. */
import { WorkerEntrypoint } from 'cloudflare:workers'

/** `<limit>/<period>/<key>` → what was counted in the current period. */
const counted = new Map<string, { until: number; count: number }>()

interface Props {
  limit: number
  /** Seconds. */
  period: number
}

export default class RateLimit extends WorkerEntrypoint {
  limit({ key }: { key: string }): { success: boolean } {
    const { limit, period } = (this.ctx as unknown as { props: Props }).props
    const id = `${limit}/${period}/${key}`
    const now = Date.now()
    const current = counted.get(id)
    const entry = current && current.until > now ? current : { until: now + period * 1000, count: 0 }
    entry.count += 1
    counted.set(id, entry)
    return { success: entry.count <= limit }
  }
}
