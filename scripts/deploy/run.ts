/** One run of the deploy command, from its options to its last line. */
import { mkdtemp, rm } from 'node:fs/promises'
import { rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { migrateDatabase } from '../../db/operate/migrate.ts'
import { putTokens } from '../stack/database.ts'
import { checkInvariants } from '../stack/invariants.ts'
import { applyPlan, type Outcome } from './apply.ts'
import { makeBundles } from './bundles.ts'
import { FileProblems } from './checked-json.ts'
import { cloudflareReads } from './cloudflare.ts'
import { setLogins } from './logins.ts'
import { waitForHealth } from './look.ts'
import { planFor, type Plan } from './plan.ts'
import { readDeployment, type Deployment } from './settings.ts'
import { readTokenFile } from './token-file.ts'
import { uploaderFor } from './upload.ts'
import { nameProblems, wantedWorkers, workerNames } from './wanted.ts'

export interface DeployOptions {
  file: string
  environment: string | undefined
  only: string | undefined
  plan: boolean
  single: boolean
  destroy: boolean
  secretFile: string
  connectTo: string | undefined
}

const HEALTH_ROUTES = ['/health*', '/*']

const say = (line: string): void => console.log(line)

/** @throws Error with what is to be done */
export async function deploy(options: DeployOptions, env: Record<string, string | undefined>): Promise<void> {
  const { file, environment, only, single } = options
  if (options.destroy && environment === undefined)
    throw new Error('--destroy is for an environment: say which with --env')
  if (single && only !== undefined) throw new Error('--single deploys everything: leave out --only')
  const deployment = readDeployment(file, environment, { file: options.secretFile, env })
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-deploy-'))
  const tidy = () => rmSync(folder, { recursive: true, force: true })
  process.once('exit', tidy)
  try {
    if (options.destroy) await destroy(deployment, folder, file)
    else await bringUp(options, deployment, folder)
  } finally {
    process.off('exit', tidy)
    await rm(folder, { recursive: true, force: true })
  }
}

async function bringUp(options: DeployOptions, deployment: Deployment, folder: string): Promise<void> {
  const wanted = await wantedWorkers(options.file, deployment, options)
  const { tokens: tokenFile, host } = deployment.settings
  const tokens = tokenFile === undefined ? [] : readTokenFile(tokenFile)
  const functions = wanted.chosen.map(({ fn }) => fn)
  say(`bundling ${functions.length} ${functions.length === 1 ? 'Worker' : 'Workers'} for ${host}`)
  const bundles = await makeBundles(functions, join(folder, 'bundles'), (fn, done) =>
    say(`  ${done}/${functions.length} ${fn}`),
  )
  const reads = cloudflareReads(deployment)
  const plan = await planFor(deployment, wanted, bundles, reads)
  printPlan(plan)
  if (options.plan) return say('nothing was changed: this was the plan. The database is migrated first')
  await migrate(deployment, tokens)
  const outcome = await applyPlan(plan, uploaderFor(deployment, folder), reads, say)
  if (outcome.failed.size > 0) throw new Error(failureOf(outcome))
  if ((await reads.routes()).some(({ pattern }) => HEALTH_ROUTES.includes(pattern.slice(host.length)))) {
    await waitForHealth(host, options.connectTo)
    say(`GET https://${host}/health: ok`)
  } else {
    say('no look at /health: that function is not deployed yet')
  }
  await verify(deployment)
  say(
    outcome.done.length === 0
      ? 'nothing changed: everything was deployed already'
      : `deployed ${outcome.done.length} of ${plan.steps.length} Workers; the others were up to date`,
  )
}

async function migrate(deployment: Deployment, tokens: ReturnType<typeof readTokenFile>): Promise<void> {
  const { migrations, verbs } = await migrateDatabase(deployment.ownerUrl)
  const applied = [...migrations, ...verbs]
  say(`database: ${applied.length === 0 ? 'up to date' : `applied ${applied.length} files`}`)
  const logins = await setLogins(deployment)
  say(`logins: ${logins.length === 0 ? 'up to date' : `set the passwords of ${logins.join(', ')}`}`)
  if (tokens.length === 0) return
  await putTokens(deployment.ownerUrl, tokens)
  say(`tokens: ${tokens.map(({ symbol }) => symbol).join(', ')}`)
}

async function verify({ ownerUrl }: Deployment): Promise<void> {
  const results = await checkInvariants(ownerUrl)
  const broken = results.filter(({ violations }) => violations > 0)
  if (broken.length > 0) throw new Error(`broken invariants: ${broken.map(({ name }) => name).join('; ')}`)
  say(`verify: ${results.length} invariants hold`)
}

function printPlan({ steps, strangers }: Plan): void {
  const width = Math.max(...steps.map(({ worker }) => worker.name.length))
  say(`${'Worker'.padEnd(width)}  bundle        changes`)
  for (const { worker, bundle, changes } of steps) {
    const shown = changes.length === 0 ? 'none' : changes.join(', ')
    say(`${worker.name.padEnd(width)}  ${bundle.hash.slice(0, 12)}  ${shown}`)
  }
  for (const name of strangers)
    say(`${name} is deployed and none of this: \`npx wrangler delete --name ${name}\` if nobody needs it`)
}

function failureOf({ failed, done, left }: Outcome): string {
  return [
    ...[...failed].map(([name, why]) => `${name} was not deployed: ${why}`),
    `done: ${done.join(', ') || 'none'}`,
    `not done: ${[...failed.keys(), ...left].join(', ')}`,
    'what is done stays; run the same command again to go on',
  ].join('\n')
}

/** Deletes the Workers with their routes, by their names alone. The database is left as it is. */
async function destroy(deployment: Deployment, folder: string, file: string): Promise<void> {
  const problems = nameProblems(deployment.environments)
  if (problems.length > 0) throw new FileProblems(file, problems)
  const reads = cloudflareReads(deployment)
  const uploader = uploaderFor(deployment, folder)
  const known = workerNames(deployment.environment)
  const there = (await reads.workers()).filter((name) => known.includes(name))
  const routes = await reads.routes()
  for (const name of there) {
    for (const { id } of routes.filter(({ script }) => script === name)) await reads.removeRoute(id)
    await uploader.deleteWorker(name)
    say(`deleted ${name}`)
  }
  say(
    there.length === 0
      ? 'nothing was deployed'
      : `deleted ${there.length} Workers; the database is as it was`,
  )
}
