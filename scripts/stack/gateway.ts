import { spawn } from 'node:child_process'
import { createWriteStream, type WriteStream } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { QUIET_WRANGLER } from './bundle.ts'
import { projectRoot } from './manifest.ts'
import type { MiniflareTask } from './miniflare-options.ts'
import { programEnv } from './program-env.ts'

export interface Gateway {
  port: number
  /** Resolves when the runtime has ended in any way. */
  gone: Promise<void>
  stop(): Promise<void>
  /** Ends it as a machine that dies would: at once, whatever is under way. */
  kill(): Promise<void>
}

export interface GatewayOptions {
  port: number
  /** The local configuration, as `writeLocalConfig` writes it. */
  config: string
  /** Variables of the functions: a JSON object of texts, readable by us alone. */
  envFile: string
  persistTo: string
  logFile: string
  /** All functions as one ES module. */
  bundle: string
}

const START_LIMIT_MS = 90_000
const STOP_LIMIT_MS = 5_000

/**
 * Keeps the runtime no longer than us: our end of the pipe closes when we exit in whatever way, SIGKILL
 * too, and the whole process group is then stopped.
 */
const KEEPER = `exec 3<&0
(cat <&3 >/dev/null; trap '' TERM; kill -TERM 0; sleep 3; kill -KILL 0) &
"$0" "$@" </dev/null 3<&-
`

/** Its types can just be left out, which Node itself does, in a quarter of a second less than tsx takes to load. */
const STRIP_TYPES = ['--experimental-strip-types', '--disable-warning=ExperimentalWarning']

/** Why nothing can listen on this port of loopback, in one line; undefined when it is free. */
export async function portFault(port: number): Promise<string | undefined> {
  const code = await new Promise<string | undefined>((resolve) => {
    const probe = createServer()
    probe.once('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message))
    probe.listen(port, '127.0.0.1', () => probe.close(() => resolve(undefined)))
  })
  if (code === undefined) return undefined
  const why =
    code === 'EADDRINUSE' ? 'taken' : code === 'EACCES' ? 'closed to this user' : `not to be had: ${code}`
  return `port ${port} is ${why}: choose another with \`npm run dev -- --port ${await freePort()}\``
}

export const portIsFree = async (port: number): Promise<boolean> => (await portFault(port)) === undefined

export async function freePort(): Promise<number> {
  return await new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const { port } = probe.address() as { port: number }
      probe.close(() => resolve(port))
    })
  })
}

/** A process that has Miniflare loaded, and waits to be told what to serve. */
export interface WaitingRuntime {
  /**
   * Serves all functions behind one origin, and waits until the first request is answered.
   * @throws Error with the runtime's last lines when it does not come up
   */
  serve(options: GatewayOptions): Promise<Gateway>
  stop(): Promise<void>
}

/** Loading takes as long as much of a start: it can go on beside that. */
export function prepareRuntime(): WaitingRuntime {
  const script = join(import.meta.dirname, 'miniflare-process.ts')
  const child = spawn('sh', ['-c', KEEPER, process.execPath, ...STRIP_TYPES, script], {
    cwd: projectRoot,
    detached: true,
    // The last is where its task comes from; the shell uses the one before for itself.
    stdio: ['pipe', 'pipe', 'pipe', 'ignore', 'pipe'],
    env: programEnv(QUIET_WRANGLER),
  })
  const [input, , , , task] = child.stdio as [Writable, Readable, Readable, null, Writable]
  for (const pipe of [input, task]) pipe.on('error', () => {})
  let log: WriteStream | undefined
  let last = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      last = (last + chunk.toString()).slice(-2_000)
      log?.write(chunk)
    })
  }
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const end = async (signal: NodeJS.Signals) => {
    signalGroup(child.pid, signal)
    const timer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), STOP_LIMIT_MS)
    await gone
    clearTimeout(timer)
    log?.end()
  }
  const stop = async () => await end('SIGTERM')
  const serve = async ({ logFile, ...rest }: GatewayOptions): Promise<Gateway> => {
    log = createWriteStream(logFile, { flags: 'a', mode: 0o600 })
    task.end(JSON.stringify(rest satisfies MiniflareTask))
    try {
      await answering(`http://127.0.0.1:${rest.port}/health`, child)
    } catch (error) {
      await stop()
      throw new Error(`the functions did not start: ${(error as Error).message}\n${last.trim()}`)
    }
    return { port: rest.port, gone, stop, kill: async () => await end('SIGKILL') }
  }
  return { serve, stop }
}

/** @throws Error with the runtime's last lines when it does not come up */
export const startGateway = async (options: GatewayOptions): Promise<Gateway> =>
  await prepareRuntime().serve(options)

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // The group is gone, which is what was wanted.
  }
}

/** Polls until the functions answer. */
async function answering(url: string, child: { exitCode: number | null }): Promise<void> {
  const deadline = Date.now() + START_LIMIT_MS
  while (Date.now() < deadline) {
    if (child.exitCode !== null) throw new Error(`the runtime exited with ${child.exitCode}`)
    try {
      if ((await fetch(url, { signal: AbortSignal.timeout(5_000) })).ok) return
    } catch {
      // Not listening yet.
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(`no answer within ${START_LIMIT_MS / 1000} s`)
}
