import { STREAM_RETRY_MS } from '../limits.ts'
import { logFailure } from '../log.ts'
import { attachmentOf } from './attachment.ts'
import type { StreamLease } from './lease.ts'
import { CLOSE, closeQuietly } from './socket.ts'

/**
 * Keeps the account of these sockets registered, and has told what movements changed that did not see it so. Answers when
 * it is due again (ms). Where that fails for too long nobody may believe to be told: the sockets are closed.
 */
export async function keepFollowing(
  sockets: readonly WebSocket[],
  lease: StreamLease,
  tell: (account: string) => Promise<void>,
): Promise<number> {
  const { account } = attachmentOf(sockets[0] as WebSocket).session
  try {
    const lapsed = await lease.hold(account)
    const isDue = await lease.lookIsDue()
    if (lapsed || isDue) {
      await tell(account)
      if (isDue) await lease.looked()
    }
    return await lease.dueAt()
  } catch (error) {
    logFailure('stream', error)
    if (await lease.isEnding())
      for (const socket of sockets)
        closeQuietly(socket, CLOSE.tryAgainLater, 'the balances cannot be followed now: connect again')
    return Date.now() + STREAM_RETRY_MS
  }
}
