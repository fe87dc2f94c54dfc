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
import { BalanceFeed } from './balance-feed.ts'
import { sessionEnv } from '../env.ts'
import { parseEnv } from '../env-read.ts'
import { reads, urlOf } from '../ledgers.ts'
import { STREAM_SOCKETS_PER_ACCOUNT_MAX } from '../limits.ts'
import { logFailure } from '../log.ts'
import type { Session } from '../access/session-claims.ts'
import { type Attachment, attachmentOf, closedAsExpired, keep } from './attachment.ts'
import type { Ended } from './client.ts'
import { conductOf } from './conduct.ts'
import { keepFollowing } from './following.ts'
import { StreamLease } from './lease.ts'
import { BALANCES_CHANNEL, balanceMessage, errorMessage, PING, PONG, readClientMessage } from './messages.ts'
import { type Host, signInAgain } from './sign-in-again.ts'
import { SharedReading } from './shared-reading.ts'
import { CLOSE, closeQuietly, send, textOf } from './socket.ts'

const env = z.object({ ...reads.env, ...sessionEnv })

export class AccountStream {
  /** Only of sockets that were used since the object woke; the rest is in the attachments. */
  readonly #feeds = new WeakMap<WebSocket, BalanceFeed>()
  #timer: ReturnType<typeof setTimeout> | undefined
  readonly #snapshots = new SharedReading(async (account) => await spotSnapshot(this.#database(), account))
  readonly #lease: StreamLease
  readonly #host: Host

  constructor(
    private readonly state: DurableObjectState,
    private readonly bindings: object,
  ) {
    this.#lease = new StreamLease(state.storage, async (account) => await listen(this.#database(), account))
    this.#host = {
      config: () => parseEnv(env, this.bindings),
      database: () => this.#database(),
      keep: (work) => this.state.waitUntil(work),
      wakeAt: async (ms) => await this.#wakeAt(ms),
    }
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
    if (closedAsExpired(socket)) return
    const count = conductOf(socket)
    const fault = count.messages.fault(message, Date.now())
    if (fault) return closeQuietly(socket, ...fault)
    const wanted = readClientMessage(textOf(message))
    const { token } = wanted
    // Tokens are looked at in their order, and what was sent behind one waits for it.
    const turn = count.turn.then(
      async () => token === undefined || (await signInAgain(socket, token, this.#host)),
    )
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
        keep(socket, { subscribed: false, memory: new BalanceFeed().memory })
        return send(socket, JSON.stringify({ type: 'unsubscribed', channel: BALANCES_CHANNEL }))
    }
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
    const open = this.state.getWebSockets().filter((socket) => !closedAsExpired(socket))
    const ends = open.map((socket) => attachmentOf(socket).session.expiresAt * 1000)
    const followed = open.filter((socket) => attachmentOf(socket).subscribed)
    const next = Math.min(...ends, followed.length > 0 ? await this.#follow(followed) : Infinity)
    await this.#wakeAt(next)
  }

  /** Answers when the account's registration is due again. */
  async #follow(sockets: WebSocket[]): Promise<number> {
    return await keepFollowing(sockets, this.#lease, async (account) => {
      const rows = await this.#snapshots.of(account)
      this.#tell(sockets, (feed) => feed.offer(rows, Date.now()))
    })
  }

  async #subscribe(socket: WebSocket): Promise<void> {
    const feed = this.#feedOf(socket)
    // Before the read begins, as the registration is: a commit that the snapshot misses then reaches the feed as a push.
    feed.beginSnapshot()
    keep(socket, { subscribed: true })
    send(socket, JSON.stringify({ type: 'subscribed', channel: BALANCES_CHANNEL }))
    try {
      const { account } = attachmentOf(socket).session
      await this.#lease.hold(account)
      await this.#wakeAt(await this.#lease.dueAt())
      const rows = await this.#snapshots.of(account)
      // An unsubscribe meanwhile has put the feed away.
      if (this.#feeds.get(socket) !== feed) return
      this.#tell([socket], () => feed.endSnapshot(rows, Date.now()))
    } catch (error) {
      logFailure('stream', error)
      closeQuietly(socket, CLOSE.tryAgainLater, 'the balances cannot be read now: connect again')
    }
  }

  /** Sends what the feeds of these sockets give, and notes what was sent, so that it is known after a sleep. */
  #tell(sockets: WebSocket[], next: (feed: BalanceFeed) => Push[]): void {
    for (const socket of sockets) {
      if (!attachmentOf(socket).subscribed || closedAsExpired(socket)) continue
      const feed = this.#feedOf(socket)
      const pushes = next(feed)
      for (const push of pushes) send(socket, balanceMessage(push))
      if (pushes.length > 0) keep(socket, { memory: feed.memory })
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

  async #wakeAt(ms: number): Promise<void> {
    if (!Number.isFinite(ms)) return
    const alarm = await this.state.storage.getAlarm()
    if (alarm === null || ms < alarm) await this.state.storage.setAlarm(ms)
  }

  #database(): Database {
    return connect(urlOf(reads, parseEnv(env, this.bindings)), reads.timeoutMs)
  }
}
