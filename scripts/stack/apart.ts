import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { projectRoot } from './manifest.ts'
import { programEnv } from './program-env.ts'

const run = promisify(execFile)
const OUTPUT_BYTES_MAX = 64 * 1024 * 1024

/**
 * What a module of this folder prints as JSON, run as a program of its own: for work that would hold up everything else
 * in this process for seconds.
 * @throws Error with what it said on standard error
 */
export async function apart<T>(module: string, argument: unknown): Promise<T> {
  const args = ['--import', 'tsx', join(import.meta.dirname, module), JSON.stringify(argument)]
  const options = { cwd: projectRoot, env: programEnv(), maxBuffer: OUTPUT_BYTES_MAX }
  const { stdout } = await run(process.execPath, args, options).catch((error: unknown) => {
    throw new Error((error as { stderr?: string }).stderr?.trim() || String(error), { cause: error })
  })
  return JSON.parse(stdout) as T
}
