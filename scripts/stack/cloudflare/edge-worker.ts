/** The edge: gives each request to the Worker whose route it takes. Bundled, it runs in workerd in front of all Workers. */
import { routeOf } from './route-patterns.ts'

interface Env {
  ROUTES: { pattern: string; script: string | null }[]
  HOSTS: string[]
  /** Worker → a service that is it. */
  [script: string]: unknown
}

interface Service {
  fetch(request: Request): Promise<Response>
  scheduled(event: { scheduledTime: Date; cron: string }): Promise<{ outcome: string }>
}

export default {
  async fetch(request: Request, env: Env): Promise<Response> {
    const url = new URL(request.url)
    // Without a proxied DNS record no request for the host ever comes here.
    if (!env.HOSTS.includes(url.hostname)) return new Response('error code: 1016', { status: 530 })
    const script = routeOf(env.ROUTES, url)?.script
    // No Worker takes it, so Cloudflare asks the origin behind the host; there is none.
    if (typeof script !== 'string') return new Response('error code: 522', { status: 522 })
    const passed = new Request(request)
    // Whatever the caller says: it is the edge that knows who calls.
    passed.headers.set('CF-Connecting-IP', '127.0.0.1')
    return await (env[script] as Service).fetch(passed)
  },
}

/** Beside the public address: `/<script>?cron=…` runs a scheduled handler and answers its outcome. */
export const Control = {
  async fetch(request: Request, env: Env): Promise<Response> {
    const { pathname, searchParams } = new URL(request.url)
    const service = env[pathname.slice(1)] as Service
    const event = { scheduledTime: new Date(), cron: searchParams.get('cron') ?? '' }
    return Response.json(await service.scheduled(event))
  },
}
