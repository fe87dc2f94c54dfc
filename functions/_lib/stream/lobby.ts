/**
 * Sockets that nobody has signed in on yet. This Worker holds them itself, so a flood of them costs a little memory and no
 * Durable Object. Once a token has come, the account's object gets a socket of its own and everything is passed through:
 * the object treats it like any other, and sleeps.
 */
import { LedgerRefusal } from '../../../db/errors.ts'
import type { SessionCaller } from '../access/bearer.ts'
import { ApiError, unauthorized } from '../errors.ts'
import {
  STREAM_RETRY_AFTER_SECONDS,
  STREAM_SIGN_IN_SECONDS,
  STREAM_SIGN_INS_MAX,
  STREAM_WAITING_MAX,
  STREAM_WAITING_MESSAGES_MAX,
  STREAM_WAITING_PER_ADDRESS_MAX,
} from '../limits.ts'
import { authResult, BALANCES_CHANNEL, errorMessage, PONG, readClientMessage } from './messages.ts'
import { CLOSE, closeQuietly, MessageCount, send, textOf } from './socket.ts'

export interface Visit {
  /** Where the client calls from. */
  address: string
  /** @throws ApiError why the token signs nobody in */
  signIn(token: string): Promise<SessionCaller>
  /** A socket to the account's object. @throws ApiError why there is none */
  open(caller: SessionCaller): Promise<WebSocket>
  /** Logs an unexpected error. */
  failed(error: unknown): void
}

/** Waiting sockets of this isolate: by whom, and until when (ms) at most, whatever becomes of their requests. */
const waiting = new Map<symbol, { address: string; untilMs: number }>()

/**
 * Takes a socket in and gives the client's end of it.
 * @throws ApiError RATE_LIMITED where too many are waiting
 */
export function waitForSignIn(visit: Visit): WebSocket {
  const nowMs = Date.now()
  for (const [one, { untilMs }] of waiting) if (untilMs <= nowMs) waiting.delete(one)
  const ofAddress = [...waiting.values()].filter(({ address }) => address === visit.address).length
  if (waiting.size >= STREAM_WAITING_MAX || ofAddress >= STREAM_WAITING_PER_ADDRESS_MAX) {
    throw new ApiError(
      'RATE_LIMITED',
      'too many sockets are waiting to sign in; send the token at the upgrade',
      {
        headers: { 'Retry-After': String(STREAM_RETRY_AFTER_SECONDS) },
      },
    )
  }
  const { 0: client, 1: server } = new WebSocketPair()
  const seat = Symbol('seat')
  waiting.set(seat, { address: visit.address, untilMs: nowMs + 2 * STREAM_SIGN_IN_SECONDS * 1000 })
  new Guest(server, visit, () => waiting.delete(seat))
  return client
}

class Guest {
  /** The account's object, once somebody has signed in. */
  #host: WebSocket | undefined
  #isOver = false
  #messages = 0
  #tries = 0
  #work: Promise<void> = Promise.resolve()
  readonly #count = new MessageCount()

  constructor(
    private readonly socket: WebSocket,
    private readonly visit: Visit,
    private readonly leave: () => void,
  ) {
    accept(socket)
    const late = setTimeout(() => {
      if (!this.#host) this.#end(CLOSE.sessionEnded, `sign in within ${STREAM_SIGN_IN_SECONDS} s`)
    }, STREAM_SIGN_IN_SECONDS * 1000)
    const gone = (code: number, reason: string) => {
      clearTimeout(late)
      this.#end(code, reason)
    }
    socket.addEventListener('close', ({ code, reason }) => gone(code, reason))
    socket.addEventListener('error', () => gone(CLOSE.goingAway, 'the client is gone'))
    // One after the other: what comes while a token is checked is for the account that it opens.
    socket.addEventListener('message', ({ data }) => {
      this.#work = this.#work.then(async () => await this.#take(data as string | ArrayBuffer))
    })
  }

  async #take(message: string | ArrayBuffer): Promise<void> {
    if (this.#isOver) return
    if (this.#host) return send(this.#host, message)
    const fault = this.#count.fault(message, Date.now())
    if (fault) return this.#end(...fault)
    this.#messages += 1
    if (this.#messages > STREAM_WAITING_MESSAGES_MAX)
      return this.#end(
        CLOSE.tooManyMessages,
        `at most ${STREAM_WAITING_MESSAGES_MAX} messages before the sign-in`,
      )
    const wanted = readClientMessage(textOf(message))
    if (wanted.kind === 'ping') return send(this.socket, PONG)
    if (wanted.token !== undefined) {
      await this.#signIn(wanted.token)
      if (!this.#host || wanted.kind === 'auth') return
      // Without its token, which has been answered.
      if (wanted.kind === 'invalid') return send(this.socket, errorMessage(wanted.code, wanted.message))
      return send(this.#host, JSON.stringify({ type: wanted.kind, channel: BALANCES_CHANNEL }))
    }
    const isUnreadable = wanted.kind === 'invalid' && wanted.code === 'INVALID_MESSAGE'
    send(
      this.socket,
      isUnreadable
        ? errorMessage(wanted.code, wanted.message)
        : errorMessage('AUTH_REQUIRED', 'sign in first: {"type":"auth","token":"…"}'),
    )
  }

  async #signIn(token: string): Promise<void> {
    this.#tries += 1
    try {
      const host = await this.visit.open(await this.visit.signIn(token))
      if (this.#isOver) return closeQuietly(host, CLOSE.goingAway, 'the client is gone')
      this.#join(host)
      send(this.socket, authResult(true, 'signed in'))
    } catch (error) {
      const said =
        error instanceof LedgerRefusal ? unauthorized() : error instanceof ApiError ? error : undefined
      if (!said) this.visit.failed(error)
      send(this.socket, authResult(false, said?.message ?? 'this cannot be done now: connect again'))
      const mayTryAgain = said?.code === 'UNAUTHORIZED' || said?.code === 'ISSUER_UNAVAILABLE'
      if (!mayTryAgain) this.#end(CLOSE.tryAgainLater, 'connect again later')
      else if (this.#tries >= STREAM_SIGN_INS_MAX) this.#end(CLOSE.sessionEnded, 'too many refused tokens')
    }
  }

  #join(host: WebSocket): void {
    this.#host = host
    this.leave()
    accept(host)
    host.addEventListener('message', ({ data }) => send(this.socket, data as string | ArrayBuffer))
    host.addEventListener('close', ({ code, reason }) => this.#end(code, reason))
    host.addEventListener('error', () => this.#end(CLOSE.tryAgainLater, 'connect again'))
  }

  /** Of both ends. Codes that only tell of a lost connection cannot be sent. */
  #end(code: number, reason: string): void {
    if (this.#isOver) return
    this.#isOver = true
    this.leave()
    const sendable = code === 1005 ? CLOSE.normal : code === 1006 || code === 1015 ? CLOSE.goingAway : code
    closeQuietly(this.socket, sendable, reason)
    if (this.#host) closeQuietly(this.#host, sendable, reason)
  }
}

function accept(socket: WebSocket): void {
  // Bytes come as a Blob by default, which can only be read later.
  socket.binaryType = 'arraybuffer'
  socket.accept()
}
