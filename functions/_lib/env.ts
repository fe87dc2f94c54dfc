/**
 * The configuration, as schemas. Each function composes only what it needs; `parseEnv` reads it once an isolate and
 * fails naming the variable. `npm run config:table` turns the descriptions into the README's table.
 */
import * as z from 'zod/mini'
import { OwnError } from '../../db/errors.ts'
import type { Job } from '../../db/logins.ts'
import {
  KMS_TIMEOUT_MS_DEFAULT,
  RESERVATION_TTL_SECONDS_DEFAULT,
  SESSION_TTL_SECONDS_DEFAULT,
  WITHDRAW_TTL_SECONDS_DEFAULT,
  WITHDRAW_TTL_SECONDS_MAX,
} from './limits.ts'
import {
  connectionString,
  type Form,
  formed,
  isHttpUrl,
  isPrivateJwk,
  isSecretUrl,
  keyText,
  orUnset,
} from './env-forms.ts'

// Written out: the bundler takes a product for something that may have side effects, and keeps what has it in it.
const DAY_SECONDS = 86_400
const MONTH_SECONDS = 2_592_000

// The marks below tell the bundler that a call nobody uses can go: a bundle names only the variables it reads.
interface Extra {
  secret?: true
  example?: string
  /** What a right value looks like, for the error that refuses another. */
  form?: string
}
/* @__NO_SIDE_EFFECTS__ */
const described = <S extends z.ZodMiniType>(schema: S, description: string, extra: Extra = {}): S => {
  z.globalRegistry.add(schema, { description, ...extra })
  return schema
}
/* @__NO_SIDE_EFFECTS__ */
const optionalText = (description: string, extra: Extra = {}) =>
  described(z.optional(z.string()), description, extra)
/* @__NO_SIDE_EFFECTS__ */
const withDefault = (fallback: string, description: string, extra: Extra = {}) =>
  described(z._default(z.string(), fallback), description, extra)

/** Whole number text within bounds, as a number. */
/* @__NO_SIDE_EFFECTS__ */
export const wholeNumber = (fallback: number, min: number, max: number, description: string) =>
  described(
    z.pipe(
      z._default(z.string().check(z.regex(/^[0-9]{1,15}$/)), String(fallback)),
      z.pipe(z.transform(Number), z.number().check(z.minimum(min), z.maximum(max))),
    ),
    description,
  )
/** `true` and nothing else is true: a typo must close a door, not open it. */
/* @__NO_SIDE_EFFECTS__ */
export const onlyTrue = (description: string) =>
  described(
    z.pipe(
      z.optional(z.string()),
      z.transform((value) => value === 'true'),
    ),
    description,
  )
/* @__NO_SIDE_EFFECTS__ */
export const evmAddress = (description: string) =>
  described(
    z.pipe(
      z.string().check(z.regex(/^0x[0-9a-fA-F]{40}$/)),
      z.transform((value) => value.toLowerCase() as `0x${string}`),
    ),
    description,
  )

const CONNECTION_FORM =
  'a postgresql: URL with user, password, host and database; an at sign of the password as %40'
const KEY_FORM = '32 to 512 characters of hex, base64 or base64url, as from `openssl rand -base64 48`'
const URL_FORM = 'an https: URL without user and password'

// Whole schemas, so that their arguments are plain values: a call among them would keep a variable in every bundle.
const loginText = (job: Job) => `Connection string of the login \`tidegate_${job}\` (Neon: the pooled one)`
/* @__NO_SIDE_EFFECTS__ */
export const database = (job: Job) =>
  described(connectionString(), loginText(job), { secret: true, form: CONNECTION_FORM })
/* @__NO_SIDE_EFFECTS__ */
export const optionalDatabase = (job: Job) =>
  described(orUnset(connectionString()), loginText(job), { secret: true, form: CONNECTION_FORM })
/* @__NO_SIDE_EFFECTS__ */
const formedText = (form: Form, description: string, extra: Extra) =>
  described(formed(form), description, extra)
/* @__NO_SIDE_EFFECTS__ */
const optionalFormed = (form: Form, description: string, extra: Extra) =>
  described(orUnset(formed(form)), description, extra)
