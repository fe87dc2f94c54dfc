/** Tokens of the other issuer that the configuration names. */
import { decodeProtectedHeader, errors, jwtVerify, type JWTPayload, type JWTVerifyOptions } from 'jose'
import { IssuerKeys, type Keep, type KeySet } from './issuer-keys.ts'
import { JWKS_TRIES_MAX, JWKS_TRUSTED_SECONDS } from '../limits.ts'
import { claimRules, sessionOf, type Session } from './session-claims.ts'

/** `EdDSA` over Ed25519 is called by both of its names. A set of public keys can hold no secret: HS* must stay out. */
export const ISSUER_ALGORITHMS = ['RS256', 'PS256', 'ES256', 'EdDSA', 'Ed25519']

export interface Issuer {
  jwksUrl: string
  issuer: string
  audience: string
}

/** One per address and isolate. */
const keysByUrl = new Map<string, IssuerKeys>()

/**
 * The session, with the unix second up to which it may be remembered; null when the token is not valid.
 * @throws ApiError ISSUER_UNAVAILABLE
 */
export async function readIssuerSession(
  { jwksUrl, issuer, audience }: Issuer,
  token: string,
  now: number,
  keep: Keep,
): Promise<{ session: Session; trustedUntil: number } | null> {
  const keys = keysByUrl.get(jwksUrl) ?? new IssuerKeys(jwksUrl)
  keysByUrl.set(jwksUrl, keys)
  const options = { ...claimRules(issuer, audience, now), algorithms: ISSUER_ALGORITHMS }
  let set: KeySet | undefined = await keys.current(now, keep)
  let payload = await verified(token, set, options)
  if (payload === 'no such key') {
    set = await keys.otherThan(set, now, keep)
    payload = set && (await verified(token, set, options))
  }
  if (!set || !payload || payload === 'no such key') return null
  const session = await sessionOf(token, payload, now)
  return session && { session, trustedUntil: set.readAt + JWKS_TRUSTED_SECONDS }
}

type Verdict = JWTPayload | 'no such key' | undefined

async function verified(token: string, set: KeySet, options: JWTVerifyOptions): Promise<Verdict> {
  try {
    return (await jwtVerify(token, set.find, options)).payload
  } catch (error) {
    if (error instanceof errors.JWKSMultipleMatchingKeys) return await verifiedByOneOf(error, token, options)
    // Without a key's name the set can have changed under it: what was tried was another key.
    const isNameless = decodeProtectedHeader(token).kid === undefined
    const isOtherKey =
      error instanceof errors.JWKSNoMatchingKey ||
      (isNameless && error instanceof errors.JWSSignatureVerificationFailed)
    return isOtherKey ? 'no such key' : undefined
  }
}

/** A token that names no key, and a set with several that could be it. */
async function verifiedByOneOf(
  candidates: errors.JWKSMultipleMatchingKeys,
  token: string,
  options: JWTVerifyOptions,
): Promise<Verdict> {
  let tried = 0
  for await (const key of candidates) {
    if (++tried > JWKS_TRIES_MAX) break
    try {
      return (await jwtVerify(token, key, options)).payload
    } catch {
      // The next one may be it.
    }
  }
  return 'no such key'
}
