/** Which secrets a function's code declares: read from the schemas of its endpoints, not from its text. */
import { register } from 'node:module'
import { pathToFileURL } from 'node:url'
import type * as z from 'zod/mini'
import { secretsIn } from './secrets.ts'

// Durable Objects and entry points extend classes that only workerd has: here they need only be there.
const WORKERD_ONLY = `
const stand = 'data:text/javascript,export class DurableObject {} export class WorkerEntrypoint {} export const env = {}'
export const resolve = (name, context, next) =>
  name.startsWith('cloudflare:') ? { url: stand, shortCircuit: true } : next(name, context)
`
register(`data:text/javascript,${encodeURIComponent(WORKERD_ONLY)}`)

interface Worker {
  endpoints?: { env?: unknown }[]
  /** A function without endpoints (cron, stream) shows the schema of its variables here. */
  env?: unknown
}

/** @throws whatever the module throws while it loads */
export async function declaredSecrets(file: string): Promise<string[]> {
  const module = (await import(pathToFileURL(file).href)) as { default?: Worker; env?: unknown }
  const worker = module.default ?? {}
  const schemas = [worker.env, module.env, ...(worker.endpoints ?? []).map((endpoint) => endpoint.env)]
  return [...new Set(schemas.flatMap(secretsOf))].sort()
}

const secretsOf = (schema: unknown): string[] =>
  secretsIn((schema as { shape?: Record<string, z.ZodMiniType> } | undefined)?.shape ?? {})
