/** Runs bundles on `workerd serve` itself, without wrangler or Miniflare in front: what a benchmark has to measure. */
import { spawn, type ChildProcess } from 'node:child_process'
import { copyFile, mkdir, writeFile } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import type { Readable } from 'node:stream'
import { readWranglerConfig } from './wrangler-config.ts'

export interface RawWorker {
  name: string
  /** The ES module, all in one file. */
  file: string
  /** Variables and secrets, as text. */
  vars: Record<string, string>
  /** Binding → class exported by the module. Their storage is in memory. */
  durableObjects?: Record<string, string>
}

export interface RawWorkerd {
  /** Socket → port on 127.0.0.1; each Worker of `startRawWorkerd` has one of its name. */
  ports: Record<string, number>
  pid: number
  /** When its process was asked for, by `performance.now()`. */
  spawnedAt: number
  stop(): Promise<void>
}

interface Options {
  folder: string
  /** More than one share the process, as isolates of their own. */
  workers: RawWorker[]
  /** Where console output goes; nowhere by default. */
  onOutput?: (chunk: string) => void
}

const START_LIMIT_MS = 20_000
const CONFIG = 'config.capnp'

/** @throws Error with workerd's words when it does not come up */
export async function startRawWorkerd({ folder, workers, onOutput }: Options): Promise<RawWorkerd> {
  await mkdir(folder, { recursive: true })
  for (const { name, file } of workers) await copyFile(file, join(folder, `${name}.js`))
  // The variables hold passwords of the local stack.
  await writeFile(join(folder, CONFIG), configText(workers), { mode: 0o600 })
  const sockets = workers.map(({ name }) => name)
  return await startWorkerd({ folder, config: CONFIG, sockets, ...(onOutput && { onOutput }) })
}

export interface WorkerdOptions {
  folder: string
  /** The configuration file in it. */
  config: string
  /** Names of its sockets: it is up when it listens on each. */
  sockets: string[]
  /** Where console output goes; nowhere by default. */
  onOutput?: (chunk: string) => void
}

/** @throws Error with workerd's words when it does not come up */
export async function startWorkerd({
  folder,
  config,
  sockets,
  onOutput,
}: WorkerdOptions): Promise<RawWorkerd> {
  const spawnedAt = performance.now()
  const child = spawn(binary(), ['serve', '--experimental', '--control-fd=3', config], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  const kill = () => void child.kill('SIGKILL')
  process.once('exit', kill)
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async () => {
    process.off('exit', kill)
    kill()
    await gone
  }
  let said = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      if (said.length < 4_000) said += String(chunk)
      onOutput?.(String(chunk))
    })
  }
  try {
    return { ports: await listening(child, sockets), pid: child.pid ?? 0, spawnedAt, stop }
  } catch (error) {
    await stop()
    throw new Error(`workerd did not start: ${(error as Error).message}\n${said.trim()}`)
  }
}

/** The workerd that wrangler itself would run. */
function binary(): string {
  const ofWrangler = createRequire(createRequire(import.meta.url).resolve('wrangler'))
  return (ofWrangler('workerd') as { default: string }).default
}

/** Reads the ports that workerd took from its control pipe. */
async function listening(child: ChildProcess, sockets: string[]): Promise<Record<string, number>> {
  const ports: Record<string, number> = {}
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error('it listens on nothing')), START_LIMIT_MS)
    child.once('error', reject)
    child.once('exit', (code) => reject(new Error(`it exited with ${code}`)))
    let rest = ''
    ;(child.stdio[3] as Readable).on('data', (chunk: Buffer) => {
      const lines = (rest + String(chunk)).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) {
        const event = JSON.parse(line) as { event: string; socket: string; port: number }
        if (event.event === 'listen') ports[event.socket] = event.port
      }
      if (Object.keys(ports).length < sockets.length) return
      clearTimeout(timer)
      resolve(ports)
    })
  })
}

const text = JSON.stringify
/** Rate limits are bindings of Cloudflare's and Miniflare's: plain workerd has none, and a benchmark measures without. */
const UNLIMITED = { RATE_LIMITS: 'off' }

function configText(workers: RawWorker[]): string {
  const { compatibility_date: date, compatibility_flags: flags = [] } = readWranglerConfig()
  const services = workers.map(({ name }, at) => `(name = ${text(name)}, worker = .worker${at})`)
  const sockets = workers.map(
    ({ name }) => `(name = ${text(name)}, address = "127.0.0.1:0", http = (), service = ${text(name)})`,
  )
  return `using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [${services.join(', ')}, (name = "internet", network = (allow = ["public", "private"]))],
  sockets = [${sockets.join(', ')}],
);
${workers.map((worker, at) => workerText(worker, at, date, flags)).join('\n')}`
}

function workerText(
  { name, vars, durableObjects = {} }: RawWorker,
  at: number,
  date: string,
  flags: string[],
): string {
  const bindings = [
    ...Object.entries({ ...UNLIMITED, ...vars }).map(
      ([key, value]) => `(name = ${text(key)}, text = ${text(value)})`,
    ),
    ...Object.entries(durableObjects).map(
      ([key, className]) =>
        `(name = ${text(key)}, durableObjectNamespace = (className = ${text(className)}))`,
    ),
  ]
  const classes = Object.values(durableObjects).map(
    (className) =>
      `(className = ${text(className)}, uniqueKey = ${text(`${name}.${className}`)}, enableSql = true)`,
  )
  return `const worker${at} :Workerd.Worker = (
  modules = [(name = "worker", esModule = embed ${text(`${name}.js`)})],
  compatibilityDate = ${text(date)},
  compatibilityFlags = ${text(flags)},
  globalOutbound = "internet",
  bindings = [${bindings.join(', ')}],${
    classes.length === 0
      ? ''
      : `
  durableObjectNamespaces = [${classes.join(', ')}],
  durableObjectStorage = (inMemory = void),`
  }
);`
}
