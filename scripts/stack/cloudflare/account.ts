/** What Cloudflare knows of one account: its zones with their routes, and its Workers with their versions. */
import { randomBytes, randomUUID } from 'node:crypto'
import { notFound } from './refusal.ts'

export type Binding =
  | { type: 'plain_text' | 'secret_text'; name: string; text: string }
  | { type: 'json'; name: string; json: unknown }
  | { type: 'durable_object_namespace'; name: string; class_name: string; script_name?: string }
  | { type: 'service'; name: string; service: string }
  | {
      type: 'ratelimit'
      name: string
      namespace_id: string
      simple: { limit: number; period: number }
    }

export interface Module {
  name: string
  content: Buffer
  type: string
}

/** What an upload makes; it never changes. */
export interface Version {
  id: string
  number: number
  createdOn: string
  annotations: Record<string, string>
  mainModule: string
  modules: Module[]
  bindings: Binding[]
  exports: string[]
  compatibilityDate: string
  compatibilityFlags: string[]
  placement: { mode?: string } | undefined
  /** Where it came from: `wrangler`, `api`, `secret`. */
  source: string
}

export interface Deployment {
  id: string
  createdOn: string
  versions: { version_id: string; percentage: number }[]
  annotations: Record<string, string>
}

/** What belongs to a Worker whatever version runs. */
export interface ScriptSettings {
  observability: { enabled: boolean }
  logpush: boolean
  tail_consumers: unknown[] | null
  tags: string[]
}

export interface Script {
  name: string
  tag: string
  createdOn: string
  migrationTag: string | undefined
  /** Durable Object class → id of its namespace. */
  classes: Map<string, { namespaceId: string; sqlite: boolean }>
  /** Oldest first. */
  versions: Version[]
  /** Newest first. */
  deployments: Deployment[]
  settings: ScriptSettings
  schedules: { cron: string; created_on: string; modified_on: string }[]
  subdomain: { enabled: boolean; previews_enabled: boolean }
}

export interface Route {
  id: string
  pattern: string
  /** null: requests that match go to no Worker. */
  script: string | null
}

export interface Zone {
  id: string
  name: string
  /** Hosts with a proxied DNS record: only these reach the edge, whatever the routes say. */
  hosts: string[]
  routes: Route[]
}

export interface Account {
  id: string
  zones: Zone[]
  scripts: Map<string, Script>
  /** Of workers.dev; undefined until it is registered. */
  subdomain: string | undefined
}

export const newId = (): string => randomBytes(16).toString('hex')
export const now = (): string => new Date().toISOString()

export function newScript(name: string): Script {
  return {
    name,
    tag: newId(),
    createdOn: now(),
    migrationTag: undefined,
    classes: new Map(),
    versions: [],
    deployments: [],
    settings: { observability: { enabled: false }, logpush: false, tail_consumers: null, tags: [] },
    schedules: [],
    subdomain: { enabled: false, previews_enabled: false },
  }
}

/** @throws Refusal 10007, as the API has it for every path below a Worker */
export function scriptNamed(account: Account, name: string): Script {
  const script = account.scripts.get(name)
  if (!script) throw notFound(`This Worker ("${name}")`)
  return script
}

export const latestVersion = (script: Script): Version | undefined => script.versions.at(-1)

/** The version that answers requests: a draft or an undeployed upload is none. */
export function deployedVersion(script: Script): Version | undefined {
  const first = script.deployments[0]?.versions.toSorted((a, b) => b.percentage - a.percentage)[0]
  return script.versions.find(({ id }) => id === first?.version_id)
}

/** Lets a version answer all requests. */
export function deployVersion(
  script: Script,
  versions: Deployment['versions'],
  annotations: Record<string, string> = {},
): Deployment {
  const deployment = { id: randomUUID(), createdOn: now(), versions, annotations }
  script.deployments.unshift(deployment)
  return deployment
}
