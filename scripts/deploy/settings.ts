/**
 * `deploy.json`: what a deployment is, for one or more environments, and nothing secret. It is read whole: every mistake in
 * it, in the variables that the functions read and in the secrets is told at once, before anything is touched.
 */
import * as z from 'zod/mini'
import { JOBS, type Job } from '../../db/logins.ts'
import { apiAddress, type Asked } from './asked.ts'
import { checked, FileProblems, readJson } from './checked-json.ts'
import { readSecrets, type SecretSource } from './secret-values.ts'

const id = z.string().check(z.regex(/^[0-9a-f]{32}$/, 'must be 32 hex digits, as the dashboard shows it'))
const address = z.string().check(z.regex(/^0x[0-9a-fA-F]{40}$/, 'must be 0x and 40 hex digits'))
const text = z.string().check(z.minLength(1))
const secretName = z.string().check(z.regex(/^[A-Z][A-Z0-9_]*$/, 'must be the name of a secret'))

const shape = {
  /** Id of the Cloudflare account, and of the zone that the host is in. */
  account: id,
  zone: id,
  host: z
    .string()
    .check(
      z.regex(
        /^(?=.{1,253}$)[a-z0-9-]+(\.[a-z0-9-]+)+$/,
        'must be a host name in lower case, without a path',
      ),
    ),
  /** Near whom the functions run; `smart` is near the database. */
  placement: z._default(z.enum(['smart', 'off']), 'smart'),
  chain: z.strictObject({
    id: z.int().check(z.minimum(1)),
    vault: address,
    vaultDeployBlock: z.int().check(z.minimum(0)),
  }),
  signer: z.strictObject({ region: text, keyId: text, address }),
  /** Host of the pooled connections; on Neon it is known from the owner's. */
  pooledHost: z.optional(text),
  /** Further plain variables of the functions. */
  variables: z._default(z.record(z.string(), z.string()), {}),
  /** Names of the secrets whose values are given. */
  secrets: z._default(z.array(secretName), []),
  /** Functions that are not deployed. */
  leaveOut: z._default(z.array(text), []),
  tokens: z.optional(text),
  /** Added to the ids of the rate-limit namespaces: environments of one account would count together. */
  rateLimitOffset: z._default(z.int().check(z.minimum(0), z.maximum(1_000_000)), 0),
}

const Environment = z.strictObject(shape)
export type DeploySettings = z.output<typeof Environment>

/** Of an environment only what differs stands in the file; it is judged together with the top. */
const DeployFile = z.strictObject({
  ...shape,
  environments: z._default(
    z.record(z.string().check(z.regex(/^[a-z][a-z0-9-]{0,15}$/)), z.record(z.string(), z.unknown())),
    {},
  ),
})

export interface Deployment {
  settings: DeploySettings
  /** `staging`; undefined for what stands at the top of the file. */
  environment: string | undefined
  /** Of the whole file. */
  environments: string[]
  secrets: Map<string, string>
  /** Connection string of the database's owner, on the direct host. */
  ownerUrl: string
  /** Passwords of the logins and marks of what is deployed are made with it. */
  deployKey: string
  apiToken: string
  /** Where the token is sent. */
  cloudflareApi: string
  /** Name of the environment whose database is taken over. */
  takeOver: string | undefined
}

/** Which job's login stands behind which connection string: as functions/_lib/ledgers.ts has it, which is not loaded so early. */
export const JOB_OF: Readonly<Record<string, Job>> = Object.fromEntries(
  JOBS.map((job) => [`${job.toUpperCase()}_DATABASE_URL`, job]),
)

/** What the deploy command itself needs, beside the functions' secrets. */
const OWN_SECRETS = ['OWNER_DATABASE_URL', 'DEPLOY_KEY', 'CLOUDFLARE_API_TOKEN'] as const

