/** What a run would change: what is wanted against what Cloudflare has. It holds no secret, so it can be shown. */
import type { CloudflareApi, DeployedWorker, Route } from './cloudflare.ts'
import type { Deployment } from './settings.ts'
import { markOf, type Bundled } from './upload.ts'
import { workerNames, type Wanted, type WantedWorker } from './wanted.ts'

export interface Step {
  worker: WantedWorker
  bundle: Bundled
  /** Lines for a person; empty where nothing changes. */
  changes: string[]
  /** Is a new version needed, or are only routes too many? */
  upload: boolean
  /** Names of secrets that the Worker has and should not. */
  surplusSecrets: string[]
  surplusRoutes: Route[]
}

export interface Plan {
  steps: Step[]
  /** Workers of this deployment that the code no longer has. */
  strangers: string[]
}

const AT_ONCE = 4

/** What Cloudflare has now, beside the Workers' own settings. */
export interface Surroundings {
  workers: ReadonlySet<string>
  routes: Route[]
  strangers: string[]
}

/** @throws Error with one line for each thing that Cloudflare would refuse half-way */
export async function lookAround(
  deployment: Deployment,
  { chosen, known }: Wanted,
  api: CloudflareApi,
): Promise<Surroundings> {
  const { host } = deployment.settings
  const zone = await api.zoneName()
  if (zone !== undefined && host !== zone && !host.endsWith(`.${zone}`))
    throw new Error(`host: ${host} is not in the zone ${zone}`)
  const workers = new Set(await api.workers())
  const strangers = strangersAmong([...workers], known, deployment)
  refuseBothWays(known, strangers, deployment.environment)
  const routes = await api.routes()
  const taken = chosen.flatMap(({ name, routes: wanted }) =>
    routes
      .filter(({ pattern, script }) => wanted.includes(pattern) && script !== name)
      .map(
        ({ pattern, script }) => `${pattern} leads to ${script ?? 'no Worker'} already, and not to ${name}`,
      ),
  )
  const problems = [...taken, ...chosen.flatMap((worker) => missingOwners(worker, chosen, workers))]
  if (problems.length > 0) throw new Error(problems.join('\n'))
  return { workers, routes, strangers }
}

export async function planFor(
  deployment: Deployment,
  workers: readonly WantedWorker[],
  bundles: ReadonlyMap<string, Bundled>,
  there: Surroundings,
  api: CloudflareApi,
): Promise<Plan> {
  const queue = [...workers.entries()]
  const steps: Step[] = []
  const work = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      const [at, worker] = next
      const now = there.workers.has(worker.name) ? await api.worker(worker.name) : undefined
      const bundle = bundles.get(worker.fn) as Bundled
      steps[at] = stepFor(deployment, worker, bundle, now, there.routes)
    }
  }
  await Promise.all(Array.from({ length: AT_ONCE }, work))
  return { steps, strangers: there.strangers }
}

/** Cloudflare would refuse the upload (10061), after others are done. */
function missingOwners(
  { name, config }: WantedWorker,
  workers: readonly WantedWorker[],
  there: ReadonlySet<string>,
): string[] {
  const owners = new Set(config.durable_objects.bindings.map(({ script_name }) => script_name ?? name))
  return [...owners].flatMap((owner) =>
    owner === name || there.has(owner) || workers.some((worker) => worker.name === owner)
      ? []
      : [`${name} binds a class of ${owner}, which is not deployed: deploy that first`],
  )
}

/** One Worker for everything beside Workers for each function: two crons, and whose route wins is nobody's intention. */
function refuseBothWays(
  known: readonly string[],
  strangers: readonly string[],
  environment: string | undefined,
): void {
  const gateway = environment === undefined ? 'tidegate' : `tidegate-${environment}`
  const isGateway = (name: string) => name === gateway
  const single = known.some((name) => isGateway(name))
  // Of another file's environment `tidegate-auth-test` is somebody else's, and not to be deleted.
  const ours = workerNames(environment)
  const others = strangers.filter((name) => ours.includes(name) && isGateway(name) !== single)
  if (others.length === 0) return
  throw new Error(
    `${others.join(', ')} ${others.length === 1 ? 'is' : 'are'} deployed ${single ? 'one by one' : 'as one Worker for everything'}: ` +
      'delete that first, with `npx wrangler delete --name <Worker>`',
  )
}

export function stepFor(
  deployment: Deployment,
  worker: WantedWorker,
  bundle: Bundled,
  now: DeployedWorker | undefined,
  routes: readonly Route[],
): Step {
  const own = routes.filter(({ script }) => script === worker.name)
  const newRoutes = worker.routes.filter((pattern) => !own.some((route) => route.pattern === pattern))
  const surplusRoutes = own.filter(({ pattern }) => !worker.routes.includes(pattern))
  const surplusSecrets = now?.secrets.filter((name) => !(name in worker.secrets)) ?? []
  const version = now
    ? versionChanges(deployment, worker, bundle, now)
    : ['new', ...worker.crons.map((cron) => `+ cron ${cron}`)]
  const changes = [
    ...version,
    ...surplusSecrets.map((name) => `- secret ${name}`),
    ...newRoutes.map((pattern) => `+ route ${pattern}`),
    ...surplusRoutes.map(({ pattern }) => `- route ${pattern}`),
  ]
  const upload = version.length + newRoutes.length + surplusSecrets.length > 0
  return { worker, bundle, changes, upload, surplusSecrets, surplusRoutes }
}

function versionChanges(
  deployment: Deployment,
  worker: WantedWorker,
  bundle: Bundled,
  now: DeployedWorker,
): string[] {
  const { vars, crons } = worker
  const names = [...new Set([...Object.keys(vars), ...Object.keys(now.vars)])].sort()
  const changes = [
    ...(now.bundle === bundle.hash.slice(0, 12) ? [] : ['~ bundle']),
    ...names.flatMap((name) => {
      if (vars[name] === now.vars[name]) return []
      return [`${name in vars ? (name in now.vars ? '~' : '+') : '-'} variable ${name}`]
    }),
    ...(now.observed ? [] : ['+ observability']),
    ...(now.atWorkersDev ? ['- workers.dev'] : []),
    ...(crons.join() === now.crons.join() ? [] : [`~ cron ${crons.join(', ') || 'none'}`]),
  ]
  if (changes.length > 0 || now.mark === markOf(deployment, worker, bundle)) return changes
  return [now.mark === undefined ? '~ changed by hand since' : '~ secrets or bindings']
}

/** Named like ours, in this environment, and none of what is wanted. */
function strangersAmong(
  there: readonly string[],
  known: readonly string[],
  { environment, environments }: Deployment,
): string[] {
  const ofOthers = environments.filter((other) => other !== environment).map((other) => `-${other}`)
  const suffix = environment === undefined ? '' : `-${environment}`
  return there.filter(
    (name) =>
      /^tidegate(-|$)/.test(name) &&
      name.endsWith(suffix) &&
      !(environment === undefined && ofOthers.some((end) => name.endsWith(end))) &&
      !known.includes(name),
  )
}
