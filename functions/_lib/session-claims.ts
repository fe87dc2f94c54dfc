/** What a verified token must say before it is a session; the same for our own and for those of another issuer. */
import type { JWTPayload } from 'jose'
import { parseAccountSpelling } from './accounts.ts'
import { ISSUER_CLOCK_AHEAD_SECONDS_MAX, SESSION_SECONDS_MAX } from './limits.ts'

export interface Session {
  account: string
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

/** Null where the claims are no session's at `now` (unix seconds). */
export function sessionOf({ sub, iat, exp }: JWTPayload, now: number): Session | null {
  const account = typeof sub === 'string' ? parseAccountSpelling(sub) : null
  // jose takes fractions of a second; no token that we accept has them.
  if (!account || !isSeconds(iat) || !isSeconds(exp)) return null
  if (exp <= now || iat > now + ISSUER_CLOCK_AHEAD_SECONDS_MAX) return null
  if (exp <= iat || exp - iat > SESSION_SECONDS_MAX) return null
  return { account: account.id, expiresAt: exp }
}

const isSeconds = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) >= 0
