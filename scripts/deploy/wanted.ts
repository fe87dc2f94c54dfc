/** What should be deployed: each Worker as wrangler is to upload it, from wrangler.toml, the code and the settings. */
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { declaredBy, type Declared } from '../deploy-check/declared.ts'
import { projectRoot } from '../stack/manifest.ts'
import { readWranglerConfig, resolvedConfig, type ResolvedConfig } from '../stack/wrangler-config.ts'
import { FileProblems } from './checked-json.ts'
import { connectionStrings } from './logins.ts'
import type { Deployment, DeploySettings } from './settings.ts'
import { plainVariables, valueProblems } from './values.ts'

export interface WantedWorker {
  /** Of the file in functions/; `index` for all of them in one Worker. */
  fn: string
  /** Of the Worker: `tidegate-auth`, `tidegate-auth-staging`. */
  name: string
  config: ResolvedConfig
  routes: string[]
  crons: string[]
  vars: Record<string, string>
  secrets: Record<string, string>
}

const GATEWAY = 'index'

export interface Wanted {
  /** In the order in which they can be deployed: whose classes others bind comes first. */
  chosen: WantedWorker[]
  /** Those that are not chosen now. */
  others: WantedWorker[]
  /** Names of all Workers that the deployment has. */
  known: string[]
}

export interface Choice {
  only?: string | undefined
  single?: boolean
}

/** @throws FileProblems with everything that keeps them from being deployed */
export async function wantedWorkers(file: string, deployment: Deployment, choice: Choice): Promise<Wanted> {
  const { settings } = deployment
  const functions = Object.keys(readWranglerConfig().env ?? {})
  const unknown = settings.leaveOut.filter((fn) => !functions.includes(fn))
  const left = functions.filter((fn) => !settings.leaveOut.includes(fn) && isOpen(fn, settings))
  const everybody = new Map<string, Declared>()
  for (const fn of functions) everybody.set(fn, await declaredBy(join(projectRoot, `functions/${fn}.ts`)))
  const declared = new Map([...everybody].filter(([fn]) => left.includes(fn)))
  const problems = [
    ...nameProblems(deployment.environments),
    ...unknown.map((fn) => `leaveOut: there is no function ${fn}`),
    ...(choice.only === undefined || left.includes(choice.only)
      ? []
      : [`there is no function ${choice.only} to deploy: ${left.join(', ')}`]),
    ...valueProblems(deployment, [...declared.values()], [...everybody.values()], left.flatMap(requiredOf)),
    ...(settings.tokens !== undefined && !existsSync(settings.tokens)
      ? [`tokens: there is no ${settings.tokens}`]
      : []),
  ]
  if (problems.length > 0) throw new FileProblems(file, problems)
  const all = choice.single
    ? [gateway(deployment, declared)]
    : inOrder(left.map((fn) => workerOf(deployment, fn, declared.get(fn) as Declared)))
  const chosen = choice.only === undefined ? all : all.filter(({ fn }) => fn === choice.only)
  const others = all.filter((worker) => !chosen.includes(worker))
  return { chosen, others, known: all.map(({ name }) => name) }
}

const requiredOf = (fn: string): string[] => resolvedConfig(fn).secrets?.required ?? []

/** The faucet answers nothing but on a test chain, and the wallet page where somebody wants it. */
const isOpen = (fn: string, { variables }: DeploySettings): boolean =>
  (!fn.startsWith('admin-') || variables.TESTNET_ONLY === 'true') &&
  (fn !== 'wallet' || variables.PLAYGROUND === 'true')

/** A route is matched with its query. That of the root is for it alone: with a star it would be the whole host's. */
const routeOf = (host: string, path: string): string =>
  path === '/' ? `${host}/` : `${host}${path.replace(/\/:.*$/, '')}*`

const suffixed = (name: string, environment: string | undefined): string =>
  environment === undefined ? name : `${name}-${environment}`

