/**
 * The Durable Object of one account: its open sockets, and what each is told. It sleeps between messages while the
 * sockets stay open; all it must know again is in each socket's attachment.
 *
 * Only a binding reaches it: the Worker in front builds every request itself and has no route to `/push`.
 */
import * as z from 'zod/mini'
import { connect, type Push } from '../../db/client.ts'
import { spotSnapshot } from '../../db/ledger/balances.ts'
import { BalanceFeed, type FeedMemory } from './balance-feed.ts'
import { databaseEnv, parseEnv, sessionEnv } from './env.ts'
import { ApiError } from './errors.ts'
import { DATABASE_TIMEOUT_MS, STREAM_SIGN_INS_MAX, STREAM_SOCKETS_PER_ACCOUNT_MAX } from './limits.ts'
import { logFailure } from './log.ts'
import { readSession } from './session.ts'
import {
  authResult,
  BALANCES_CHANNEL,
  balanceMessage,
  errorMessage,
  PING,
  PONG,
  readClientMessage,
} from './stream-messages.ts'
import { CLOSE, closeQuietly, MessageCount, send, textOf } from './stream-socket.ts'

interface Attachment {
  account: string
  /** Unix seconds. */
  expiresAt: number
  subscribed: boolean
  memory: FeedMemory
}

const env = z.object({ ...databaseEnv, ...sessionEnv })

export class AccountStream {
  /** Only of sockets that were used since the object woke; the rest is in the attachments. */
  readonly #feeds = new WeakMap<WebSocket, BalanceFeed>()
  readonly #counts = new WeakMap<WebSocket, { messages: MessageCount; refusedTokens: number }>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #reading: Promise<Push[]> | undefined
  #nextReading: Promise<Push[]> | undefined

