/** One run of the deploy command: everything that can be judged quickly is judged before the rest is loaded, which takes seconds. */
import { rmSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Asked } from './asked.ts'
import { readDeployment } from './settings.ts'

export interface DeployOptions extends Asked {
  file: string
  environment: string | undefined
  only: string | undefined
  plan: boolean
  single: boolean
  destroy: boolean
  secretFile: string
  connectTo: string | undefined
}

/** @throws Error with what is to be done */
export async function deploy(options: DeployOptions, env: Record<string, string | undefined>): Promise<void> {
  const { file, environment, only, single } = options
  if (options.destroy && environment === undefined)
    throw new Error('--destroy is for an environment: say which with --env')
  if (options.destroy && (single || only !== undefined))
    throw new Error('--destroy deletes all of an environment: leave out --single and --only')
  if (single && only !== undefined) throw new Error('--single deploys everything: leave out --only')
  if (options.takeOver !== undefined && (options.destroy || only !== undefined))
    throw new Error('--take-over is for all Workers of an environment: leave out --only and --destroy')
  const deployment = readDeployment(file, environment, { file: options.secretFile, env }, options)
  const { bringUp, destroy } = await import('./bring-up.ts')
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-deploy-'))
  const tidy = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', tidy)
  try {
    if (options.destroy) await destroy(options, deployment)
    else await bringUp(options, deployment, folder)
  } finally {
    process.off('exit', tidy)
    await rm(folder, { recursive: true, force: true })
  }
}
