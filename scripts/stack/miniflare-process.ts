/** A process that serves one bundle of the functions on Miniflare, with the bindings that a configuration of wrangler's gives them. */
import { dirname } from 'node:path'
import { convertV4MiniflareOptions, Miniflare } from 'miniflare'
import * as wrangler from 'wrangler'

export interface MiniflareTask {
  port: number
  /** Of wrangler. */
  config: string
  /** Variables of the functions: `NAME='value'` lines. */
  envFile: string
  persistTo: string
  /** The ES module. */
  bundle: string
}

// The types of both packages name packages that they do not ship with.
const { unstable_getMiniflareWorkerOptions: workerOptionsOf } = wrangler as unknown as {
  unstable_getMiniflareWorkerOptions: (
    config: string,
    env: undefined,
    options: { envFiles: string[] },
  ) => { workerOptions: object }
}

const { port, config, envFile, persistTo, bundle } = JSON.parse(process.argv[2] ?? '') as MiniflareTask
const { workerOptions } = workerOptionsOf(config, undefined, { envFiles: [envFile] })
// wrangler still speaks of workers in the options of Miniflare 4.
const options = convertV4MiniflareOptions({
  host: '127.0.0.1',
  port,
  resourcePersistencePath: persistTo,
  // The cron function by hand, as `wrangler dev` has it: GET /cdn-cgi/local/scheduled.
  unsafeTriggerHandlers: true,
  workers: [
    {
      ...workerOptions,
      name: 'tidegate',
      modulesRoot: dirname(bundle),
      modules: [{ type: 'ESModule', path: bundle }],
    },
  ],
})
const miniflare = new Miniflare(options)
await miniflare.ready
process.once('SIGTERM', () => void miniflare.dispose().then(() => process.exit(0)))