/** @throws FileProblems with everything that is wrong with the file and the secrets it names */
export function readDeployment(
  file: string,
  environment: string | undefined,
  source: SecretSource,
  { cloudflareApi, takeOver }: Asked = {},
): Deployment {
  const address = apiAddress(cloudflareApi)
  const settings = readDeploySettings(file, environment)
  const { environments = {} } = readJson(file) as { environments?: object }
  const { values, problems } = readSecrets([...OWN_SECRETS, ...settings.secrets], source)
  const own = (name: (typeof OWN_SECRETS)[number]): string => values.get(name) ?? ''
  const all = [
    ...problems,
    ...(values.has('OWNER_DATABASE_URL') ? ownerProblems(own('OWNER_DATABASE_URL'), settings) : []),
    ...(values.has('DEPLOY_KEY') && own('DEPLOY_KEY').length < 32
      ? ['DEPLOY_KEY must have at least 32 characters: openssl rand -hex 32']
      : []),
  ]
  if (all.length > 0) throw new FileProblems(file, all)
  const ofFunctions = settings.secrets.flatMap((name) => {
    const value = values.get(name)
    return value === undefined ? [] : [[name, value] as const]
  })
  return {
    settings,
    environment,
    environments: Object.keys(environments),
    secrets: new Map(ofFunctions),
    ownerUrl: own('OWNER_DATABASE_URL'),
    deployKey: own('DEPLOY_KEY'),
    apiToken: own('CLOUDFLARE_API_TOKEN'),
    cloudflareApi: address,
    takeOver,
  }
}

/** @throws FileProblems with everything that is wrong with the file */
export function readDeploySettings(file: string, environment: string | undefined): DeploySettings {
  const raw = readJson(file)
  const { environments, ...top } = checked(file, DeployFile, raw)
  if (environment !== undefined && !Object.hasOwn(environments, environment))
    throw new FileProblems(file, [`environments has no "${environment}"`])
  const settings =
    environment === undefined
      ? top
      : checked(
          `${file} (${environment})`,
          Environment,
          overridden(raw as Raw, environments[environment] ?? {}),
        )
  const clash =
    environment !== undefined && settings.account === top.account
      ? [
          ...(settings.host === top.host
            ? [`environments.${environment}.host: is the host of the top, too`]
            : []),
          ...(settings.rateLimitOffset === top.rateLimitOffset
            ? [
                `environments.${environment}.rateLimitOffset: is that of the top, so their calls count together`,
              ]
            : []),
        ]
      : []
  const twice = settings.secrets.filter((name, at) => settings.secrets.indexOf(name) !== at)
  const derived = settings.secrets.filter((name) => name in JOB_OF || OWN_SECRETS.includes(name as never))
  const problems = [
    ...clash,
    ...twice.map((name) => `secrets: ${name} is in the list twice`),
    ...derived.map((name) => `secrets: ${name} is made or read by the command itself: leave it out`),
  ]
  if (problems.length > 0) throw new FileProblems(file, problems)
  return settings
}

type Raw = Record<string, unknown>

/** Variables are added to those of the top; everything else takes the place of what is there. */
function overridden({ environments: _environments, ...top }: Raw, own: Raw): Raw {
  const variables = { ...(top.variables as Raw | undefined), ...(own.variables as Raw | undefined) }
  return { ...top, ...own, variables }
}

function ownerProblems(ownerUrl: string, { pooledHost }: DeploySettings): string[] {
  let url: URL
  try {
    url = new URL(ownerUrl)
  } catch {
    return ['OWNER_DATABASE_URL is no connection string']
  }
  if (!/^postgres(ql)?:$/.test(url.protocol))
    return ['OWNER_DATABASE_URL is no connection string of Postgres']
  if (/-pooler\./.test(url.hostname))
    return ['OWNER_DATABASE_URL is on the pooled host: migrations need the direct one']
  if (pooledHost === undefined && !url.hostname.endsWith('.neon.tech'))
    return ['pooledHost: must be given where the database is not on neon.tech']
  return []
}
