/** A process that serves one bundle of the functions on Miniflare, with the bindings of the local configuration. */
import { readFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import type { LocalConfig } from './local-config.ts'

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

/** The pipe that it comes through, once the caller has everything that it names. */
const TASK = 4
const json = <T>(file: string): T => JSON.parse(readFileSync(file, 'utf8')) as T
const task = JSON.parse(await text(new Socket({ fd: TASK }))) as MiniflareTask
const { port, config, envFile, persistTo, bundle } = task
const { compatibilityDate, compatibilityFlags, durableObjects, rateLimits } = json<LocalConfig>(config)

// Miniflare 5 still has the options of Miniflare 4 for workers that no build tool described.
const options = convertV4MiniflareOptions({
  host: '127.0.0.1',
  port,
  resourcePersistencePath: persistTo,
  // The cron function by hand: GET /cdn-cgi/local/scheduled.
  unsafeTriggerHandlers: true,
  workers: [
    {
      name: 'tidegate',
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
const miniflare = new Miniflare(options)
await miniflare.ready
process.once('SIGTERM', () => void miniflare.dispose().then(() => process.exit(0)))
