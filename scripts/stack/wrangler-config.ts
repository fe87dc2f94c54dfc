import { join } from 'node:path'
import * as wrangler from 'wrangler'
import { projectRoot } from './manifest.ts'

/** The part of a function's configuration that we look at, as TOML has it. */
export interface WranglerEnv {
  name?: string
  main?: string
  secrets?: { required?: string[] }
  [binding: string]: unknown
}

export interface WranglerConfig extends WranglerEnv {
  compatibility_date: string
  compatibility_flags?: string[]
  env?: Record<string, WranglerEnv>
}

// wrangler's own types name a package it does not ship with.
const { experimental_readRawConfig: readRawConfig } = wrangler as unknown as {
  experimental_readRawConfig: (options: { config: string }) => { rawConfig: WranglerConfig }
}

/** wrangler.toml as it is written: the gateway at the top, `env` with one table for each function. */
export const readWranglerConfig = (file = join(projectRoot, 'wrangler.toml')): WranglerConfig =>
  readRawConfig({ config: file }).rawConfig
