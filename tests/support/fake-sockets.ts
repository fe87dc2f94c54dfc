/** Sockets as workerd has them, as far as the stream uses them, for its objects in this process. */
import { vi } from 'vitest'

export class FakeSocket extends EventTarget {
  readonly sent: string[] = []
  closed: { code: number; reason: string } | undefined
  /** The other end of a pair. */
  peer: FakeSocket | undefined
  binaryType = 'blob'
  #attachment: unknown

  accept(): void {}
  serializeAttachment(value: unknown): void {
    this.#attachment = structuredClone(value)
  }
  deserializeAttachment(): unknown {
    return structuredClone(this.#attachment)
  }
  send(text: string): void {
    if (this.closed) throw new TypeError('the socket is closed')
    this.sent.push(text)
  }
  close(code: number, reason: string): void {
    if (this.closed) throw new TypeError('the socket is closed')
    this.closed = { code, reason }
  }
  /** What the client does to the server’s end. */
  says(data: string | ArrayBuffer): void {
    this.dispatchEvent(Object.assign(new Event('message'), { data }))
  }
  hangsUp(code = 1000, reason = ''): void {
    this.dispatchEvent(Object.assign(new Event('close'), { code, reason }))
  }
  /** The types of what it was sent. */
  get types(): string[] {
    return this.sent.map((text) => (JSON.parse(text) as { type: string }).type)
  }
}

/** Puts them where the functions look for them; answers every pair that was made, as its server’s end. */
export function stubSockets(): FakeSocket[] {
  const servers: FakeSocket[] = []
  vi.stubGlobal(
    'WebSocketPair',
    class {
      0 = new FakeSocket()
      1 = new FakeSocket()
      constructor() {
        this[0].peer = this[1]
        servers.push(this[1])
      }
    },
  )
  vi.stubGlobal('WebSocketRequestResponsePair', class {})
  // An upgrade’s status is one that Node’s own refuses.
  vi.stubGlobal(
    'Response',
    class extends Response {
      constructor(body: BodyInit | null, init: ResponseInit = {}) {
        super(body, init.status === 101 ? { ...init, status: 200 } : init)
        if (init.status === 101) Object.defineProperty(this, 'status', { value: 101 })
      }
    },
  )
  return servers
}

/** The state of a Durable Object that holds sockets. */
export class FakeState {
  readonly sockets: FakeSocket[] = []
  alarm: number | null = null
  readonly #stored = new Map<string, unknown>()
  readonly storage = {
    get: async <T>(key: string) =>
      await Promise.resolve(structuredClone(this.#stored.get(key)) as T | undefined),
    put: async (key: string, value: unknown) =>
      await Promise.resolve(void this.#stored.set(key, structuredClone(value))),
    getAlarm: async () => await Promise.resolve(this.alarm),
    setAlarm: async (at: number) => await Promise.resolve(void (this.alarm = at)),
  }
  setWebSocketAutoResponse(): void {}
  waitUntil(): void {}
  acceptWebSocket(socket: FakeSocket): void {
    this.sockets.push(socket)
  }
  getWebSockets(): FakeSocket[] {
    return this.sockets.filter(({ closed }) => !closed)
  }
}
