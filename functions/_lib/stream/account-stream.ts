/**
 * The Durable Object of one account: its open sockets, and what each is told. It sleeps between messages while the
 * sockets stay open; all it must know again is in each socket's attachment.
 *
 * Only a binding reaches it: the Worker in front builds every request itself and has no route to `/push`.
 */
import * as z from 'zod/mini'
import { connect, type Database, type Push } from '../../../db/client.ts'
import { spotSnapshot } from '../../../db/ledger/balances.ts'
import { listen } from '../../../db/ledger/listeners.ts'
import { isCutOff } from '../../../db/ledger/sessions.ts'
import { BalanceFeed, type FeedMemory } from './balance-feed.ts'
import { parseEnv, sessionEnv } from '../env.ts'
import { reads, urlOf } from '../ledgers.ts'
import { STREAM_RETRY_MS, STREAM_SIGN_INS_MAX, STREAM_SOCKETS_PER_ACCOUNT_MAX } from '../limits.ts'
import { logFailure } from '../log.ts'
import type { Session } from '../access/session-claims.ts'
import type { Ended } from './client.ts'
import { StreamLease } from './lease.ts'
import {
  authResult,
  BALANCES_CHANNEL,
  balanceMessage,
  errorMessage,
  PING,
  PONG,
  readClientMessage,
} from './messages.ts'
import { verifiedAgain, whyEnded } from './session.ts'
import { CLOSE, closeQuietly, MessageCount, send, textOf } from './socket.ts'

interface Attachment {
  session: Session
  subscribed: boolean
  memory: FeedMemory
}

/** What a socket has done since the object woke. */
interface Conduct {
  messages: MessageCount
  refusedTokens: number
  /** Its last message but for the work that it began. */
  turn: Promise<boolean>
}

const env = z.object({ ...reads.env, ...sessionEnv })

export class AccountStream {
  /** Only of sockets that were used since the object woke; the rest is in the attachments. */
  readonly #feeds = new WeakMap<WebSocket, BalanceFeed>()
  readonly #counts = new WeakMap<WebSocket, Conduct>()
  #timer: ReturnType<typeof setTimeout> | undefined
  #reading: Promise<Push[]> | undefined
  #nextReading: Promise<Push[]> | undefined
  readonly #lease: StreamLease

  constructor(
    private readonly state: DurableObjectState,
    private readonly bindings: object,
  ) {
    this.#lease = new StreamLease(state.storage, async (account) => await listen(this.#database(), account))
    state.setWebSocketAutoResponse(new WebSocketRequestResponsePair(PING, PONG))
    const sockets = state.getWebSockets().length
    if (sockets > 0) console.log(JSON.stringify({ event: 'stream_woke', sockets }))
  }

  async fetch(request: Request): Promise<Response> {
    const url = new URL(request.url)
    if (url.pathname === '/open') return await this.#open(url)
    if (url.pathname === '/sign-out') return this.#signOut(await request.json())
    const pushes: Push[] = await request.json()
    this.#tell(this.state.getWebSockets(), (feed) => feed.offer(pushes, Date.now()))
    return new Response(null, { status: 204 })
  }

