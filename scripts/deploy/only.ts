/** `--only` deploys one Worker: what others live by must stay as it is, or they are locked out until they are deployed, too. */
import type { CloudflareApi } from './cloudflare.ts'
import { databaseChanges, type DatabasePlan } from './database.ts'
import type { Surroundings } from './plan.ts'
import type { Deployment } from './settings.ts'
import { settingsMark } from './upload.ts'
import type { Wanted, WantedWorker } from './wanted.ts'

/** @throws Error with what would change under the other Workers */
export async function refuseChangesForOthers(
  deployment: Deployment,
  wanted: Wanted,
  there: Surroundings,
  database: DatabasePlan,
  api: CloudflareApi,
): Promise<void> {
  const [worker] = wanted.chosen
  if (worker === undefined) return
  const deployed = [...there.workers].filter(
    (name) => name !== worker.name && (wanted.known.includes(name) || there.strangers.includes(name)),
  )
  if (deployed.length === 0) return
  const changes = databaseChanges(database)
  if (changes.length > 0)
    throw new Error(
      `--only ${worker.fn}: the database would change under the ${deployed.length} other Workers that are deployed ` +
        `(${changes.join('; ')}). Leave out --only, so that all go with it; nothing was touched`,
    )
  const differing = await differingFrom(deployment, worker, wanted, there, deployed, api)
  if (differing.length > 0)
    throw new Error(
      `--only ${worker.fn}: its variables and secrets would no longer be those of ${differing.join(', ')}. ` +
        'Leave out --only, so that all get what the files say now; nothing was touched',
    )
}

/** Names of deployed Workers that share a variable or secret with this one, and were not deployed with what the files say now. */
async function differingFrom(
  deployment: Deployment,
  worker: WantedWorker,
  { others }: Wanted,
  there: Surroundings,
  deployed: readonly string[],
  api: CloudflareApi,
): Promise<string[]> {
  const hasThese = async (one: WantedWorker): Promise<boolean> =>
    (await api.worker(one.name)).mark?.endsWith(settingsMark(deployment, one)) === true
  const own = Object.keys({ ...worker.vars, ...worker.secrets })
  if (there.workers.has(worker.name) && (await hasThese(worker))) return []
  const sharing = others.filter(
    ({ name, vars, secrets }) =>
      deployed.includes(name) && own.some((variable) => variable in vars || variable in secrets),
  )
  const found = await Promise.all(sharing.map(async (one) => ((await hasThese(one)) ? [] : [one.name])))
  return found.flat()
}
