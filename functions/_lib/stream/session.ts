/** Tokens that come to a socket which is signed in already. */
import type { Database } from '../../../db/client.ts'
import { LedgerRefusal } from '../../../db/errors.ts'
import { ping } from '../../../db/ledger/health.ts'
import { ApiError } from '../errors.ts'
import type { Keep } from '../access/issuer-keys.ts'
import { logFailure } from '../log.ts'
import type { Session } from '../access/session-claims.ts'
import { readSession, type SessionEnv } from '../access/session-token.ts'
import { CLOSE } from './socket.ts'

/** The session of a token of this account, or why there is none, for a person. */
export async function verifiedAgain(
  env: SessionEnv,
  token: string,
  account: string,
  keep: Keep,
): Promise<Session | string> {
  try {
    const session = await readSession(env, token, Math.floor(Date.now() / 1000), keep)
    if (!session) return 'the token is not valid'
    return session.account === account ? session : 'the socket is another account’s'
  } catch (error) {
    if (error instanceof ApiError) return error.message
    logFailure('stream', error)
    return 'this cannot be done now'
  }
}

/** How to close the socket of a session that was signed out, or that nobody can say it of; undefined when it goes on. */
export async function whyEnded(
  db: Database,
  session: Session,
): Promise<[code: number, reason: string] | undefined> {
  try {
    await ping({ ...db, session })
    return undefined
  } catch (error) {
    if (error instanceof LedgerRefusal) return [CLOSE.sessionEnded, 'signed out']
    logFailure('stream', error)
    return [CLOSE.tryAgainLater, 'connect again']
  }
}
