/**
 * A stand-in for Cloudflare: its API on loopback, with its refusals, and its edge, which serves what was deployed. The real
 * wrangler talks to it with `CLOUDFLARE_API_BASE_URL`.
 */
import { mkdir } from 'node:fs/promises'
import { newId, type Account, type Zone } from './account.ts'
import { startApiServer, type ApiServer } from './api-server.ts'
import { startEdge, type Edge } from './edge.ts'

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
  /** Serves what is deployed; it is started by the first call and follows each change. */
  edge(): Promise<Edge>
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
  let edge: Edge | undefined
  let stale = false
  const token = newId()
  const api = await startApiServer({ account, token, allZones, onChange: () => (stale = true) })
  return {
    account,
    token,
    api,
    async edge() {
      if (edge && stale) await edge.refresh()
      edge ??= await startEdge({ account, folder, onOutput })
      stale = false
      return edge
    },
    async stop() {
      await api.stop()
      await edge?.stop()
    },
  }
}
