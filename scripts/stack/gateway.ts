import { spawn } from 'node:child_process'
import { createWriteStream } from 'node:fs'
import { createServer } from 'node:net'
import { join } from 'node:path'
import { QUIET_WRANGLER } from './bundle.ts'
import { programEnv } from './shell.ts'

export interface Gateway {
  port: number
  stop(): Promise<void>
  /** Ends it as a machine that dies would: at once, whatever is under way. */
  kill(): Promise<void>
}

export interface GatewayOptions {
  root: string
  port: number
  /** wrangler's configuration. */
  config: string
  /** Variables of the functions: `NAME=value` lines, readable by us alone. */
  envFile: string
  persistTo: string
  logFile: string
  /**
   * An ES module of all functions, to be run on Miniflare as it is. Without it `wrangler dev` builds them, watches the
   * sources and serves them.
   *
   * Tests and the soak take a bundle: the proxy that `wrangler dev` puts in front answers a POST with a 503 of its own
   * when it loses a kept connection to the runtime behind it, so what they see would not always be the functions' doing.
   */
  bundle?: string | undefined
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

/**
 * Runs all functions behind one origin, and waits until the first request is answered.
 * @throws Error with the runtime's last lines when it does not come up
 */
export async function startGateway(options: GatewayOptions): Promise<Gateway> {
  const own = {
    ...QUIET_WRANGLER,
    // Of this stack alone: another clone's is not asked for, and not told of, our functions.
    WRANGLER_REGISTRY_PATH: join(options.persistTo, 'registry'),
    WRANGLER_LOG_PATH: join(options.persistTo, 'logs'),
  }
  const command = options.bundle === undefined ? wranglerDev(options) : miniflare(options, options.bundle)
  const child = spawn('sh', ['-c', KEEPER, process.execPath, ...command], {
    cwd: options.root,
    detached: true,
    stdio: ['pipe', 'pipe', 'pipe'],
    env: programEnv(own),
  })
  child.stdin.on('error', () => {})
  const log = createWriteStream(options.logFile, { flags: 'a', mode: 0o600 })
  let last = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream.on('data', (chunk: Buffer) => {
      last = (last + chunk.toString()).slice(-2_000)
      log.write(chunk)
    })
  }
  const gone = new Promise<void>((resolve) => child.once('close', () => resolve()))
  const stop = async () => {
    signalGroup(child.pid, 'SIGTERM')
    const timer = setTimeout(() => signalGroup(child.pid, 'SIGKILL'), STOP_LIMIT_MS)
    await gone
    clearTimeout(timer)
    log.end()
  }
  try {
    await answering(`http://127.0.0.1:${options.port}/health`, child)
  } catch (error) {
    await stop()
    throw new Error(`the functions did not start: ${(error as Error).message}\n${last.trim()}`)
  }
  const kill = async () => {
    signalGroup(child.pid, 'SIGKILL')
    await gone
    log.end()
  }
  return { port: options.port, stop, kill }
}

function wranglerDev({ root, port, config, envFile, persistTo }: GatewayOptions): string[] {
  return [
    ...[join(root, 'node_modules/wrangler/bin/wrangler.js'), 'dev', '--config', config],
    ...['--ip', '127.0.0.1', '--port', String(port), '--inspector-port', '0', '--env-file', envFile],
    ...['--persist-to', persistTo, '--show-interactive-dev-session=false', '--log-level', 'log'],
  ]
}

function miniflare({ port, config, envFile, persistTo }: GatewayOptions, bundle: string): string[] {
  const script = join(import.meta.dirname, 'miniflare-process.ts')
  return ['--import', 'tsx', script, JSON.stringify({ port, config, envFile, persistTo, bundle })]
}

function signalGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal)
  } catch {
    // The group is gone, which is what was wanted.
  }
}

/** Polls until the functions answer: wrangler prints "Ready" before its first bundle can serve. */
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
