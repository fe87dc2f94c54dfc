/** Identifies a caller by its bearer token. */
import { unauthorized, type ErrorCode } from '../errors.ts'
import type { Incoming } from '../http/access.ts'
import { rememberEnded } from './ended-sessions.ts'
import type { Session } from './session-claims.ts'
import { readSession, type SessionEnv } from './session-token.ts'

export interface SessionCaller {
  readonly account: string
  readonly via: 'session'
  readonly session: Session
}

export const TOKEN_ERRORS = {
  UNAUTHORIZED: 'the credential is missing or not valid',
  ISSUER_UNAVAILABLE: 'the keys of the token’s issuer cannot be read now; nothing was done, try again',
} as const satisfies Partial<Record<ErrorCode, string>>

/**
 * The caller of an Authorization header.
 * @throws ApiError UNAUTHORIZED, ISSUER_UNAVAILABLE, RATE_LIMITED
 */
export async function bearerCaller(
  incoming: Incoming,
  authorization: string | undefined,
  now: number,
): Promise<SessionCaller> {
  const session = await incoming.guess(async () => {
    const token = /^bearer +([^\s]+)$/i.exec(authorization ?? '')?.[1]
    const found = token ? await readSession(incoming.env as SessionEnv, token, now, incoming.keep) : null
    if (!found) throw unauthorized()
    return found
  })
  const { account, id } = session
  await incoming.admit({ account, countedAs: account, session, ended: () => rememberEnded(id) })
  return { account, via: 'session', session }
}
