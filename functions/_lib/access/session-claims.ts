/** What a verified token must say before it is a session; the same for our own and for those of another issuer. */
import type { JWTPayload } from 'jose'
import type { SessionRef } from '../../../db/session-gate.ts'
import { parseAccountSpelling } from '../wallet/accounts.ts'
import { sha256Hex } from '../sha256.ts'
import { ISSUER_CLOCK_AHEAD_SECONDS_MAX, SESSION_SECONDS_MAX } from '../limits.ts'

export interface Session extends SessionRef {
  /** Unix seconds. */
  expiresAt: number
}

/** For jose: it allows `nbf` the same grace as `exp`, so the end of a token is looked at again below. */
export const claimRules = (issuer: string, audience: string, now: number) => ({
  issuer,
  audience,
  currentDate: new Date(now * 1000),
  clockTolerance: ISSUER_CLOCK_AHEAD_SECONDS_MAX,
  requiredClaims: ['sub', 'iat', 'exp'],
})

/** The session of a token whose signature is good; null where its claims are no session's at `now` (unix seconds). */
export async function sessionOf(
  token: string,
  { sub, iat, exp }: JWTPayload,
  now: number,
): Promise<Session | null> {
  const account = typeof sub === 'string' ? parseAccountSpelling(sub) : null
  // jose takes fractions of a second; no token that we accept has them.
  if (!account || !isSeconds(iat) || !isSeconds(exp)) return null
  if (exp <= now || iat > now + ISSUER_CLOCK_AHEAD_SECONDS_MAX) return null
  if (exp <= iat || exp - iat > SESSION_SECONDS_MAX) return null
  // Without the signature, which can be spelt in several ways.
  const id = await sha256Hex(token.slice(0, token.lastIndexOf('.')))
  return { account: account.id, issuedAt: iat, expiresAt: exp, generation: null, id }
}

const isSeconds = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
