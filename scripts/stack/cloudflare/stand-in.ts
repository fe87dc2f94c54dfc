/**
 * A stand-in for Cloudflare: its API on loopback, with its refusals, and its edge, which serves what was deployed. The real
 * wrangler talks to it with `CLOUDFLARE_API_BASE_URL`.
 */
import { mkdir } from 'node:fs/promises'
import { newId, type Account, type Zone } from './account.ts'
import { startApiServer, type ApiServer } from './api-server.ts'
import { startEdge, type Edge, type EdgeOptions } from './edge.ts'
import { startFront } from './front.ts'

export interface StandInOptions {
  zones: Pick<Zone, 'name' | 'hosts'>[]
  /** Where the Workers' objects are kept. */
  folder: string
  /** Default true: see `ApiServerOptions`. */
  allZones?: boolean
  onOutput?: (chunk: string) => void
}

export interface CloudflareStandIn {
  account: Account
  token: string
  api: ApiServer
  /** Any host of the zones is reached here, by its name in the `Host` header: it serves what is deployed now. */
  edgeUrl: string
  /** Runs the scheduled handler of a Worker, as its cron would. @throws Error where it has no such schedule */
  runCron(script: string, cron: string): Promise<{ outcome: string }>
  stop(): Promise<void>
}

export async function startCloudflare(options: StandInOptions): Promise<CloudflareStandIn> {
  const { zones, folder, allZones = true, onOutput = () => {} } = options
  await mkdir(folder, { recursive: true })
  const account: Account = {
    id: newId(),
    zones: zones.map((zone) => ({ ...zone, id: newId(), routes: [] })),
    scripts: new Map(),
    subdomain: undefined,
  }
  const token = newId()
  const edge = followingEdge({ account, folder, onOutput })
  const api = await startApiServer({ account, token, allZones, onChange: edge.changed })
  const front = await startFront(async () => (await edge.now()).port)
  return {
    account,
    token,
    api,
    edgeUrl: `http://127.0.0.1:${front.port}`,
    runCron: async (script, cron) => await (await edge.now()).runCron(script, cron),
    async stop() {
      await api.stop()
      await front.stop()
      await edge.stop()
    },
  }
}

/** An edge that is started anew for whoever comes after a change. */
function followingEdge(options: EdgeOptions) {
  let running: Promise<Edge> | undefined
  let stale = false
  const now = async (): Promise<Edge> => {
    if (!running || stale) {
      const old = running
      stale = false
      running = (async () => {
        await (await old)?.stop()
        return await startEdge(options)
      })()
    }
    return await running
  }
  return { now, changed: () => void (stale = true), stop: async () => await (await running)?.stop() }
}
