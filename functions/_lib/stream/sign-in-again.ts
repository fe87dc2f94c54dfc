import type { Database } from '../../../db/client.ts'
import type { Keep } from '../access/issuer-keys.ts'
import type { SessionEnv } from '../access/session-token.ts'
import { STREAM_SIGN_INS_MAX } from '../limits.ts'
import { attachmentOf, keep } from './attachment.ts'
import { conductOf } from './conduct.ts'
import { authResult } from './messages.ts'
import { verifiedAgain, whyEnded } from './session.ts'
import { closeQuietly, CLOSE, send } from './socket.ts'

/** What the object of an account lends to a sign-in. */
export interface Host {
  config: () => SessionEnv
  database: () => Database
  keep: Keep
  /** Sets its alarm, unless that comes sooner (ms). */
  wakeAt: (ms: number) => Promise<void>
}

/**
 * Clients send their token also where the upgrade had one, and a newer one before that ends: the socket lives as long.
 * Answers whether it still does.
 */
export async function signInAgain(socket: WebSocket, token: string, host: Host): Promise<boolean> {
  const { account } = attachmentOf(socket).session
  const verdict = await verifiedAgain(host.config(), token, account, host.keep)
  if (typeof verdict === 'string') {
    send(socket, authResult(false, verdict))
    const conduct = conductOf(socket)
    conduct.refusedTokens += 1
    if (conduct.refusedTokens >= STREAM_SIGN_INS_MAX)
      closeQuietly(socket, CLOSE.sessionEnded, 'too many refused tokens')
    return false
  }
  // First its session, then the look whether that has ended: whoever ends it meanwhile finds it here.
  keep(socket, { session: verdict })
  await host.wakeAt(verdict.expiresAt * 1000)
  const end = await whyEnded(host.database(), verdict)
  if (end) closeQuietly(socket, ...end)
  else send(socket, authResult(true, 'signed in'))
  return !end
}
