import { chown, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { exists, findBinaries, ownerPassword, placeForData, runAs } from './postgres-place.ts'
import {
  forgetParent,
  freePort,
  isServerOf,
  openLog,
  recordParent,
  runProgram,
  startServer,
  stopServer,
  stopWithParent,
  takeOver,
  type Cluster,
} from './postgres-process.ts'

export interface LocalPostgres {
  readonly port: number
  /** May differ from what was asked for, when that folder is closed to the server's user. */
  readonly dataDir: string
  readonly logFile: string
  /** A connection string of the superuser. */
  ownerUrl(database: string): string
  pid(): number
  /** False once it has ended in any way. */
  isRunning(): Promise<boolean>
  /** 'immediate' is a crash: nothing is flushed, and the next start recovers from the log. */
  stop(mode?: 'fast' | 'immediate'): Promise<void>
  /** The same port and data again, also after a stop. */
  restart(): Promise<void>
  /** Creates the database unless it is there already. */
  createDatabase(name: string): Promise<void>
}

export interface PostgresOptions {
  /** Kept across starts. Its password, log and parent's number are files beside it. */
  dataDir: string
  port?: number
  log?: (line: string) => void
}

const OWNER = 'tidegate'
const PORT_ATTEMPTS_MAX = 3

/**
 * Starts a real PostgreSQL on 127.0.0.1, initialised on first use. One server per data folder: one that
 * outlived its parent is stopped first. It stops with us, whichever way we end short of SIGKILL.
 */
export async function startPostgres(options: PostgresOptions): Promise<LocalPostgres> {
  const log = options.log ?? (() => {})
  const cluster = await locate(options.dataDir, log)
  const { dataDir } = cluster
  const initialised = await exists(join(dataDir, 'PG_VERSION'))
  const password = await ownerPassword(`${dataDir}.password`, initialised)
  if (!initialised) await initialise(cluster, password)
  await checkVersion(cluster)
  await openLog(cluster)
  await takeOver(cluster, log)
  await recordParent(cluster)
  const server = await startOnFreePort(cluster, options.port)
  return handle(cluster, password, server)
}

/** Removes the data of startPostgres with all that lies beside it, wherever that was put. */
export async function forgetPostgres(dataDir: string): Promise<void> {
  const cluster = await locate(dataDir, () => {})
  // A folder that is no cluster was named by mistake: removing it would remove something else.
  if (!(await exists(join(cluster.dataDir, 'PG_VERSION')))) return
  await takeOver(cluster, () => {})
  for (const suffix of ['', '.log', '.password', '.parent']) {
    await rm(cluster.dataDir + suffix, { recursive: true, force: true })
  }
}

async function locate(wanted: string, log: (line: string) => void): Promise<Cluster> {
  const user = await runAs(resolve(wanted))
  const dataDir = await placeForData(resolve(wanted), user, log)
  return { dataDir, logFile: `${dataDir}.log`, binaries: await findBinaries(user, log), user }
}

/** Initialised under another name and renamed when complete, so an interrupted start leaves no half cluster. */
async function initialise(cluster: Cluster, password: string): Promise<void> {
  const half = `${cluster.dataDir}.new`
  const passwordFile = `${cluster.dataDir}.pwfile`
  await rm(half, { recursive: true, force: true })
  await mkdir(half, { mode: 0o700 })
  await writeFile(passwordFile, password + '\n', { mode: 0o600 })
  if (cluster.user) {
    await chown(half, cluster.user.uid, cluster.user.gid)
    await chown(passwordFile, cluster.user.uid, cluster.user.gid)
  }
  const args = [`--pgdata=${half}`, `--username=${OWNER}`, `--pwfile=${passwordFile}`, '--auth=scram-sha-256']
  // The builtin provider sorts by code point alike on every system, whatever locales it has.
  const locale = ['--encoding=UTF8', '--locale-provider=builtin', '--builtin-locale=C.UTF-8', '--locale=C']
  try {
    await runProgram(cluster.binaries.initdb, [...args, ...locale, '--no-instructions'], cluster)
  } finally {
    await rm(passwordFile, { force: true })
  }
  await rename(half, cluster.dataDir)
}

async function checkVersion(cluster: Cluster): Promise<void> {
  const kept = (await readFile(join(cluster.dataDir, 'PG_VERSION'), 'utf8')).trim()
  const { pgCtl } = cluster.binaries
  const installed = /(\d+)/.exec(await runProgram(pgCtl, ['--version'], cluster))?.[1]
  if (kept === installed) return
  throw new Error(
    `postgres: ${cluster.dataDir} was made by version ${kept}, this is ${installed}: \`npm run dev -- --reset\` starts clean`,
  )
}

/** Between finding a free port and using it somebody else may take it: then another one is tried. */
async function startOnFreePort(cluster: Cluster, wanted?: number): Promise<{ port: number; pid: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort())
    await writeSettings(cluster, port)
    try {
      return { port, pid: await startServer(cluster) }
    } catch (error) {
      const taken = String(error).includes('Address already in use')
      if (!taken || wanted !== undefined || attempt === PORT_ATTEMPTS_MAX) throw error
    }
  }
}

async function writeSettings(cluster: Cluster, port: number): Promise<void> {
  const settings = [
    `port = ${port}`,
    `listen_addresses = '127.0.0.1'`,
    `unix_socket_directories = ''`,
    `max_connections = 200`,
    // A committed movement survives a crash here too: the crash tests stand on it.
    `fsync = on`,
    `synchronous_commit = on`,
    `full_page_writes = on`,
    `shared_preload_libraries = ''`,
    `jit = off`,
    `timezone = 'UTC'`,
    `log_timezone = 'UTC'`,
    // "log" ranks above "error" in the server log: refused transfers are answers, not news.
    `log_min_messages = log`,
    `log_line_prefix = '%m [%p] %u@%d '`,
  ]
  await writeFile(join(cluster.dataDir, 'postgresql.conf'), settings.join('\n') + '\n')
  await writeFile(join(cluster.dataDir, 'pg_hba.conf'), 'host all all 127.0.0.1/32 scram-sha-256\n')
}

function handle(cluster: Cluster, password: string, server: { port: number; pid: number }): LocalPostgres {
  let running: number | undefined = server.pid
  const guard = stopWithParent(cluster)
  guard.watch()
  const ownerUrl = (database: string) =>
    `postgresql://${OWNER}:${password}@127.0.0.1:${server.port}/${encodeURIComponent(database)}`

  async function stop(mode: 'fast' | 'immediate' = 'fast'): Promise<void> {
    if (running === undefined) return
    await stopServer(cluster, running, mode)
    running = undefined
    guard.release()
    await forgetParent(cluster)
  }
  async function restart(): Promise<void> {
    await stop()
    await takeOver(cluster, () => {})
    await recordParent(cluster)
    running = await startServer(cluster)
    guard.watch()
  }
  function pid(): number {
    if (running === undefined) throw new Error('postgres is stopped')
    return running
  }
  const isRunning = async () => running !== undefined && (await isServerOf(cluster, running))
  return {
    port: server.port,
    dataDir: cluster.dataDir,
    logFile: cluster.logFile,
    ownerUrl,
    pid,
    isRunning,
    stop,
    restart,
    createDatabase: async (name) => await createDatabase(ownerUrl('postgres'), name),
  }
}

async function createDatabase(url: string, name: string): Promise<void> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    await client.query(`create database ${client.escapeIdentifier(name)}`)
  } catch (error) {
    const DUPLICATE_DATABASE = '42P04'
    if ((error as { code?: string }).code !== DUPLICATE_DATABASE) throw error
  } finally {
    await client.end()
  }
}
