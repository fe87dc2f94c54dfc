/** `wrangler dev` itself, serving the functions on the database, chain and KMS of a stack that runs. */
import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { QUIET_WRANGLER } from './bundle.ts'
import { envFileText } from './env-file.ts'
import { projectRoot, writePrivate } from './manifest.ts'
import { programEnv } from './program-env.ts'

export interface WranglerDevOptions {
  /** Of the stack. What wrangler keeps of its own is below it, and forgotten with it. */
  folder: string
  port: number
  /** Further arguments of `wrangler dev`. */
  args?: string[]
  stdio: StdioOptions
}

/** @throws Error naming the variable that wrangler could not be given */
export async function startWranglerDev(options: WranglerDevOptions): Promise<ChildProcess> {
  const { folder, port, args = [], stdio } = options
  const variables = JSON.parse(await readFile(join(folder, 'functions.json'), 'utf8')) as Record<
    string,
    string
  >
  const envFile = join(folder, 'wrangler.env')
  await writePrivate(envFile, envFileText(variables))
  const kept = join(folder, 'wrangler')
  const { NO_COLOR: _, ...quiet } = QUIET_WRANGLER
  return spawn(
    process.execPath,
    [
      ...[join(projectRoot, 'node_modules/wrangler/bin/wrangler.js'), 'dev', '--env-file', envFile],
      // One Worker for all functions, as the top of wrangler.toml has it, and its cron by GET /__scheduled.
      ...['--env=', '--ip', '127.0.0.1', '--port', String(port), '--inspector-port', '0', '--test-scheduled'],
      ...['--persist-to', join(kept, 'state'), ...args],
    ],
    {
      cwd: projectRoot,
      stdio,
      env: programEnv({
        ...quiet,
        WRANGLER_REGISTRY_PATH: join(kept, 'registry'),
        WRANGLER_LOG_PATH: join(kept, 'logs'),
      }),
    },
  )
}
