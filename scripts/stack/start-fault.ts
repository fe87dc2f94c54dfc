/** A failed start in one line, with what to do. */
import { resolve } from 'node:path'

const ROOM = 'make room on the disk and start again; nothing else has to be repaired'
const CLEAN = '`npm run dev -- --reset` starts clean, and forgets all local data'

/** What a word of the system means for a person, by its code. */
const BY_CODE: Record<string, (path: string) => string> = {
  ENOSPC: (path) => `the disk is full (${path}): ${ROOM}`,
  EDQUOT: (path) => `the quota of this user is used up (${path}): ${ROOM}`,
  EACCES: noPermission,
  EPERM: noPermission,
  EROFS: (path) => `${path} is on a read-only disk: clone the repository to one that can be written`,
  ENOTDIR: notAFolder,
  EEXIST: notAFolder,
  EMFILE: () => 'too many files are open: raise the limit (`ulimit -n 4096`) and start again',
}

function noPermission(path: string): string {
  return `this user may not write ${path}: give it to yourself (\`sudo chown -R "$(id -un)" ${path}\`) or remove it`
}
function notAFolder(path: string): string {
  return `${path} is in the way, it should be a folder: move it away and start again`
}

/** What Postgres logs when it does not start. */
const BY_POSTGRES: [RegExp, string][] = [
  [/No space left on device/i, `Postgres has no room: ${ROOM}`],
  [/Permission denied/i, 'Postgres may not read its data: the files must belong to the user that it runs as'],
  [
    /shared memory|semaphore/i,
    'Postgres gets no shared memory: stop other databases, or raise the system’s limit',
  ],
  [/PANIC|FATAL/, `the data of Postgres is damaged: ${CLEAN}`],
]

/** How an error begins when it is the server or a program of its that failed. */
const OF_POSTGRES = /^postgres did not start|^Command failed: \S*(?:initdb|pg_ctl)\b/

/** One line, without a stack; `folder` is where the stack's data live. */
export function startFault(error: unknown, folder: string): string {
  if (!(error instanceof Error)) return String(error)
  const { code, path, syscall } = error as NodeJS.ErrnoException
  // Node says so of a read-only disk too, where it makes folders above a folder.
  if (code === 'ENOENT' && syscall === 'mkdir')
    return `${path ?? resolve(folder)} cannot be made: is the disk read-only? Clone the repository to one that can be written`
  const known = code === undefined ? undefined : BY_CODE[code]
  if (known !== undefined) return known(path === undefined ? resolve(folder) : resolve(path))
  const lines = error.message.trim().split('\n')
  if (OF_POSTGRES.test(lines[0] ?? '')) return postgresFault(lines)
  return lines.length === 1 ? error.message : `${lines[0]} ${lastOf(lines)}`
}

function postgresFault(lines: string[]): string {
  const text = lines.join('\n')
  const said = BY_POSTGRES.find(([pattern]) => pattern.test(text))?.[1]
  return `${said ?? `Postgres did not start: ${CLEAN}`} (it says: ${lastOf(lines)})`
}

/** The line that names the cause: what follows it only says that this was the end. */
function lastOf(lines: string[]): string {
  const cause = lines.find((line) => /PANIC|FATAL/.test(line)) ?? lines.at(-1) ?? ''
  return cause.replace(/^.*?\b(?=PANIC|FATAL)/, '').trim()
}

/** Why this Node cannot run the stack; undefined where it can. */
export function nodeFault(version: string): string | undefined {
  const NODE_MIN = 22
  if (Number(version.split('.')[0]) >= NODE_MIN) return undefined
  return (
    `this is Node ${version}, and the stack needs ${NODE_MIN}: start it as \`npm run dev\`, which takes the Node that ` +
    '`npm ci` installs (not with --omit=optional)'
  )
}
