/** Copies of the project, for faults to be planted in; they are gone when this process is. */
import { execFileSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export const root = join(import.meta.dirname, '../..')

export const git = (...args: string[]): string => execFileSync('git', args, { cwd: root, encoding: 'utf8' })

/** Gone when this process is. */
export function temporaryFolder(): string {
  // The real name: on macOS the folder for temporary files is behind a link, and vitest would name files otherwise.
  const folder = mkdtempSync(join(realpathSync(tmpdir()), 'tidegate-mutants-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  return folder
}

/** Every file that git knows, as it is on disk now; what is installed is shared. */
export function copyOfProject(): string {
  const folder = temporaryFolder()
  const listed = git('ls-files', '-z', '--cached', '--others', '--exclude-standard', '--deduplicate')
  const left = new Set([
    '',
    'node_modules',
    'node_modules/',
    ...git('ls-files', '-z', '--deleted').split('\0'),
  ])
  for (const file of listed.split('\0')) if (!left.has(file)) cpSync(join(root, file), join(folder, file))
  // What was compiled before, each known by the hashes of its sources.
  const cache = '.local/cache'
  if (existsSync(join(root, cache))) cpSync(join(root, cache), join(folder, cache), { recursive: true })
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  return folder
}
