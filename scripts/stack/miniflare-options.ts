/** All functions as Miniflare is told to serve them, with the bindings of the local configuration. */
import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname } from 'node:path'
import type { MiniflareOptions } from 'miniflare'
import type { LocalConfig } from './local-config.ts'

// By require: for an import Node reads all of its 6 MB once more, to find the names in it, which takes longer than to load it.
export const { Miniflare, convertV4MiniflareOptions } = createRequire(import.meta.url)(
  'miniflare',
) as typeof import('miniflare')

export interface MiniflareTask {
  port: number
  /** What `writeLocalConfig` wrote. */
  config: string
  /** Variables of the functions: a JSON object of texts. */
  envFile: string
  persistTo: string
  /** The ES module. */
  bundle: string
}

/** Of the one Worker that has them all. */
export const WORKER_NAME = 'tidegate'

const json = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T

export function miniflareOptions({
  port,
  config,
  envFile,
  persistTo,
  bundle,
}: MiniflareTask): MiniflareOptions {
  const { compatibilityDate, compatibilityFlags, durableObjects, rateLimits } = json<LocalConfig>(config)
  // Miniflare 5 still has the options of Miniflare 4 for workers that no build tool described.
  return convertV4MiniflareOptions({
    host: '127.0.0.1',
    port,
    resourcePersistencePath: persistTo,
    // The cron function by hand: GET /cdn-cgi/local/scheduled.
    unsafeTriggerHandlers: true,
    workers: [
      {
        name: WORKER_NAME,
        compatibilityDate,
        compatibilityFlags,
        bindings: json<Record<string, string>>(envFile),
        durableObjects: Object.fromEntries(
          durableObjects.map(({ name, class_name: className }) => [name, { className, useSQLite: true }]),
        ),
        ratelimits: Object.fromEntries(rateLimits.map(({ name, ...limit }) => [name, limit])),
        modulesRoot: dirname(bundle),
        modules: [{ type: 'ESModule', path: bundle }],
      },
    ],
  })
}
