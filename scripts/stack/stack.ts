/** The whole local stack: Postgres, Neon proxy, KMS stand-in, chain with vault, and all functions behind one origin. */
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { startDevGateway, type DevGatewayOptions } from './dev-gateway.ts'
import { claimFolder, refuseClaimed } from './folder-claim.ts'
import { freePort, portFault, startGateway, type Gateway, type WaitingRuntime } from './gateway.ts'
import { LOCAL_CONFIG, writeLocalConfig, type Rates } from './local-config.ts'
import { writePrivate, type Manifest } from './manifest.ts'
import { playgroundOf } from './playground.ts'
import { forgetPostgres } from './postgres.ts'
import { Progress, together } from './progress.ts'
import type { Parts } from './stack-env.ts'
import { startParts, type Fleeting, type Stops } from './stack-parts.ts'

export interface StackOptions {
  /** Where data, logs and the manifest live. */
  folder: string
  /** Of the functions' origin; 0 takes any free one. */
  port: number
  /** Variables of the functions that win over the local ones. */
  env?: Record<string, string>
  /** Rate limits that win over the generous ones of a local stack. */
  rates?: Rates
  /** Leaves the functions out: for benchmarks that run them another way. */
  withoutGateway?: boolean
  /** Runs this bundle as it is. Without it the functions are built from their sources, watched, and behind our edge. */
  bundle?: string
  onAnswer?: DevGatewayOptions['onAnswer']
  onSources?: DevGatewayOptions['onSources']
  /** What serves the functions first, where it was got ready before. Not for a bundle. */
  runtime?: WaitingRuntime
  /** Nothing is kept: no disk is waited for and no chain saved, so that a chain that ended cannot go on. */
  fleeting?: Fleeting
  /** Told of each step. */
  progress?: Progress
}

export interface Stack extends Parts {
  manifest: Manifest
  /** The functions' variables as they run. */
  env: Record<string, string>
  gateway: Gateway | undefined
  /** Stops and starts the functions, with other variables when given. */
  restartGateway(env?: Record<string, string>): Promise<void>
  stop(): Promise<void>
}

/** @throws Error with one line a person can act on */
export async function startStack(options: StackOptions): Promise<Stack> {
  const { folder } = options
  const progress = options.progress ?? new Progress(() => undefined)
  const stops: Stops = [await claimFolder(folder)]
  const stopAll = async () => {
    for (const stop of stops.splice(0).reverse()) await stop()
  }
  try {
    const port = options.port === 0 ? await freePort() : options.port
    const fault = options.withoutGateway ? undefined : await portFault(port)
    if (fault !== undefined) throw new Error(fault)
    stops.push(async () => await rm(join(folder, 'dev.json'), { force: true }))
    const parts = startParts({ ...options, port, env: options.env, progress, stops })
    const [{ manifest, env, ...rest }, first] = await together(
      parts,
      options.withoutGateway ? Promise.resolve(undefined) : firstGateway(options, port, parts, progress),
    )
    const stack: Stack = {
      ...rest,
      manifest,
      env,
      gateway: first,
      async restartGateway(env = {}) {
        await stack.gateway?.stop()
        stack.env = { ...stack.env, ...env }
        stack.gateway = await gateway(options, port, putEnv(options, stack.env))
      },
      stop: stopAll,
    }
    stops.push(async () => await stack.gateway?.stop())
    await writePrivate(join(folder, 'dev.json'), JSON.stringify(manifest, null, 2))
    return stack
  } catch (error) {
    await stopAll()
    throw error
  }
}

/**
 * Forgets all data of a stack that is not running.
 * @throws Error with one line when it runs
 */
export async function forgetStack(folder: string): Promise<void> {
  await refuseClaimed(folder)
  await forgetPostgres(join(folder, 'postgres'))
  await rm(folder, { recursive: true, force: true })
}

/** Gets the functions ready while the parts start, and serves them when those are there. */
async function firstGateway(
  options: StackOptions,
  port: number,
  parts: Promise<{ env: Record<string, string> }>,
  progress: Progress,
): Promise<Gateway> {
  const told = async (): Promise<void> => {
    // Read by wrangler the first time, which takes as long as the rest.
    const [{ env }] = await together(parts, writeLocalConfig(options.folder, options.rates))
    await putEnv(options, env)
  }
  return await progress.step(
    'functions',
    async () => await gateway(options, port, told(), options.runtime),
    () => `functions http://127.0.0.1:${port}`,
  )
}

const putEnv = async ({ folder }: StackOptions, env: Record<string, string>): Promise<void> =>
  await writePrivate(join(folder, 'functions.json'), JSON.stringify(env, null, 2))

async function gateway(
  { folder, bundle, onAnswer, onSources }: StackOptions,
  port: number,
  ready: Promise<void>,
  runtime?: WaitingRuntime,
): Promise<Gateway> {
  const options = {
    port,
    config: join(folder, LOCAL_CONFIG),
    envFile: join(folder, 'functions.json'),
    persistTo: join(folder, 'runtime'),
    logFile: join(folder, 'functions.log'),
  }
  if (bundle === undefined) {
    const answering = playgroundOf(folder)
    return await startDevGateway({ ...options, ready, runtime, onAnswer, answering, onSources })
  }
  await ready
  return await startGateway({ ...options, bundle })
}
