/** What Cloudflare knows of the deployment: reads that wrangler has no command for, and removals. */
import { MESSAGE } from './upload.ts'
import type { Deployment } from './settings.ts'

export interface DeployedWorker {
  /** Of the deployed version, where it was deployed by us and nothing was changed by hand since. */
  mark: string | undefined
  bundle: string | undefined
  vars: Record<string, string>
  secrets: string[]
  crons: string[]
  observed: boolean
  /** Has it an address at workers.dev, past the host and its rules? */
  atWorkersDev: boolean
}

export interface Route {
  id: string
  pattern: string
  script: string | null
}

export interface CloudflareApi {
  /** Names of all Workers of the account. */
  workers(): Promise<string[]>
  worker(name: string): Promise<DeployedWorker>
  routes(): Promise<Route[]>
  /** undefined where the token may not read the zone. */
  zoneName(): Promise<string | undefined>
  removeRoute(id: string): Promise<void>
  /** With its schedules, and what its objects stored; also where others bind it. */
  removeWorker(name: string): Promise<void>
}

interface Version {
  annotations?: Record<string, string>
  resources: { bindings?: { type: string; name: string; text?: string }[] }
}

const LIMIT_MS = 30_000

export function cloudflareApi({ settings, apiToken, cloudflareApi: base }: Deployment): CloudflareApi {
  const scripts = `/accounts/${settings.account}/workers/scripts`
  const routes = `/zones/${settings.zone}/workers/routes`

  /** @throws Error with Cloudflare's words */
  async function ask<T>(path: string, method = 'GET', notAllowed?: T): Promise<T> {
    const response = await fetch(base + path, {
      method,
      headers: { authorization: `Bearer ${apiToken}` },
      signal: AbortSignal.timeout(LIMIT_MS),
    })
    const body = (await response.json().catch(() => ({}))) as {
      success?: boolean
      result: T
      errors?: { code: number; message: string }[]
    }
    if (body.success) return body.result
    if (response.status === 403 && notAllowed !== undefined) return notAllowed
    const said = body.errors?.map(({ code, message }) => `${message} [code: ${code}]`).join('; ')
    throw new Error(`Cloudflare: ${method} ${path}: ${said ?? `HTTP ${response.status}`}`)
  }

  return {
    workers: async () => (await ask<{ id: string }[]>(scripts)).map(({ id }) => id),
    async worker(name) {
      const { deployments } = await ask<{ deployments: { versions: { version_id: string }[] }[] }>(
        `${scripts}/${name}/deployments`,
      )
      const { schedules } = await ask<{ schedules: { cron: string }[] }>(`${scripts}/${name}/schedules`)
      const { observability } = await ask<{ observability?: { enabled?: boolean } }>(
        `${scripts}/${name}/script-settings`,
      )
      const { enabled: atWorkersDev } = await ask<{ enabled: boolean }>(`${scripts}/${name}/subdomain`)
      const versions = deployments[0]?.versions ?? []
      const only = versions.length === 1 ? versions[0]?.version_id : undefined
      const version =
        only === undefined ? undefined : await ask<Version>(`${scripts}/${name}/versions/${only}`)
      const bindings = version?.resources.bindings ?? []
      const message = version?.annotations?.['workers/message'] ?? ''
      return {
        mark: message.startsWith(MESSAGE) ? message.slice(MESSAGE.length) : undefined,
        bundle: version?.annotations?.['workers/tag'],
        vars: Object.fromEntries(
          bindings.flatMap(({ type, name, text }) => (type === 'plain_text' ? [[name, text ?? '']] : [])),
        ),
        secrets: bindings.flatMap(({ type, name }) => (type === 'secret_text' ? [name] : [])),
        crons: schedules.map(({ cron }) => cron),
        observed: observability?.enabled === true,
        atWorkersDev,
      }
    },
    routes: async () => await ask<Route[]>(routes),
    zoneName: async () => (await ask<{ name?: string }>(`/zones/${settings.zone}`, 'GET', {})).name,
    async removeRoute(id) {
      await ask(`${routes}/${id}`, 'DELETE')
    },
    async removeWorker(name) {
      await ask(`${scripts}/${name}?force=true`, 'DELETE')
    },
  }
}
