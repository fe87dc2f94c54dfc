import { rm, writeFile } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import pg from 'pg'
import { checkVersion, copyCluster, initialise, OWNER } from './postgres-data.ts'
import { exists, findBinaries, ownerPassword, placeForData, runAs } from './postgres-place.ts'
import {
  forgetParent,
  freePort,
  isServerOf,
  openLog,
  recordParent,
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
  /** For data that is thrown away: nothing waits for the disk. A crash of the server loses nothing, one of the machine may. */
  fleeting?: boolean
  /** The data folder of a stopped server of ours: a new one begins as a copy of it. */
  copyOf?: string
}

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
  if (!initialised && options.copyOf !== undefined) await copyCluster(options.copyOf, cluster)
  const known = initialised || options.copyOf !== undefined
  const password = await ownerPassword(`${dataDir}.password`, known)
  if (!known) await initialise(cluster, password, options.fleeting)
  await checkVersion(cluster)
  await openLog(cluster)
  await takeOver(cluster, log)
  await recordParent(cluster)
  const server = await startOnFreePort(cluster, options)
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

/** Between finding a free port and using it somebody else may take it: then another one is tried. */
async function startOnFreePort(
  cluster: Cluster,
  { port: wanted, fleeting = false }: PostgresOptions,
): Promise<{ port: number; pid: number }> {
  for (let attempt = 1; ; attempt++) {
    const port = wanted ?? (await freePort())
    await writeSettings(cluster, port, fleeting)
    try {
      return { port, pid: await startServer(cluster) }
    } catch (error) {
      const taken = String(error).includes('Address already in use')
      if (!taken || wanted !== undefined || attempt === PORT_ATTEMPTS_MAX) throw error
    }
  }
}

async function writeSettings(cluster: Cluster, port: number, fleeting: boolean): Promise<void> {
  const settings = [
    `port = ${port}`,
    `listen_addresses = '127.0.0.1'`,
    `unix_socket_directories = ''`,
    `max_connections = 200`,
    // A committed movement survives a crash here too: the crash tests stand on it. What it waits for is that the
    // system has it, and unless the data is thrown away, that the disk has it.
    `synchronous_commit = on`,
    ...(fleeting
      ? [`fsync = off`, `full_page_writes = off`, `min_wal_size = 2MB`]
      : [`fsync = on`, `full_page_writes = on`]),
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
