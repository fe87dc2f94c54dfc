/** What a socket of the account's object carries with it, so that it is known again after a sleep. */
import type { Session } from '../access/session-claims.ts'
import type { FeedMemory } from './balance-feed.ts'
import { CLOSE, closeQuietly } from './socket.ts'

export interface Attachment {
  session: Session
  subscribed: boolean
  memory: FeedMemory
}

export const attachmentOf = (socket: WebSocket): Attachment => socket.deserializeAttachment() as Attachment

export function keep(socket: WebSocket, change: Partial<Attachment>): void {
  socket.serializeAttachment({ ...attachmentOf(socket), ...change })
}

/** The alarm can be late, and a message or a push can come first: an ended session gets nothing. */
export function closedAsExpired(socket: WebSocket): boolean {
  if (attachmentOf(socket).session.expiresAt * 1000 > Date.now()) return false
  closeQuietly(socket, CLOSE.sessionEnded, 'the session has ended: sign in again')
  return true
}
