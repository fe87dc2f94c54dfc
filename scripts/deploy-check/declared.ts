/** What a function's code declares: read from its endpoints and their schemas, not from its text. */
import { readdirSync } from 'node:fs'
import { register } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type * as z from 'zod/mini'
import { fullPath, type Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { OBJECTS, type ObjectName } from '../../functions/_lib/http/objects.ts'
import type { RateName } from '../../functions/_lib/limits.ts'
import { ratesOf } from '../../functions/_lib/http/rate-limit.ts'
import { projectRoot } from '../stack/manifest.ts'
import { secretsIn } from './secrets.ts'

// Durable Objects and entry points extend classes that only workerd has: here they need only be there.
const WORKERD_ONLY = `
const stand = 'data:text/javascript,export class DurableObject {} export class WorkerEntrypoint {} export const env = {}'
export const resolve = (name, context, next) =>
  name.startsWith('cloudflare:') ? { url: stand, shortCircuit: true } : next(name, context)
`
register(`data:text/javascript,${encodeURIComponent(WORKERD_ONLY)}`)

interface Worker {
  endpoints?: Endpoint[]
  /** A function without endpoints (cron, stream) shows the schema of its variables here. */
  env?: unknown
  objects?: ObjectName[]
  crons?: string[]
  scheduled?: unknown
}

export interface Declared {
  /** Every variable it reads, with its schema. */
  variables: Record<string, z.ZodMiniType>
  /** Names of those that are secret. */
  secrets: string[]
  /** Of its endpoints, as Hono has them: `/api/v1/spot/withdrawals/:withdrawal_id`. */
  paths: string[]
  /** The rate limits that its endpoints count. */
  rates: RateName[]
  /** The Durable Objects that it speaks to, and of which it has the class. */
  objects: ObjectName[]
  owns: ObjectName[]
  crons: string[]
  /** Has it a cron handler? */
  scheduled: boolean
}

/** Every function, by the name of its file, in order. */
export const functionNames = (): string[] =>
  readdirSync(join(projectRoot, 'functions'))
    .filter((name) => name.endsWith('.ts') && name !== 'index.ts')
    .map((name) => name.replace(/\.ts$/, ''))
    .sort()

/** @throws whatever the module throws while it loads */
export async function declaredBy(file: string): Promise<Declared> {
  const module = (await import(pathToFileURL(file).href)) as { default?: Worker; env?: unknown }
  const worker = module.default ?? {}
  const endpoints = worker.endpoints ?? []
  const schemas = [worker.env, module.env, ...endpoints.map((endpoint) => endpoint.env)]
  const variables = Object.assign({}, ...schemas.map(shapeOf)) as Declared['variables']
  return {
    variables,
    secrets: secretsIn(variables).sort(),
    paths: [...new Set(endpoints.map(fullPath))],
    rates: [...new Set(endpoints.flatMap(ratesOf))],
    objects: (Object.keys(OBJECTS) as ObjectName[]).filter(
      (name) => worker.objects?.includes(name) || endpoints.some(({ objects }) => objects?.includes(name)),
    ),
    owns: (Object.keys(OBJECTS) as ObjectName[]).filter((name) => OBJECTS[name] in module),
    crons: worker.crons ?? [],
    scheduled: typeof worker.scheduled === 'function',
  }
}

const shapeOf = (schema: unknown): object => (schema as { shape?: object } | undefined)?.shape ?? {}