/** Addresses of nodes, each once: where two are to agree, no node may agree with itself. */
/* @__NO_SIDE_EFFECTS__ */
const nodeList = (description: string) =>
  described(
    z.pipe(
      z.pipe(
        z.string(),
        z.transform((text) => [...new Set(text.split(/[\s,]/).filter(Boolean))]),
      ),
      z.array(formed(isHttpUrl)).check(z.minLength(1)),
    ),
    description,
    { secret: true, form: URL_FORM },
  )
/* @__NO_SIDE_EFFECTS__ */
const optionalKey = (description: string) =>
  described(orUnset(keyText()), description, { secret: true, form: KEY_FORM })

/** What every function has. */
export const commonEnv = {
  CORS_ORIGINS: withDefault(
    '',
    'Origins that browsers may call from, separated by commas; `*` is any, empty is none',
    {
      example: 'https://app.example.com',
    },
  ),
  RATE_LIMITS: withDefault('on', '`off` lifts the rate limits, for load tests; anything else leaves them on'),
}

export const sessionEnv = {
  JWT_SECRET: optionalKey(
    'HS256 key of our own tokens, at least 32 characters. One of JWT_SECRET and JWT_PRIVATE_KEY must be set',
  ),
  JWT_PRIVATE_KEY: optionalFormed(
    isPrivateJwk,
    'EdDSA (Ed25519) private key of our own tokens, as a JWK; wins over JWT_SECRET',
    { secret: true, form: 'a JWK of kty OKP, crv Ed25519, with d and x' },
  ),
  JWT_TTL_SECONDS: wholeNumber(
    SESSION_TTL_SECONDS_DEFAULT,
    1,
    MONTH_SECONDS,
    'Life of a session token, seconds',
  ),
  JWT_JWKS_URL: optionalFormed(isSecretUrl, 'Keys of an issuer whose tokens are accepted too', {
    example: 'https://issuer.example.com/.well-known/jwks.json',
    form: URL_FORM,
  }),
  JWT_ISSUER: optionalText('`iss` of that issuer'),
  JWT_AUDIENCE: optionalText('`aud` that its tokens must carry'),
}

export const adminEnv = {
  TESTNET_ONLY: onlyTrue('The faucet exists only where this is exactly `true`'),
  ADMIN_API_KEY: optionalKey('Key of `/admin/*`; unset means closed'),
}

/** The chain side that login and withdrawals share. */
export const chainEnv = {
  CHAIN_ID: wholeNumber(0, 1, 9_007_199_254_740_991, 'EVM chain id of the vault'),
  VAULT_ADDRESS: evmAddress('The vault contract'),
}

export const loginEnv = {
  LOGIN_DOMAIN_NAME: withDefault('Tidegate', 'EIP-712 domain name that a login signs'),
  LOGIN_DOMAIN_VERSION: withDefault('1', 'EIP-712 domain version that a login signs'),
}

/** The nodes that withdrawals, sign-in of contract wallets and the cron function read. */
export const rpcEnv = {
  RPC_URL: nodeList(
    'JSON-RPC addresses of nodes of the chain, with commas or blanks between them: the first that answers well is used, the others when it fails',
  ),
  RPC_QUORUM: wholeNumber(1, 1, 5, 'How many of these nodes must give the same answer before it counts'),
}

/** Reservations that a dead request left behind. */
export const reservationEnv = {
  RESERVATION_TTL_SECONDS: wholeNumber(
    RESERVATION_TTL_SECONDS_DEFAULT,
    30,
    DAY_SECONDS,
    'After how many seconds an unsigned reservation is given back by the cron function',
  ),
}

export const withdrawEnv = {
  SPOT_ENABLED: onlyTrue('Withdrawals can be requested only where this is exactly `true`'),
  WITHDRAW_TTL_SECONDS: wholeNumber(
    WITHDRAW_TTL_SECONDS_DEFAULT,
    1,
    WITHDRAW_TTL_SECONDS_MAX,
    'How long the vault takes a withdrawal’s signature, seconds',
  ),
}

/** What the vault must answer: what is signed rests on it, and settle compares it with the vault. */
export const vaultEnv = {
  VAULT_DOMAIN_NAME: withDefault('ZTDX Spot Vault', 'EIP-712 domain name of the vault'),
  VAULT_DOMAIN_VERSION: withDefault('1', 'EIP-712 domain version of the vault'),
  SIGNER_ADDRESS: evmAddress('Address of the KMS key, as the vault has it: no other signature is accepted'),
}

