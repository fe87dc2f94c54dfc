/** What must be true of each function before it is deployed: pure checks that give one line for each fault. */

import { EVERY_SECRET } from './secrets.ts'
import type { WranglerEnv } from '../stack/wrangler-config.ts'

export interface FunctionFacts {
  /** The name of its file and of its `[env.<name>]`. */
  name: string
  /** The minified bundle. */
  text: string
  gzipBytes: number
  config: WranglerEnv
  /** Names of the secret variables that its schemas declare. */
  secrets: string[]
}

/** Decimal, as the limits are meant: 1 kB is 1,000 bytes. */
const KB = 1000
const LIMIT_KB = 130
const LARGER_LIMITS_KB: Readonly<Record<string, number>> = { 'spot-withdraw-request': 200, settle: 200 }

/** Strings of the KMS protocol: the service's name on the wire survives every minifier. */
const KMS_MARKERS = ['TrentService', 'KMSInvalidStateException', 'com.amazonaws.kms']
const KMS_FUNCTION = 'spot-withdraw-request'

const ownersOf = (pattern: RegExp) => (name: string) => pattern.test(name)
/** Variables that only some functions may read, and which. A trailing `*` stands for any ending. */
const GUARDED: readonly { variable: string; mayRead: (name: string) => boolean }[] = [
  { variable: 'ADMIN_API_KEY', mayRead: ownersOf(/^admin-/) },
  { variable: 'ADMIN_DATABASE_URL', mayRead: ownersOf(/^admin-/) },
  { variable: 'SETTLE_DATABASE_URL', mayRead: ownersOf(/^settle$/) },
  { variable: 'AWS_SECRET_ACCESS_KEY', mayRead: ownersOf(/^spot-withdraw-request$/) },
  { variable: 'KMS_*', mayRead: ownersOf(/^spot-withdraw-request$/) },
]

/** One of them is enough for a function that reads sessions. */
const SESSION_KEYS = ['JWT_SECRET', 'JWT_PRIVATE_KEY']

/** Credentials that last have no session token, and alerts need no webhook: `secrets.required` would insist on them. */
const MAY_BE_ABSENT = ['AWS_SESSION_TOKEN', 'ALERT_WEBHOOK_URL']

export const gzipLimitBytes = (name: string): number => (LARGER_LIMITS_KB[name] ?? LIMIT_KB) * KB

export const inKilobytes = (bytes: number): string => (bytes / KB).toFixed(1)

export function functionFaults(facts: FunctionFacts): string[] {
  const { name, text, config } = facts
  return [
    ...sizeFaults(facts),
    ...(name === KMS_FUNCTION ? [] : kmsFaults(text)),
    ...GUARDED.filter(({ mayRead }) => !mayRead(name)).flatMap(({ variable }) =>
      readsVariable(text, variable) ? [`reads ${variable}, which is not its business`] : [],
    ),
    ...foreignSecrets(text, [...(config.secrets?.required ?? []), ...facts.secrets]).map(
      (secret) => `names the secret ${secret}, which is not declared for it`,
    ),
    ...secretFaults(config.secrets?.required ?? [], facts.secrets),
    ...(config.main === `functions/${name}.ts` ? [] : [`main is ${config.main}, not functions/${name}.ts`]),
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
  const readsSessions = SESSION_KEYS.every((key) => declared.includes(key))
  const eitherIsThere = SESSION_KEYS.some((key) => required.includes(key))
  const missing = declared.filter(
    (name) =>
      !required.includes(name) &&
      !MAY_BE_ABSENT.includes(name) &&
      !(SESSION_KEYS.includes(name) && (eitherIsThere || readsSessions)),
  )
  const surplus = required.filter((name) => !declared.includes(name))
  return [
    ...missing.map((name) => `its code declares the secret ${name}, secrets.required has it not`),
    ...surplus.map((name) => `secrets.required has ${name}, its code declares no such secret`),
    ...(readsSessions && !eitherIsThere ? [`secrets.required has none of ${SESSION_KEYS.join(', ')}`] : []),
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

const NOT_BINDINGS = new Set([
  'name',
  'main',
  'secrets',
  'routes',
  'route',
  'migrations',
  'compatibility_date',
])

/** Bindings and triggers of an env, for the table. */
export function bindingsOf(config: WranglerEnv): string[] {
  return Object.entries(config).flatMap(([kind, value]) => {
    if (NOT_BINDINGS.has(kind) || value === null || typeof value !== 'object') return []
    const list = Array.isArray(value)
      ? value
      : (Object.values(value).find(Array.isArray) ?? Object.keys(value))
    return (list as unknown[]).map((one) =>
      typeof one === 'object' && one !== null
        ? String(
            (one as { name?: unknown; binding?: unknown }).name ?? (one as { binding?: unknown }).binding,
          )
        : `${kind} ${String(one)}`,
    )
  })
}
