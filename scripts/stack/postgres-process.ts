import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { createServer, type AddressInfo } from 'node:net'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import type { Binaries, RunAs } from './postgres-place.ts'
import { programEnv } from './program-env.ts'

const run = promisify(execFile)

export interface Cluster {
  dataDir: string
  logFile: string
  binaries: Binaries
  user: RunAs
}

/** Runs one of the server's programs as its user, untouched by what is in the developer's shell. */
export async function runProgram(program: string, args: string[], cluster: Cluster): Promise<string> {
  const options = { ...cluster.user, env: programEnv({ LC_ALL: 'C' }), cwd: dirname(cluster.dataDir) }
  const { stdout } = await run(program, args, options)
  return stdout
}

const ORPHANS_GONE_ATTEMPTS_MAX = 50

/**
 * pg_ctl gives the server a session of its own, so the terminal's Ctrl-C does not reach it before us.
 * It answers when the server takes connections.
 */
export async function startServer(cluster: Cluster): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const failure = await tryToStart(cluster)
    const pid = postmasterPid(cluster.dataDir)
    if (failure === undefined && pid !== undefined) return pid
    // Backends of a killed server notice its death within moments, and until then hold its memory.
    const orphans = failure?.includes('pre-existing shared memory block') ?? false
    if (!orphans || attempt === ORPHANS_GONE_ATTEMPTS_MAX)
      throw new Error(`postgres did not start:\n${failure ?? ''}`)
    await new Promise((resolve) => setTimeout(resolve, 100))
  }
}

/** Undefined when it runs, else what the server logged. */
async function tryToStart(cluster: Cluster): Promise<string | undefined> {
  const args = ['start', '-D', cluster.dataDir, '-l', cluster.logFile, '-w', '-t', '60', '-s']
  const { size } = await stat(cluster.logFile)
  try {
    await runProgram(cluster.binaries.pgCtl, args, cluster)
    return undefined
  } catch {
    const said = (await readFile(cluster.logFile)).subarray(size).toString()
    return said.trim().split('\n').slice(-12).join('\n')
  }
}

const STOP_SECONDS_MAX = 60
const STOP_POLL_MS = 20

export async function stopServer(cluster: Cluster, pid: number, mode: 'fast' | 'immediate'): Promise<void> {
  // pg_ctl would wait a minute for a killed server that nobody has reaped, as in a container without init.
  if (!(await isServerOf(cluster, pid))) return
  process.kill(pid, mode === 'fast' ? 'SIGINT' : 'SIGQUIT')
  for (let waited = 0; waited < STOP_SECONDS_MAX * 1000; waited += STOP_POLL_MS) {
    if (!(await isServerOf(cluster, pid))) return
    await new Promise((resolve) => setTimeout(resolve, STOP_POLL_MS))
  }
  throw new Error(`postgres: server ${pid} did not stop within ${STOP_SECONDS_MAX} s, see ${cluster.logFile}`)
}

/** A process number alone proves nothing: it may be a stranger's by now, or a dead child not yet reaped. */
export async function isServerOf(cluster: Cluster, pid: number): Promise<boolean> {
  const command = (await processInfo(pid, 'command')) ?? ''
  return command.includes('postgres') && command.includes(cluster.dataDir)
}

export function postmasterPid(dataDir: string): number | undefined {
  try {
    return Number(readFileSync(join(dataDir, 'postmaster.pid'), 'utf8').split('\n')[0])
  } catch {
    return undefined
  }
}

/**
 * Makes room for one new server: stops one left by a parent that was killed, and clears the lock file of
 * one that crashed. A server whose parent still lives is not ours to stop.
 */
export async function takeOver(cluster: Cluster, log: (line: string) => void): Promise<void> {
  const pid = postmasterPid(cluster.dataDir)
  if (pid === undefined) return
  if (!(await isServerOf(cluster, pid))) {
    // Postgres itself takes any living process with this number for a running server.
    await rm(join(cluster.dataDir, 'postmaster.pid'), { force: true })
    return
  }
  const parent = await livingParent(cluster)
  if (parent !== undefined)
    throw new Error(`postgres: process ${parent} is using ${cluster.dataDir}; stop it first`)
  log(`postgres: stopping server ${pid}, left running by an earlier start`)
  await stopServer(cluster, pid, 'fast').catch(async () => await stopServer(cluster, pid, 'immediate'))
}

const parentFile = (cluster: Cluster) => `${cluster.dataDir}.parent`

/** Says who started the server. The time of birth tells us from a later process with the same number. */
export async function recordParent(cluster: Cluster): Promise<void> {
  const born = await processInfo(process.pid, 'lstart')
  await writeFile(parentFile(cluster), JSON.stringify({ pid: process.pid, born }))
}

export async function forgetParent(cluster: Cluster): Promise<void> {
  await rm(parentFile(cluster), { force: true })
}

async function livingParent(cluster: Cluster): Promise<number | undefined> {
  const text = await readFile(parentFile(cluster), 'utf8').catch(() => undefined)
  if (text === undefined) return undefined
  const { pid, born } = JSON.parse(text) as { pid: number; born?: string }
  if (pid === process.pid || born === undefined) return undefined
  return (await processInfo(pid, 'lstart')) === born ? pid : undefined
}

/** Undefined once it is gone. */
export const bornAt = async (pid: number): Promise<string | undefined> => await processInfo(pid, 'lstart')

/** What a process runs or when it was born; undefined once it is gone. Slim images have /proc but no ps. */
async function processInfo(pid: number, what: 'command' | 'lstart'): Promise<string | undefined> {
  try {
    if (process.platform !== 'linux')
      return (await run('ps', ['-ww', '-o', `${what}=`, '-p', String(pid)])).stdout.trim()
    const file = what === 'command' ? 'cmdline' : 'stat'
    const text = await readFile(`/proc/${pid}/${file}`, 'utf8')
    // The second field of stat is a name that may hold spaces; the birth is the 20th after it.
    return what === 'command'
      ? text.replaceAll('\0', ' ')
      : text.slice(text.lastIndexOf(')') + 2).split(' ')[19]
  } catch {
    return undefined
  }
}

export async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => server.once('error', reject).listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

const DEADLY = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const

/**
 * Asks the server for an orderly stop when this process ends without having called stop(). Somebody else's
 * handler of a signal goes first: it may still have work for the database, and ends in an exit anyway.
 */
export function stopWithParent(cluster: Cluster): { watch(): void; release(): void } {
  const ask = () => {
    const pid = postmasterPid(cluster.dataDir)
    try {
      if (pid !== undefined) process.kill(pid, 'SIGINT')
    } catch {
      // Gone already, which is what was wanted.
    }
  }
  const onSignal = (signal: NodeJS.Signals) => {
    release()
    if (process.listenerCount(signal) > 0) return void process.once('exit', ask)
    ask()
    process.kill(process.pid, signal)
  }
  function release() {
    process.off('exit', ask)
    for (const signal of DEADLY) process.off(signal, onSignal)
  }
  function watch() {
    release()
    process.on('exit', ask)
    for (const signal of DEADLY) process.on(signal, onSignal)
  }
  return { watch, release }
}

/** The server's user must be able to append to a log whose folder belongs to somebody else. */
export async function openLog(cluster: Cluster): Promise<void> {
  const file = await open(cluster.logFile, 'a', 0o600)
  if (cluster.user) await file.chown(cluster.user.uid, cluster.user.gid)
  await file.close()
}
