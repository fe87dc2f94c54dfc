/** Session tokens (JWT, by jose): our own, and those of one configured issuer. Every algorithm list is pinned. */
import {
  createRemoteJWKSet,
  decodeJwt,
  importJWK,
  jwtVerify,
  SignJWT,
  type JWTPayload,
  type JWTVerifyGetKey,
} from 'jose'
import { parseAccountSpelling } from './accounts.ts'
import { EnvironmentError } from './env.ts'
import { BEARER_LENGTH_MAX } from './limits.ts'
import { SessionCache } from './session-cache.ts'

export interface SessionEnv {
  JWT_SECRET?: string | undefined
  JWT_PRIVATE_KEY?: string | undefined
  JWT_TTL_SECONDS: number
  JWT_JWKS_URL?: string | undefined
  JWT_ISSUER?: string | undefined
  JWT_AUDIENCE?: string | undefined
}

export const OWN_ISSUER = 'tidegate'
export const OWN_AUDIENCE = 'tidegate'
const JWKS_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA']
const SECRET_BYTES_MIN = 32

export interface Session {
  account: string
  /** Unix seconds. */
  expiresAt: number
}

interface OwnKeys {
  algorithm: 'HS256' | 'EdDSA'
  sign: CryptoKey | Uint8Array
  verify: CryptoKey | Uint8Array
}

/** Token for an account, with `sub, iat, exp, iss, aud, jti`. */
export async function issueSession(
  env: SessionEnv,
  account: string,
  now: number,
): Promise<{ token: string; expiresAt: number }> {
  const keys = await ownKeys(env)
  const expiresAt = now + env.JWT_TTL_SECONDS
  const token = await new SignJWT({})
    .setProtectedHeader({ alg: keys.algorithm, typ: 'JWT' })
    .setSubject(account)
    .setIssuedAt(now)
    .setExpirationTime(expiresAt)
    .setIssuer(OWN_ISSUER)
    .setAudience(OWN_AUDIENCE)
    .setJti(crypto.randomUUID())
    .sign(keys.sign)
  return { token, expiresAt }
}

/** The session a token stands for, or null: whatever is wrong with it, the caller learns only that it is not valid. */
export async function readSession(env: SessionEnv, token: string, now: number): Promise<Session | null> {
  if (token.length > BEARER_LENGTH_MAX) return null
  const configuration = configurationOf(env)
  const known = cache.find(configuration, token, now)
  if (known) return known
  const session = await verifiedSession(env, token, now)
  if (session) cache.keep(configuration, token, session, now)
  return session
}

const cache = new SessionCache()

/** Everything that decides whether a token is good. */
const configurationOf = (env: SessionEnv): string =>
  [env.JWT_PRIVATE_KEY ?? env.JWT_SECRET, env.JWT_JWKS_URL, env.JWT_ISSUER, env.JWT_AUDIENCE].join('\n')

async function verifiedSession(env: SessionEnv, token: string, now: number): Promise<Session | null> {
  let issuer: unknown
  try {
    issuer = decodeJwt(token).iss
  } catch {
    return null
  }
  if (issuer === OWN_ISSUER) return await verified(token, await ownKeys(env), OWN_ISSUER, OWN_AUDIENCE, now)
  if (!env.JWT_JWKS_URL || !env.JWT_ISSUER || !env.JWT_AUDIENCE || issuer !== env.JWT_ISSUER) return null
  return await verified(token, remoteKeys(env.JWT_JWKS_URL), env.JWT_ISSUER, env.JWT_AUDIENCE, now)
}

async function verified(
  token: string,
  keys: OwnKeys | JWTVerifyGetKey,
  issuer: string,
  audience: string,
  now: number,
): Promise<Session | null> {
  const options = {
    issuer,
    audience,
    currentDate: new Date(now * 1000),
    requiredClaims: ['sub', 'iat', 'exp'],
  }
  try {
    const { payload } =
      typeof keys === 'function'
        ? await jwtVerify(token, keys, { ...options, algorithms: JWKS_ALGORITHMS })
        : await jwtVerify(token, keys.verify, { ...options, algorithms: [keys.algorithm] })
    return sessionOf(payload)
  } catch {
    return null
  }
}

/** jose takes fractions of a second; a token of ours never has them, so one that does was made by somebody else. */
function sessionOf(payload: JWTPayload): Session | null {
  const account = typeof payload.sub === 'string' ? parseAccountSpelling(payload.sub) : null
  if (!account || !Number.isSafeInteger(payload.exp) || !Number.isSafeInteger(payload.iat)) return null
  return { account: account.id, expiresAt: payload.exp as number }
}

let cachedKeys: { source: string; keys: Promise<OwnKeys> } | undefined

async function ownKeys(env: SessionEnv): Promise<OwnKeys> {
  const source = env.JWT_PRIVATE_KEY ?? env.JWT_SECRET ?? ''
  if (cachedKeys?.source !== source) cachedKeys = { source, keys: importKeys(env) }
  return await cachedKeys.keys
}

async function importKeys(env: SessionEnv): Promise<OwnKeys> {
  if (env.JWT_PRIVATE_KEY) {
    const jwk = parseJwk(env.JWT_PRIVATE_KEY)
    const { d: _private, ...publicJwk } = jwk
    return {
      algorithm: 'EdDSA',
      sign: (await importJWK(jwk, 'EdDSA')) as CryptoKey,
      verify: (await importJWK(publicJwk, 'EdDSA')) as CryptoKey,
    }
  }
  const secret = new TextEncoder().encode(env.JWT_SECRET ?? '')
  if (secret.byteLength < SECRET_BYTES_MIN)
    throw new EnvironmentError('JWT_SECRET must have at least 32 bytes')
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ])
  return { algorithm: 'HS256', sign: key, verify: key }
}

function parseJwk(text: string): Record<string, string> {
  try {
    const jwk = JSON.parse(text) as Record<string, string>
    if (jwk.kty === 'OKP' && jwk.crv === 'Ed25519' && jwk.d && jwk.x) return jwk
  } catch {
    // The message below is the answer: the text itself must not be shown.
  }
  throw new EnvironmentError('JWT_PRIVATE_KEY must be an Ed25519 private key as a JWK')
}

const remotes = new Map<string, JWTVerifyGetKey>()

function remoteKeys(url: string): JWTVerifyGetKey {
  let keys = remotes.get(url)
  if (!keys) {
    keys = createRemoteJWKSet(new URL(url), { timeoutDuration: 3_000 })
    remotes.set(url, keys)
  }
  return keys
}
