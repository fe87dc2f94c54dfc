/** How the data of a local Postgres comes to be. */
import { execFile } from 'node:child_process'
import { chown, copyFile, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { runProgram, type Cluster } from './postgres-process.ts'

const run = promisify(execFile)

/** The superuser. */
export const OWNER = 'tidegate'

/** Initialised under another name and renamed when complete, so an interrupted start leaves no half cluster. */
export async function initialise(cluster: Cluster, password: string, fleeting = false): Promise<void> {
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
  // Small segments of the log: a copy of the data is then little more than the data.
  const hasty = fleeting ? ['--no-sync', '--wal-segsize=1'] : []
  try {
    await runProgram(cluster.binaries.initdb, [...args, ...locale, ...hasty, '--no-instructions'], cluster)
  } finally {
    await rm(passwordFile, { force: true })
  }
  await rename(half, cluster.dataDir)
}

/** The owner's password is in the data: it comes along. */
export async function copyCluster(from: string, { dataDir }: Cluster): Promise<void> {
  const half = `${dataDir}.new`
  await rm(half, { recursive: true, force: true })
  // The system's own keeps whose it is, which is not always us.
  await run('cp', ['-pR', from, half])
  await copyFile(`${from}.password`, `${dataDir}.password`)
  await rename(half, dataDir)
}

/** @throws Error with one line when another version of Postgres made the data */
export async function checkVersion(cluster: Cluster): Promise<void> {
  const kept = (await readFile(join(cluster.dataDir, 'PG_VERSION'), 'utf8')).trim()
  const { pgCtl } = cluster.binaries
  const installed = /(\d+)/.exec(await runProgram(pgCtl, ['--version'], cluster))?.[1]
  if (kept === installed) return
  throw new Error(
    `postgres: ${cluster.dataDir} was made by version ${kept}, this is ${installed}: \`npm run dev -- --reset\` starts clean`,
  )
}
