/** What must be true of each function before it is deployed: pure checks that give one line for each fault. */
import { relative } from 'node:path'
import type { RateName } from '../../functions/_lib/limits.ts'
import { projectRoot } from '../stack/manifest.ts'
import type { ResolvedConfig } from '../stack/wrangler-config.ts'
import { rateFaults } from './rates.ts'
import { SESSION_KEYS } from '../deploy/values.ts'
import { EVERY_SECRET, MAY_BE_ABSENT } from './secrets.ts'

export interface FunctionFacts {
  /** The name of its file and of its `[env.<name>]`. */
  name: string
  /** The minified bundle. */
  text: string
  gzipBytes: number
  config: Pick<ResolvedConfig, 'name' | 'main' | 'secrets' | 'ratelimits'>
  /** Names of the secret variables that its schemas declare. */
  secrets: string[]
  /** The rate limits that its endpoints count. */
  rates: RateName[]
}

/** Decimal, as the limits are meant: 1 kB is 1,000 bytes. */
const KB = 1000
const LIMIT_KB = 145
const LARGER_LIMITS_KB: Readonly<Record<string, number>> = { 'spot-withdraw-request': 215, settle: 200 }

/** Strings of the KMS protocol: the service's name on the wire survives every minifier. */
const KMS_MARKERS = ['TrentService', 'KMSInvalidStateException', 'com.amazonaws.kms']
const KMS_FUNCTION = 'spot-withdraw-request'

const ownersOf = (pattern: RegExp) => (name: string) => pattern.test(name)
/** Variables that only some functions may read, and which. A trailing `*` stands for any ending. */
const GUARDED: readonly { variable: string; mayRead: (name: string) => boolean }[] = [
  { variable: 'ADMIN_API_KEY', mayRead: ownersOf(/^admin-/) },
  { variable: 'ADMIN_DATABASE_URL', mayRead: ownersOf(/^admin-/) },
  { variable: 'PUBLIC_DATABASE_URL', mayRead: ownersOf(/^(health|wallet-tokens)$/) },
  {
    variable: 'READS_DATABASE_URL',
    mayRead: ownersOf(/^(perp-balances|spot-balances|spot-deposits|spot-transfers|stream)$/),
  },
  { variable: 'SESSIONS_DATABASE_URL', mayRead: ownersOf(/^(api-keys|auth|auth-logout)$/) },
  { variable: 'SETTLE_DATABASE_URL', mayRead: ownersOf(/^settle$/) },
  { variable: 'SIGNED_DATABASE_URL', mayRead: ownersOf(/^(agent|subaccount)-/) },
  { variable: 'TRANSFERS_DATABASE_URL', mayRead: ownersOf(/^spot-transfer$/) },
  { variable: 'WITHDRAWALS_DATABASE_URL', mayRead: ownersOf(/^spot-withdraw(-request|als)$/) },
  { variable: 'RPC_URL', mayRead: ownersOf(/^(auth|settle|spot-withdraw-request)$/) },
  { variable: 'AWS_SECRET_ACCESS_KEY', mayRead: ownersOf(/^spot-withdraw-request$/) },
  { variable: 'KMS_*', mayRead: ownersOf(/^spot-withdraw-request$/) },
]

export const gzipLimitBytes = (name: string): number => (LARGER_LIMITS_KB[name] ?? LIMIT_KB) * KB

export const inKilobytes = (bytes: number): string => (bytes / KB).toFixed(1)

export function functionFaults(facts: FunctionFacts): string[] {
  const { name, text, config } = facts
  const main = relative(projectRoot, config.main)
  return [
    ...sizeFaults(facts),
    ...(name === KMS_FUNCTION ? [] : kmsFaults(text)),
    ...GUARDED.filter(({ mayRead }) => !mayRead(name)).flatMap(({ variable }) =>
      readsVariable(text, variable)
        ? [`reads ${variable}, which is not its business (scripts/deploy-check/rules.ts says whose it is)`]
        : [],
    ),
    ...foreignSecrets(text, [...(config.secrets?.required ?? []), ...facts.secrets]).map(
      (secret) => `names the secret ${secret}, which is not declared for it`,
    ),
    ...secretFaults(config.secrets?.required ?? [], facts.secrets),
    ...rateFaults(config.ratelimits, facts.rates),
    ...(main === `functions/${name}.ts` ? [] : [`main is ${main}, not functions/${name}.ts`]),
    ...(config.name === `tidegate-${name}` ? [] : [`name is ${config.name}, not tidegate-${name}`]),
  ].map((fault) => `${name}: ${fault}`)
}

function sizeFaults({ name, gzipBytes }: FunctionFacts): string[] {
  const limit = gzipLimitBytes(name)
  if (gzipBytes <= limit) return []
  return [`${gzipBytes} bytes gzipped, the limit is ${limit}`]
}

function kmsFaults(text: string): string[] {
  const marker = KMS_MARKERS.find((one) => text.includes(one))
  return marker ? [`carries KMS code (${marker}), which belongs to ${KMS_FUNCTION} alone`] : []
}

/** Is the variable named as a member, a key or a text of its own? Descriptions may mention it. */
export function readsVariable(text: string, variable: string): boolean {
  const name = variable.endsWith('*') ? `${variable.slice(0, -1)}[A-Z0-9_]+` : variable
  return new RegExp(`\\.${name}\\b|[{,]${name}[:,}]|"${name}"|'${name}'`).test(text)
}

/** Secrets that a bundle names, in whatever way, beside those that are declared for it. */
export const foreignSecrets = (text: string, declared: readonly string[]): string[] =>
  EVERY_SECRET.filter(
    (name) => !declared.includes(name) && new RegExp(`(?<![A-Z0-9_])${name}(?![A-Z0-9_])`).test(text),
  )

export function secretFaults(required: readonly string[], declared: readonly string[]): string[] {
  const either = SESSION_KEYS.filter((name) => declared.includes(name) && required.includes(name))
  const missing = declared.filter((name) => ![...required, ...MAY_BE_ABSENT, ...SESSION_KEYS].includes(name))
  const surplus = required.filter((name) => !declared.includes(name))
  return [
    ...missing.map((name) => `its code declares the secret ${name}, secrets.required has it not`),
    ...surplus.map((name) => `secrets.required has ${name}, its code declares no such secret`),
    ...either.map(
      (name) => `secrets.required has ${name}, but either of ${SESSION_KEYS.join(' and ')} is enough`,
    ),
  ]
}

/** Files without an env, and envs without a file. */
export function pairingFaults(files: readonly string[], envs: readonly string[]): string[] {
  return [
    ...files
      .filter((name) => !envs.includes(name))
      .map((name) => `${name}: wrangler.toml has no [env.${name}]`),
    ...envs
      .filter((name) => !files.includes(name))
      .map((name) => `${name}: there is no functions/${name}.ts`),
  ]
}

/** Bindings and triggers of a Worker, for the table. */
export function bindingsOf(config: ResolvedConfig): string[] {
  const { vars, ratelimits, durable_objects, services = [], triggers } = config
  return [
    ...Object.keys(vars).map((name) => `vars ${name}`),
    ...(triggers?.crons ?? []).map((cron) => `cron ${cron}`),
    ...ratelimits.map(({ name }) => name),
    ...durable_objects.bindings.map(({ name }) => name),
    ...services.map(({ binding }) => binding),
  ]
}
