/** What the functions themselves say they answer, so that a new one cannot be forgotten by the shared tests. */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import * as z from 'zod/mini'
import type { Worker } from '../../functions/_lib/http/serve.ts'
import { fullPath, type Endpoint } from '../../functions/_lib/http/endpoint.ts'
import { projectRoot } from '../../scripts/stack/manifest.ts'

/** Function files that have no HTTP endpoint to attack, and why. */
export const NOT_ATTACKED: Record<string, string> = {
  'settle.ts': 'only the cron trigger runs it; it answers no request',
  'stream.ts': 'a WebSocket upgrade; its own tests attack the handshake and the messages',
}

export interface Listed {
  file: string
  /** `POST /api/v1/spot/transfer` */
  name: string
  path: string
  endpoint: Endpoint
}

export const functionFiles = (): string[] =>
  readdirSync(join(projectRoot, 'functions')).filter((name) => name.endsWith('.ts') && name !== 'index.ts')

/** Every endpoint of every function file but those left out with a reason. @throws Error naming a file that has none */
export async function allEndpoints(leftOut: Record<string, string> = NOT_ATTACKED): Promise<Listed[]> {
  const listed: Listed[] = []
  for (const file of functionFiles()) {
    if (file in leftOut) continue
    const { default: worker } = (await import(/* @vite-ignore */ join(projectRoot, 'functions', file))) as {
      default: Partial<Worker>
    }
    if (!worker.endpoints?.length)
      throw new Error(`functions/${file} has no endpoints and no reason in NOT_ATTACKED`)
    for (const endpoint of worker.endpoints) {
      const path = fullPath(endpoint)
      listed.push({ file, name: `${endpoint.method} ${path}`, path, endpoint })
    }
  }
  return listed
}

/** What the body's own examples leave open, by path: values with which the request would succeed. */
const SAMPLES: Record<string, Record<string, unknown>> = {
  '/api/v1/spot/transfer': { direction: 'spot_to_perp' },
  '/api/v1/spot/withdraw/request': { token: 'DF' },
  '/api/v1/auth/logout': { everywhere: false },
}

interface JsonSchema {
  properties?: Record<string, JsonSchema>
  required?: string[]
  examples?: unknown[]
  type?: string
}

/** Names of the body's fields that hold an account. */
export const isAddressField = (name: string): boolean =>
  /^(address|user_address|recipient|account|to_account|main_account|subaccount|agent_wallet)$/.test(name)

export function bodyFields(endpoint: Endpoint): Record<string, JsonSchema> {
  if (!endpoint.body) return {}
  const schema = z.toJSONSchema(endpoint.body, { io: 'input', unrepresentable: 'any' }) as JsonSchema
  return schema.properties ?? {}
}

/** A body that is right in every field, for `account`. */
export function sampleBody({ endpoint, path }: Listed, account: string): Record<string, unknown> {
  const entries = Object.entries(bodyFields(endpoint)).map(([name, schema]) => {
    if (isAddressField(name)) return [name, account]
    if (name === 'amount') return [name, '1.5']
    return [name, schema.examples?.[0] ?? (schema.type === 'number' ? 1 : 'x')]
  })
  return { ...(Object.fromEntries(entries) as Record<string, unknown>), ...SAMPLES[path] }
}

/** The path with its parameters filled in. */
export function filledPath(path: string, account: string, params: Record<string, string> = {}): string {
  return path.replace(/:([a-z_]+)/g, (_match, name: string) =>
    encodeURIComponent(
      params[name] ?? (isAddressField(name) ? account : '019a0b3c-5d1e-7c4a-9b1a-0c8e2f4d6a10'),
    ),
  )
}
