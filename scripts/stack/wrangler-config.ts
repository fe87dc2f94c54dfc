import { createRequire } from 'node:module'
import { join } from 'node:path'
import { projectRoot } from './manifest.ts'

export interface RateLimit {
  name: string
  namespace_id: string
  simple: { limit: number; period: 10 | 60 }
}

/** The part of a function's configuration that we look at, as TOML has it. */
export interface WranglerEnv {
  name?: string
  main?: string
  secrets?: { required?: string[] }
  ratelimits?: RateLimit[]
  [binding: string]: unknown
}

export interface WranglerConfig extends WranglerEnv {
  compatibility_date: string
  compatibility_flags?: string[]
  env?: Record<string, WranglerEnv>
}

/** One step of a Worker's Durable Object classes. */
export interface Migration {
  tag: string
  new_classes?: string[]
  new_sqlite_classes?: string[]
  renamed_classes?: { from: string; to: string }[]
  deleted_classes?: string[]
  transferred_classes?: { from: string; from_script: string; to: string }[]
}

export interface DurableObjectBinding {
  name: string
  class_name: string
  script_name?: string
}

/** A Worker as wrangler would upload it: what an env inherits is in it, and each list is there. */
export interface ResolvedConfig {
  name: string
  main: string
  compatibility_date: string
  compatibility_flags: string[]
  vars: Record<string, unknown>
  secrets?: { required?: string[] }
  durable_objects: { bindings: DurableObjectBinding[] }
  migrations: Migration[]
  ratelimits: RateLimit[]
  services?: { binding: string; service: string }[]
  routes?: (string | { pattern: string })[]
  triggers?: { crons?: string[] }
  placement?: { mode?: string }
  observability?: { enabled?: boolean } | undefined
  workers_dev?: boolean
  preview_urls?: boolean
  keep_names?: boolean
  [other: string]: unknown
}

// wrangler's own types name a package it does not ship with.
interface Wrangler {
  experimental_readRawConfig: (options: { config: string }) => { rawConfig: WranglerConfig }
  unstable_readConfig: (
    options: { config: string; env: string | undefined },
    how: { hideWarnings: boolean },
  ) => ResolvedConfig
}

/** Loaded when it is asked: that takes seconds, and not every run of a command reads the file. */
const wrangler = (): Wrangler => createRequire(import.meta.url)('wrangler') as Wrangler

const WRANGLER_TOML = join(projectRoot, 'wrangler.toml')

/**
 * What `wrangler deploy --env <env>` would upload, by wrangler's own rules of inheritance; the gateway without an env.
 * @throws Error with wrangler's words when the file is not valid
 */
export const resolvedConfig = (env?: string, file = WRANGLER_TOML): ResolvedConfig =>
  wrangler().unstable_readConfig({ config: file, env }, { hideWarnings: true })

/** wrangler.toml as it is written: the gateway at the top, `env` with one table for each function. */
export const readWranglerConfig = (file = WRANGLER_TOML): WranglerConfig =>
  wrangler().experimental_readRawConfig({ config: file }).rawConfig
