/** Session tokens (JWT, by jose): our own, and those of one configured issuer. Every algorithm list is pinned. */
import { decodeJwt, importJWK, jwtVerify, SignJWT } from 'jose'
import { hasEnded } from './ended-sessions.ts'
import { EnvironmentError } from '../env-read.ts'
import type { Keep } from './issuer-keys.ts'
import { readIssuerSession } from './issuer-session.ts'
import { BEARER_LENGTH_MAX, JWT_SECRET_BYTES_MIN } from '../limits.ts'
import { SessionCache } from './session-cache.ts'
import { claimRules, sessionOf, type Session } from './session-claims.ts'

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

interface OwnKeys {
  algorithm: 'HS256' | 'EdDSA'
  /** `Ed25519` is the newer name of `EdDSA`. */
  accepted: string[]
  sign: CryptoKey | Uint8Array
  verify: CryptoKey | Uint8Array
}

/**
 * Token for an account, with `sub, iat, exp, iss, aud, jti`, and in `gen` how often the account has signed out everywhere: whether
 * a token is older than the last time needs no clock then. Without it the token is judged by `iat`, as another issuer's is.
 */
export async function issueSession(
  env: SessionEnv,
  account: string,
  now: number,
  generation?: number,
): Promise<{ token: string; expiresAt: number }> {
  const keys = await ownKeys(env)
  const expiresAt = now + env.JWT_TTL_SECONDS
  const token = await new SignJWT(generation === undefined ? {} : { gen: generation })
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

/**
 * The session a token stands for, or null: whatever is wrong with it, the caller learns only that it is not valid.
 * `keep` is the request's `waitUntil`.
 * @throws ApiError ISSUER_UNAVAILABLE: the token is another issuer's, whose keys cannot be read now
 */
export async function readSession(
  env: SessionEnv,
  token: string,
  now: number,
  keep: Keep = () => undefined,
): Promise<Session | null> {
  if (token.length > BEARER_LENGTH_MAX) return null
  const configuration = configurationOf(env)
  let session = cache.find(configuration, token, now)
  if (!session) {
    const verified = await verifiedSession(env, token, now, keep)
    if (!verified) return null
    ;({ session } = verified)
    cache.keep(configuration, token, session, now, verified.trustedUntil)
  }
  return hasEnded(session.id) ? null : session
}

const cache = new SessionCache()

/** Everything that decides whether a token is good. */
const configurationOf = (env: SessionEnv): string =>
  [env.JWT_PRIVATE_KEY ?? env.JWT_SECRET, env.JWT_JWKS_URL, env.JWT_ISSUER, env.JWT_AUDIENCE].join('\n')

async function verifiedSession(
  env: SessionEnv,
  token: string,
  now: number,
  keep: Keep,
): Promise<{ session: Session; trustedUntil?: number } | null> {
  let issuer: unknown
  try {
    issuer = decodeJwt(token).iss
  } catch {
    return null
  }
  if (issuer === OWN_ISSUER) {
    const session = await ownSession(await ownKeys(env), token, now)
    return session && { session }
  }
  const { JWT_JWKS_URL: jwksUrl, JWT_ISSUER, JWT_AUDIENCE: audience } = env
  if (!jwksUrl || !JWT_ISSUER || !audience || issuer !== JWT_ISSUER) return null
  return await readIssuerSession({ jwksUrl, issuer: JWT_ISSUER, audience }, token, now, keep)
}

async function ownSession(keys: OwnKeys, token: string, now: number): Promise<Session | null> {
  const options = { ...claimRules(OWN_ISSUER, OWN_AUDIENCE, now), algorithms: keys.accepted }
  try {
    const { payload } = await jwtVerify(token, keys.verify, options)
    const session = await sessionOf(token, payload, now)
    const generation = Number.isSafeInteger(payload.gen) ? (payload.gen as number) : null
    return session && { ...session, generation }
  } catch {
    return null
  }
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
      accepted: ['EdDSA', 'Ed25519'],
      sign: await imported(jwk),
      verify: await imported(publicJwk),
    }
  }
  const secret = new TextEncoder().encode(env.JWT_SECRET ?? '')
  if (secret.byteLength < JWT_SECRET_BYTES_MIN)
    throw new EnvironmentError(`JWT_SECRET must have at least ${JWT_SECRET_BYTES_MIN} bytes`)
  const key = await crypto.subtle.importKey('raw', secret, { name: 'HMAC', hash: 'SHA-256' }, false, [
    'sign',
    'verify',
  ])
  return { algorithm: 'HS256', accepted: ['HS256'], sign: key, verify: key }
}

async function imported(jwk: Record<string, string>): Promise<CryptoKey> {
  try {
    return (await importJWK(jwk, 'EdDSA')) as CryptoKey
  } catch {
    throw new EnvironmentError('JWT_PRIVATE_KEY is not a key that can sign')
  }
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
