/** What every socket of the stream has to do with, whoever holds it. */
import { STREAM_MESSAGE_BYTES_MAX, STREAM_MESSAGES_MAX, STREAM_MESSAGES_SECONDS } from '../limits.ts'

/** Why the server closes a socket; RFC 6455 leaves 4000 to 4999 to applications. */
export const CLOSE = {
  normal: 1000,
  goingAway: 1001,
  tooManyMessages: 1008,
  messageTooBig: 1009,
  tryAgainLater: 1013,
  /** Not signed in: not in time, or no longer. */
  sessionEnded: 4401,
} as const

/** A frame's text; one of bytes counts as text when it is UTF-8. Undefined when it is neither. */
export function textOf(message: string | ArrayBuffer): string | undefined {
  if (typeof message === 'string') return message
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(message)
  } catch {
    return undefined
  }
}

/** How many messages a socket has sent lately, as long as its holder stays awake. */
export class MessageCount {
  #since = 0
  #count = 0

  /** Why the socket must be closed for this message, or undefined. */
  fault(
    message: string | ArrayBuffer,
    nowMs: number,
  ): readonly [(typeof CLOSE)[keyof typeof CLOSE], string] | undefined {
    if (nowMs - this.#since >= STREAM_MESSAGES_SECONDS * 1000) {
      this.#since = nowMs
      this.#count = 0
    }
    this.#count += 1
    if (this.#count > STREAM_MESSAGES_MAX)
      return [
        CLOSE.tooManyMessages,
        `at most ${STREAM_MESSAGES_MAX} messages in ${STREAM_MESSAGES_SECONDS} s`,
      ]
    // A text's bytes are at least its letters: a long one needs no counting.
    const size = (text: string) =>
      text.length > STREAM_MESSAGE_BYTES_MAX ? text.length : new TextEncoder().encode(text).length
    const bytes = typeof message === 'string' ? size(message) : message.byteLength
    if (bytes <= STREAM_MESSAGE_BYTES_MAX) return undefined
    return [CLOSE.messageTooBig, `a message may have at most ${STREAM_MESSAGE_BYTES_MAX} bytes`]
  }
}

/** A socket that is closing throws; its client will read everything again when it comes back. */
export function send(socket: WebSocket, text: string | ArrayBuffer): void {
  try {
    socket.send(text)
  } catch {
    // Nothing to repair here.
  }
}

export function closeQuietly(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason)
  } catch {
    // Closed already, which is what was wanted.
  }
}
