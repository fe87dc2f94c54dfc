import { execFile, type ChildProcess } from 'node:child_process'
import module from 'node:module'
import { join } from 'node:path'
import { projectRoot } from '../../scripts/stack/manifest.ts'

export interface Said {
  code: number
  out: string
  error: string
}

/** What light-modules.mjs, which a process of the tests inherits, cannot do in an older Node. */
const LOADER = 'registerHooks' in module ? [] : ['--import', 'tsx']
const COMPILED = { NODE_COMPILE_CACHE: join(projectRoot, 'node_modules/.cache/compiled') }

/** Starts a script of ours, such as `['scripts/pause.ts', 'resume']`, as its command does, in less time than tsx takes. */
export function startScript(
  words: readonly string[],
  env: Record<string, string | undefined> = {},
): { child: ChildProcess; ended: Promise<Said> } {
  const options = { cwd: projectRoot, env: { ...process.env, ...COMPILED, ...env } }
  let child!: ChildProcess
  const ended = new Promise<Said>((resolve) => {
    child = execFile(process.execPath, [...LOADER, ...words], options, (failure, out, error) =>
      resolve({ code: failure ? Number(failure.code) : 0, out, error }),
    )
  })
  return { child, ended }
}

/** Runs it to its end. A variable that is undefined is one that the shell has not. */
export const runScript = async (
  words: readonly string[],
  env: Record<string, string | undefined> = {},
): Promise<Said> => await startScript(words, env).ended