  async #open(url: URL): Promise<Response> {
    if (this.state.getWebSockets().length >= STREAM_SOCKETS_PER_ACCOUNT_MAX) {
      return new Response(null, { status: 429 })
    }
    const { 0: client, 1: server } = new WebSocketPair()
    const session = JSON.parse(url.searchParams.get('session') ?? '') as Session
    this.state.acceptWebSocket(server)
    const memory = new BalanceFeed().memory
    server.serializeAttachment({ session, subscribed: false, memory } satisfies Attachment)
    await this.#wakeAt(session.expiresAt * 1000)
    return new Response(null, { status: 101, webSocket: client })
  }

  async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    if (this.#closedAsExpired(socket)) return
    const count = this.#countOf(socket)
    const fault = count.messages.fault(message, Date.now())
    if (fault) return closeQuietly(socket, ...fault)
    const wanted = readClientMessage(textOf(message))
    const { token } = wanted
    // Tokens are looked at in their order, and what was sent behind one waits for it.
    const turn = count.turn.then(async () => token === undefined || (await this.#signInAgain(socket, token)))
    count.turn = turn.catch(() => false)
    if (!(await turn)) return
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
    const { account } = attachmentOf(socket).session
    const config = parseEnv(env, this.bindings)
    const verdict = await verifiedAgain(config, token, account, (work) => this.state.waitUntil(work))
    if (typeof verdict === 'string') {
      send(socket, authResult(false, verdict))
      const count = this.#countOf(socket)
      count.refusedTokens += 1
      if (count.refusedTokens >= STREAM_SIGN_INS_MAX)
        closeQuietly(socket, CLOSE.sessionEnded, 'too many refused tokens')
      return false
    }
    // First its session, then the look whether that has ended: whoever ends it meanwhile finds it here.
    this.#keep(socket, { session: verdict })
    await this.#wakeAt(verdict.expiresAt * 1000)
    const end = await whyEnded(this.#database(), verdict)
    if (end) closeQuietly(socket, ...end)
    else send(socket, authResult(true, 'signed in'))
    return !end
  }

  #signOut(ended: Ended): Response {
    for (const socket of this.state.getWebSockets()) {
      const { session } = attachmentOf(socket)
      const isOver = 'cutoff' in ended ? isCutOff(session, ended.cutoff) : session.id === ended.id
      if (isOver) closeQuietly(socket, CLOSE.sessionEnded, 'signed out')
    }
    return new Response(null, { status: 204 })
  }

  /** Answers the client's close: without it the client waits for its own time limit. */
  webSocketClose(socket: WebSocket): void {
    this.#feeds.delete(socket)
    closeQuietly(socket, CLOSE.normal, 'closed by the client')
  }

  webSocketError(socket: WebSocket): void {
    this.#feeds.delete(socket)
  }

  /** A session ends about now, or the registration at the ledger has something due. */
  async alarm(): Promise<void> {
    const open = this.state.getWebSockets().filter((socket) => !this.#closedAsExpired(socket))
    const ends = open.map((socket) => attachmentOf(socket).session.expiresAt * 1000)
    const followed = open.filter((socket) => attachmentOf(socket).subscribed)
    const next = Math.min(...ends, followed.length > 0 ? await this.#keepFollowing(followed) : Infinity)
    await this.#wakeAt(next)
  }

  /** Keeps the account registered, and tells what movements changed that did not see it so. Answers when it is due again. */
  async #keepFollowing(sockets: WebSocket[]): Promise<number> {
    const { account } = attachmentOf(sockets[0] as WebSocket).session
    try {
      const lapsed = await this.#lease.hold(account)
      const isDue = await this.#lease.lookIsDue()
      if (lapsed || isDue) {
        const rows = await this.#snapshot(account)
        this.#tell(sockets, (feed) => feed.offer(rows, Date.now()))
        if (isDue) await this.#lease.looked()
      }
      return await this.#lease.dueAt()
    } catch (error) {
      logFailure('stream', error)
      if (await this.#lease.isEnding())
        for (const socket of sockets)
          closeQuietly(socket, CLOSE.tryAgainLater, 'the balances cannot be followed now: connect again')
      return Date.now() + STREAM_RETRY_MS
    }
  }

  async #subscribe(socket: WebSocket): Promise<void> {
    const feed = this.#feedOf(socket)
    // Before the read begins, as the registration is: a commit that the snapshot misses then reaches the feed as a push.
    feed.beginSnapshot()
    this.#keep(socket, { subscribed: true })
    send(socket, JSON.stringify({ type: 'subscribed', channel: BALANCES_CHANNEL }))
    try {
      const { account } = attachmentOf(socket).session
      await this.#lease.hold(account)
      await this.#wakeAt(await this.#lease.dueAt())
      const rows = await this.#snapshot(account)
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
    const reading = spotSnapshot(this.#database(), account)
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

  #countOf(socket: WebSocket): Conduct {
    const count = this.#counts.get(socket) ?? {
      messages: new MessageCount(),
      refusedTokens: 0,
      turn: Promise.resolve(true),
    }
    this.#counts.set(socket, count)
    return count
  }

  async #wakeAt(ms: number): Promise<void> {
    if (!Number.isFinite(ms)) return
    const alarm = await this.state.storage.getAlarm()
    if (alarm === null || ms < alarm) await this.state.storage.setAlarm(ms)
  }

  #database(): Database {
    return connect(urlOf(reads, parseEnv(env, this.bindings)), reads.timeoutMs)
  }

  #keep(socket: WebSocket, change: Partial<Attachment>): void {
    socket.serializeAttachment({ ...attachmentOf(socket), ...change })
  }

  /** The alarm can be late, and a message or a push can come first: an ended session gets nothing. */
  #closedAsExpired(socket: WebSocket): boolean {
    if (attachmentOf(socket).session.expiresAt * 1000 > Date.now()) return false
    closeQuietly(socket, CLOSE.sessionEnded, 'the session has ended: sign in again')
    return true
  }
}

const attachmentOf = (socket: WebSocket): Attachment => socket.deserializeAttachment() as Attachment
