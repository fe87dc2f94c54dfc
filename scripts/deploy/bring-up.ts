/** A deployment and its removal, once the file and the secrets are known to be well. */
import { join } from 'node:path'
import { applyPlan } from './apply.ts'
import { makeBundles } from './bundles.ts'
import { FileProblems } from './checked-json.ts'
import { cloudflareApi, type CloudflareApi } from './cloudflare.ts'
import { bringUpDatabase, databaseChanges, planDatabase, tokensFor, verifyLedger } from './database.ts'
import { waitForHealth } from './look.ts'
import { refuseChangesForOthers } from './only.ts'
import { lookAround, planFor } from './plan.ts'
import type { DeployOptions } from './run.ts'
import type { Deployment } from './settings.ts'
import { failureText, planText, summaryText } from './show.ts'
import { uploaderFor } from './upload.ts'
import { nameProblems, wantedWorkers, workerNames } from './wanted.ts'

const HEALTH_ROUTES = ['/health*', '/*']

const say = (line: string): void => console.log(line)
const counted = (workers: number): string => `${workers} ${workers === 1 ? 'Worker' : 'Workers'}`

/** @throws Error with what is to be done */
export async function bringUp(options: DeployOptions, deployment: Deployment, folder: string): Promise<void> {
  const wanted = await wantedWorkers(options.file, deployment, options)
  const { tokens: tokenFile, host } = deployment.settings
  const tokens = await tokensFor(deployment)
  const api = cloudflareApi(deployment)
  const there = await lookAround(deployment, wanted, api)
  const database = await planDatabase(deployment, tokens)
  if (options.only !== undefined) await refuseChangesForOthers(deployment, wanted, there, database, api)
  const functions = wanted.chosen.map(({ fn }) => fn)
  say(`bundling ${counted(functions.length)} for ${host}`)
  const bundles = await makeBundles(functions, join(folder, 'bundles'), (fn, done) =>
    say(`  ${done}/${functions.length} ${fn}`),
  )
  const plan = await planFor(deployment, wanted.chosen, bundles, there, api)
  say(planText(plan, database))
  if (options.plan) return say('this was the plan: nothing was changed')
  const warning = await bringUpDatabase(deployment, database, tokens)
  say(`database: up to date${tokens.length > 0 ? `, with the tokens of ${tokenFile}` : ''}`)
  if (warning !== undefined) say(warning)
  const outcome = await applyPlan(plan, uploaderFor(deployment, folder), api, say)
  if (outcome.failed.size > 0) throw new Error(failureText(outcome, database))
  say(summaryText(plan, outcome))
  await look(deployment, api, options.connectTo)
  const changed = outcome.done.length > 0 || databaseChanges(database).length > 0
  say(changed ? 'done' : 'done: nothing had to be changed')
}

/** @throws Error where the host does not answer, or the books are wrong */
async function look(deployment: Deployment, api: CloudflareApi, connectTo?: string): Promise<void> {
  const { host } = deployment.settings
  if ((await api.routes()).some(({ pattern }) => HEALTH_ROUTES.some((path) => pattern === host + path))) {
    await waitForHealth(host, connectTo)
    say(`GET https://${host}/health: ok`)
  } else {
    say('/health was not checked: that function is not deployed yet')
  }
  say(`verify: ${await verifyLedger(deployment)} invariants hold`)
}

/** Deletes the Workers with their routes, by their names alone. The database is left as it is. */
export async function destroy(options: DeployOptions, deployment: Deployment): Promise<void> {
  const { environment, environments, settings } = deployment
  const problems = [
    ...nameProblems(environments),
    ...(settings.variables.TESTNET_ONLY === 'true'
      ? []
      : [`environments.${environment}: is not deleted by a command, since it is not TESTNET_ONLY`]),
  ]
  if (problems.length > 0) throw new FileProblems(options.file, problems)
  const api = cloudflareApi(deployment)
  const known = workerNames(environment)
  const there = (await api.workers()).filter((name) => known.includes(name))
  const routes = await api.routes()
  if (options.plan) return say(`this was the plan: to delete ${there.join(', ') || 'nothing'}`)
  for (const name of there) {
    try {
      for (const { id } of routes.filter(({ script }) => script === name)) await api.removeRoute(id)
      await api.removeWorker(name)
    } catch (error) {
      throw new Error(`${name}: ${(error as Error).message}\nrun the same command again to go on`)
    }
    say(`deleted ${name}`)
  }
  say(
    there.length === 0
      ? 'nothing was deployed'
      : `deleted ${counted(there.length)}; the database is as it was`,
  )
}
