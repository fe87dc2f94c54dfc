import { LedgerRefusal } from '../../../db/errors.ts'
import type { SessionCaller } from '../access/bearer.ts'
import { rememberEnded } from '../access/ended-sessions.ts'
import { ApiError } from '../errors.ts'
import { STREAM_RETRY_AFTER_SECONDS, STREAM_SOCKETS_PER_ACCOUNT_MAX } from '../limits.ts'
import { CLOSE } from './socket.ts'

/**
 * A socket to the account's object. The ledger is asked after it is there: whoever signs the session out either finds the
 * socket, or has told the ledger before. @throws ApiError RATE_LIMITED, or what `ask` throws
 */
export async function openStream(
  streams: DurableObjectNamespace,
  { account, session }: SessionCaller,
  ask: () => Promise<void>,
): Promise<WebSocket> {
  const target = new URL('https://stream/open')
  target.searchParams.set('session', JSON.stringify(session))
  const { webSocket } = await streams
    .get(streams.idFromName(account))
    .fetch(target, { headers: { Upgrade: 'websocket' } })
  if (!webSocket) {
    throw new ApiError('RATE_LIMITED', `at most ${STREAM_SOCKETS_PER_ACCOUNT_MAX} sockets per account`, {
      headers: { 'Retry-After': String(STREAM_RETRY_AFTER_SECONDS) },
    })
  }
  try {
    await ask()
  } catch (error) {
    // The router does so too, but hears nothing of a token that came over the socket.
    if (error instanceof LedgerRefusal && error.reason === 'session_ended') rememberEnded(session.id)
    webSocket.accept()
    webSocket.close(CLOSE.sessionEnded)
    throw error
  }
  return webSocket
}
