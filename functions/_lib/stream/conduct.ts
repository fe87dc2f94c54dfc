import { MessageCount } from './socket.ts'

/** What a socket has done since the object woke. */
export interface Conduct {
  messages: MessageCount
  refusedTokens: number
  /** Its last message but for the work that it began. */
  turn: Promise<boolean>
}

const conducts = new WeakMap<WebSocket, Conduct>()

export function conductOf(socket: WebSocket): Conduct {
  const known = conducts.get(socket)
  if (known) return known
  const conduct = { messages: new MessageCount(), refusedTokens: 0, turn: Promise.resolve(true) }
  conducts.set(socket, conduct)
  return conduct
}
