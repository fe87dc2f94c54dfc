/** Serves what is deployed when it is started: every Worker's deployed version on workerd, behind the routes of the zones. */
import { build } from 'esbuild'
import { mkdir, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { startWorkerd } from '../raw-workerd.ts'
import type { Account } from './account.ts'
import { edgeConfig, type OwnWorkers } from './edge-config.ts'

export interface EdgeOptions {
  account: Account
  /** Where Durable Objects are kept, and the Workers while they run. */
  folder: string
  /** What the Workers print. */
  onOutput: (chunk: string) => void
}

export interface Edge {
  /** Any host of the zones is reached at this port, by its name in the `Host` header. */
  port: number
  /** Runs the scheduled handler of a Worker, as its cron would. @throws Error where it has no such schedule */
  runCron(script: string, cron: string): Promise<{ outcome: string }>
  stop(): Promise<void>
}

const CONFIG = 'edge.capnp'

/** @throws Error with workerd's words when it does not come up */
export async function startEdge({ account, folder, onOutput }: EdgeOptions): Promise<Edge> {
  const own = await ownWorkers()
  const objects = join(folder, 'objects')
  await mkdir(objects, { recursive: true })
  const config = edgeConfig(account, own, objects)
  // The variables hold the Workers' secrets.
  const files = [...config.files, { name: CONFIG, content: config.text }]
  for (const { name, content } of files) await writeFile(join(folder, name), content, { mode: 0o600 })
  const workerd = await startWorkerd({ folder, config: CONFIG, sockets: ['edge', 'control'], onOutput })
  const { edge: port = 0, control = 0 } = workerd.ports
  return {
    port,
    async runCron(name, cron) {
      const script = account.scripts.get(name)
      if (!script?.schedules.some((one) => one.cron === cron))
        throw new Error(`${name} has no schedule ${cron}`)
      const response = await fetch(`http://127.0.0.1:${control}/${name}?cron=${encodeURIComponent(cron)}`)
      if (!response.ok) throw new Error(`the cron of ${name} failed: ${await response.text()}`)
      return (await response.json()) as { outcome: string }
    },
    async stop() {
      await workerd.stop()
      await rm(join(folder, CONFIG), { force: true })
    },
  }
}

async function ownWorkers(): Promise<OwnWorkers> {
  const bundled = async (file: string): Promise<string> => {
    const { outputFiles } = await build({
      entryPoints: [join(import.meta.dirname, file)],
      bundle: true,
      format: 'esm',
      write: false,
      external: ['cloudflare:*'],
      logLevel: 'silent',
    })
    return outputFiles[0]?.text ?? ''
  }
  return { edge: await bundled('edge-worker.ts'), rateLimit: await bundled('rate-limit-worker.ts') }
}
