/** A process that serves one bundle of the functions on Miniflare, with the bindings that a configuration of wrangler's gives them. */
import { dirname } from 'node:path'
import { Miniflare } from 'miniflare'
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
const miniflare = new Miniflare({
  host: '127.0.0.1',
  port,
  defaultPersistRoot: persistTo,
  // The cron function by hand, as `wrangler dev` has it: GET /cdn-cgi/handler/scheduled.
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
await miniflare.ready
process.once('SIGTERM', () => void miniflare.dispose().then(() => process.exit(0)))