  constructor(
    private readonly state: DurableObjectState,
    private readonly bindings: object,
  ) {
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
    const sockets = state.getWebSockets().length
    if (sockets > 0) console.log(JSON.stringify({ event: 'stream_woke', sockets }))
  }

  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname !== '/push') return await this.#open(url)
    const pushes: Push[] = await request.json()
    this.#tell(this.state.getWebSockets(), (feed) => feed.offer(pushes, Date.now()))
    return new Response(null, { status: 204 })
  }

  async #open(url: URL): Promise<Response> {
    if (this.state.getWebSockets().length >= STREAM_SOCKETS_PER_ACCOUNT_MAX) {
      return new Response(null, { status: 429 })
    }
    const { 0: client, 1: server } = new WebSocketPair()
    const expiresAt = Number(url.searchParams.get('expires_at'))
    const account = url.searchParams.get('account') ?? ''
    this.state.acceptWebSocket(server)
    const memory = new BalanceFeed().memory
    server.serializeAttachment({ account, expiresAt, subscribed: false, memory } satisfies Attachment)
    await this.#wakeAtEnd(expiresAt)
    return new Response(null, { status: 101, webSocket: client })
  }

  async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    if (this.#closedAsExpired(socket)) return
    const count = this.#countOf(socket)
    const fault = count.messages.fault(message, Date.now())
    if (fault) return closeQuietly(socket, ...fault)
    const wanted = readClientMessage(textOf(message))
    if (wanted.token !== undefined && !(await this.#signInAgain(socket, wanted.token))) return
    switch (wanted.kind) {
      case 'auth':
        return
      case 'ping':
        return send(socket, PONG)
      case 'invalid':
        return send(socket, errorMessage(wanted.code, wanted.message))
      case 'subscribe':
        return await this.#subscribe(socket)
      case 'unsubscribe':
        this.#feeds.delete(socket)
        this.#keep(socket, { subscribed: false, memory: new BalanceFeed().memory })
        return send(socket, JSON.stringify({ type: 'unsubscribed', channel: BALANCES_CHANNEL }))
    }
  }

  /** Clients send their token also where the upgrade had one, and a newer one before that ends: the socket lives as long. */
  async #signInAgain(socket: WebSocket, token: string): Promise<boolean> {
    const count = this.#countOf(socket)
    try {
      const now = Math.floor(Date.now() / 1000)
      const config = parseEnv(env, this.bindings)
      const session = await readSession(config, token, now, (work) => this.state.waitUntil(work))
      if (session?.account === attachmentOf(socket).account) {
        this.#keep(socket, { expiresAt: session.expiresAt })
        await this.#wakeAtEnd(session.expiresAt)
        send(socket, authResult(true, 'signed in'))
        return true
      }
      count.refusedTokens += 1
      const why = session ? 'the socket is another account’s' : 'the token is missing or not valid'
      send(socket, authResult(false, why))
    } catch (error) {
      if (!(error instanceof ApiError)) logFailure('stream', error)
      send(socket, authResult(false, error instanceof ApiError ? error.message : 'this cannot be done now'))
    }
    if (count.refusedTokens >= STREAM_SIGN_INS_MAX)
      closeQuietly(socket, CLOSE.sessionEnded, 'too many refused tokens')
    return false
  }

  /** Answers the client's close: without it the client waits for its own time limit. */
  webSocketClose(socket: WebSocket): void {
    this.#feeds.delete(socket)
    closeQuietly(socket, CLOSE.normal, 'closed by the client')
  }

  webSocketError(socket: WebSocket): void {
    this.#feeds.delete(socket)
  }

  /** The next session ends about now. */
  async alarm(): Promise<void> {
    const open = this.state.getWebSockets().filter((socket) => !this.#closedAsExpired(socket))
    const next = Math.min(...open.map((socket) => attachmentOf(socket).expiresAt))
    if (Number.isFinite(next)) await this.state.storage.setAlarm(next * 1000)
  }

  async #subscribe(socket: WebSocket): Promise<void> {
    const feed = this.#feedOf(socket)
    // Before the read begins: a commit that the snapshot misses then reaches the feed as a push.
    feed.beginSnapshot()
    this.#keep(socket, { subscribed: true })
    send(socket, JSON.stringify({ type: 'subscribed', channel: BALANCES_CHANNEL }))
    try {
      const rows = await this.#snapshot(attachmentOf(socket).account)
      // An unsubscribe meanwhile has put the feed away.
      if (this.#feeds.get(socket) !== feed) return
      this.#tell([socket], () => feed.endSnapshot(rows, Date.now()))
    } catch (error) {
      logFailure('stream', error)
      closeQuietly(socket, CLOSE.tryAgainLater, 'the balances cannot be read now: connect again')
    }
  }

  /** One read at a time an account. A waiter gets one that begins after it came: only that has all it missed. */
  async #snapshot(account: string): Promise<Push[]> {
    if (!this.#reading) return await this.#read(account)
    this.#nextReading ??= this.#reading
      .catch(() => undefined)
      .then(async () => {
        this.#nextReading = undefined
        return await this.#read(account)
      })
    return await this.#nextReading
  }

  async #read(account: string): Promise<Push[]> {
    const { DATABASE_URL } = parseEnv(env, this.bindings)
    const reading = spotSnapshot(connect(DATABASE_URL, DATABASE_TIMEOUT_MS), account)
    this.#reading = reading
    try {
      return await reading
    } finally {
      if (this.#reading === reading) this.#reading = undefined
    }
  }

  /** Sends what the feeds of these sockets give, and keeps what was sent for after a sleep. */
  #tell(sockets: WebSocket[], next: (feed: BalanceFeed) => Push[]): void {
    for (const socket of sockets) {
      if (!attachmentOf(socket).subscribed || this.#closedAsExpired(socket)) continue
      const feed = this.#feedOf(socket)
      const pushes = next(feed)
      for (const push of pushes) send(socket, balanceMessage(push))
      if (pushes.length > 0) this.#keep(socket, { memory: feed.memory })
      if (feed.dueAt !== undefined) this.#wakeForGaps(feed.dueAt)
    }
  }

  #wakeForGaps(atMs: number): void {
    this.#timer ??= setTimeout(
      () => {
        this.#timer = undefined
        this.#tell(this.state.getWebSockets(), (feed) => feed.release(Date.now()))
      },
      Math.max(0, atMs - Date.now()),
    )
  }

  #feedOf(socket: WebSocket): BalanceFeed {
    const feed = this.#feeds.get(socket) ?? new BalanceFeed(attachmentOf(socket).memory)
    this.#feeds.set(socket, feed)
    return feed
  }

  #countOf(socket: WebSocket): { messages: MessageCount; refusedTokens: number } {
    const count = this.#counts.get(socket) ?? { messages: new MessageCount(), refusedTokens: 0 }
    this.#counts.set(socket, count)
    return count
  }

  async #wakeAtEnd(expiresAt: number): Promise<void> {
    const alarm = await this.state.storage.getAlarm()
    if (alarm === null || expiresAt * 1000 < alarm) await this.state.storage.setAlarm(expiresAt * 1000)
  }

  #keep(socket: WebSocket, change: Partial<Attachment>): void {
    socket.serializeAttachment({ ...attachmentOf(socket), ...change })
  }

  /** The alarm can be late, and a message or a push can come first: an ended session gets nothing. */
  #closedAsExpired(socket: WebSocket): boolean {
    if (attachmentOf(socket).expiresAt * 1000 > Date.now()) return false
    closeQuietly(socket, CLOSE.sessionEnded, 'the session has ended: sign in again')
    return true
  }
}

const attachmentOf = (socket: WebSocket): Attachment => socket.deserializeAttachment() as Attachment