function workerOf(deployment: Deployment, fn: string, declared: Declared): WantedWorker {
  const config = resolvedConfig(fn)
  const { host } = deployment.settings
  return {
    ...filled(deployment, fn, config, [declared]),
    routes: [...new Set(declared.paths.map((path) => routeOf(host, path)))].sort(),
    crons: config.triggers?.crons ?? [],
  }
}

/** Every function in one Worker: it has all secrets, the whole host and every cron. */
function gateway(deployment: Deployment, declared: ReadonlyMap<string, Declared>): WantedWorker {
  const crons = [...declared.keys()].flatMap((fn) => resolvedConfig(fn).triggers?.crons ?? [])
  return {
    ...filled(deployment, GATEWAY, resolvedConfig(), [...declared.values()]),
    routes: [`${deployment.settings.host}/*`],
    crons: [...new Set(crons)],
  }
}

type Filled = Omit<WantedWorker, 'routes' | 'crons'>

function filled(
  deployment: Deployment,
  fn: string,
  config: ResolvedConfig,
  declared: readonly Declared[],
): Filled {
  const { settings, environment, secrets } = deployment
  const variables = new Set(declared.flatMap((one) => Object.keys(one.variables)))
  const secretNames = new Set(declared.flatMap((one) => one.secrets))
  const plain = Object.entries(plainVariables(settings))
  const known = new Map([...secrets, ...connectionStrings(deployment)])
  const name = suffixed(config.name, environment)
  const bindings = config.durable_objects.bindings.map(({ script_name, ...rest }) => ({
    ...rest,
    ...(script_name !== undefined && { script_name: suffixed(script_name, environment) }),
  }))
  return {
    fn,
    name,
    config: {
      ...config,
      name,
      durable_objects: { bindings },
      ratelimits: config.ratelimits.map((limit) => ({
        ...limit,
        namespace_id: String(Number(limit.namespace_id) + settings.rateLimitOffset),
      })),
      ...(settings.placement === 'smart' && { placement: { mode: 'smart' } }),
    },
    vars: Object.fromEntries(plain.filter(([key]) => variables.has(key) && !secretNames.has(key))),
    secrets: Object.fromEntries([...known].filter(([key]) => secretNames.has(key))),
  }
}

/** @throws Error where two Workers wait for each other */
export function inOrder(workers: readonly WantedWorker[]): WantedWorker[] {
  const ordered: WantedWorker[] = []
  let waiting = [...workers]
  while (waiting.length > 0) {
    const ready = waiting.filter(({ name, config }) =>
      config.durable_objects.bindings.every(
        ({ script_name: owner }) =>
          owner === undefined || owner === name || !waiting.some((other) => other.name === owner),
      ),
    )
    if (ready.length === 0)
      throw new Error(`Workers wait for each other: ${waiting.map(({ name }) => name).join(', ')}`)
    // Those that others bind go first, so that what follows can be uploaded side by side.
    const owners = ready.filter(({ name }) => waiting.some((other) => bindsClassOf(other, name)))
    const next = owners.length > 0 ? owners : ready
    ordered.push(...next)
    waiting = waiting.filter((worker) => !next.includes(worker))
  }
  return ordered
}

/** `tidegate-agent-revoke` in an environment "all" would be the Worker `tidegate-agent-revoke-all` of the top. */
export function nameProblems(environments: readonly string[]): string[] {
  const top = workerNames(undefined)
  return environments.flatMap((environment) => {
    const shared = workerNames(environment).find((name) => top.includes(name))
    return shared === undefined
      ? []
      : [`environments.${environment}: with this name it shares the Worker ${shared}`]
  })
}

/** Every name that a Worker of the environment can have: one for each function, and the one for everything. */
export function workerNames(environment: string | undefined): string[] {
  const functions = Object.keys(readWranglerConfig().env ?? {})
  return [undefined, ...functions].map((fn) => suffixed(resolvedConfig(fn).name, environment))
}

export const bindsClassOf = (worker: WantedWorker, owner: string): boolean =>
  worker.name !== owner && worker.config.durable_objects.bindings.some((one) => one.script_name === owner)