export const signerEnv = {
  AWS_REGION: formedText(/^[a-z]{2}(?:-[a-z]{1,16}){1,3}-[0-9]{1,2}$/, 'Region of the KMS key', {
    example: 'eu-central-1',
  }),
  AWS_ACCESS_KEY_ID: formedText(
    /^[A-Z0-9]{16,128}$/,
    'Credentials that may `kms:Sign` and `kms:GetPublicKey` with that one key and nothing else',
    { secret: true, form: '16 to 128 capitals and digits, as AWS gives it' },
  ),
  AWS_SECRET_ACCESS_KEY: formedText(/^[A-Za-z0-9+/=]{40,128}$/, 'Secret of those credentials', {
    secret: true,
    form: '40 characters of base64, as AWS gives it',
  }),
  AWS_SESSION_TOKEN: optionalFormed(
    /^[A-Za-z0-9+/=_-]{16,4096}$/,
    'Session token, where the credentials are temporary',
    { secret: true, form: 'base64, as AWS gives it' },
  ),
  KMS_KEY_ID: formedText(/^[A-Za-z0-9:/_-]{1,2048}$/, 'Id, ARN or alias of the KMS key', {
    example: 'alias/tidegate-signer',
  }),
  KMS_ENDPOINT: optionalFormed(isSecretUrl, 'Another address of KMS than AWS’s own for the region', {
    form: URL_FORM,
  }),
  KMS_TIMEOUT_MS: wholeNumber(
    KMS_TIMEOUT_MS_DEFAULT,
    1,
    15_000,
    'How long one signature may take, milliseconds',
  ),
}

/* @__NO_SIDE_EFFECTS__ */
const finality = (description: string) =>
  described(
    z.pipe(
      z._default(z.string().check(z.regex(/^(finalized|0|[1-9][0-9]{0,4})$/)), 'finalized'),
      z.transform((value) => (value === 'finalized' ? value : Number(value))),
    ),
    description,
  )

/** What only settle has. */
export const settleEnv = {
  FINALITY: finality(
    'Which blocks count: `finalized`, those the node calls final; a number, those so many blocks below the head, for chains that have no final blocks (0 only with TESTNET_ONLY=true)',
  ),
  VAULT_DEPLOY_BLOCK: wholeNumber(
    0,
    0,
    9_007_199_254_740_991,
    'Block of the vault’s deployment: a new ledger reads logs from there',
  ),
  TESTNET_ONLY: onlyTrue('A breach of solvency is only reported where this is exactly `true`'),
  SOLVENCY: described(
    /* @__PURE__ */ z.optional(/* @__PURE__ */ z.enum(['report', 'enforce'])),
    'What a breach of solvency does: `report` raises an alert, `enforce` pauses signing too (default: report with TESTNET_ONLY=true, else enforce)',
  ),
  ALERT_WEBHOOK_URL: optionalFormed(isSecretUrl, 'Where each alert is POSTed to as JSON', {
    secret: true,
    form: URL_FORM,
  }),
}

export class EnvironmentError extends OwnError {}

/** A variable that only some paths need, where it is needed. @throws EnvironmentError naming it */
export function required(value: string | undefined, name: string): string {
  if (!value) throw new EnvironmentError(`missing configuration: ${name}`)
  return value
}

const parsed = new WeakMap<object, WeakMap<object, unknown>>()

/**
 * Reads the bindings by a schema, once per isolate.
 * @throws EnvironmentError naming each bad variable and what it should look like, never its value.
 */
export function parseEnv<S extends z.ZodMiniType>(schema: S, env: object): z.output<S> {
  const known = parsed.get(schema)?.get(env)
  if (known !== undefined) return known as z.output<S>
  const result = z.safeParse(schema, env)
  if (!result.success) {
    const names = [...new Set(result.error.issues.map((issue) => String(issue.path[0])))]
    const said = names.map((name) => name + formOf(schema, name))
    throw new EnvironmentError(`bad or missing configuration: ${said.join(', ')}`)
  }
  const bySchema = parsed.get(schema) ?? new WeakMap<object, unknown>()
  parsed.set(schema, bySchema.set(env, result.data))
  return result.data
}

/** Not what zod says is wrong: some of its messages repeat what they were given. */
function formOf(schema: z.ZodMiniType, name: string): string {
  const field = (schema as { shape?: Record<string, z.ZodMiniType> }).shape?.[name]
  const form = field && (z.globalRegistry.get(field) as Extra | undefined)?.form
  return form ? ` (${form})` : ''
}
