import type { ServerResponse } from 'node:http'
import { connect, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'

/** How long a request waits for a runtime that is not there, and an exchange for requests that are under way. */
const WAIT_MS = 15_000
const POLL_MS = 50

/** The way to the runtime. */
export class RuntimeDoor {
  #port: number
  /** Pending while the runtime is exchanged. */
  #held: Promise<void> | undefined
  readonly #underWay = new Set<ServerResponse>()

  constructor(port: number) {
    this.#port = port
  }

  /**
   * A connection of a request's own: one that was used before could be closed by the runtime just as a POST goes into it.
   * Before there is one nothing was sent, so asking again repeats nothing. Undefined when there is none to be had, or the
   * client has left.
   */
  async connect(response: ServerResponse): Promise<Socket | undefined> {
    let until = Date.now() + WAIT_MS
    response.once('close', () => this.#underWay.delete(response))
    while (!response.destroyed && Date.now() < until) {
      if (this.#held !== undefined) {
        // However long an exchange takes: it ends with a runtime, or without one.
        await this.#held
        until = Date.now() + WAIT_MS
        continue
      }
      this.#underWay.add(response)
      const socket = await open(this.#port)
      if (socket !== undefined && !response.destroyed) return socket
      socket?.destroy()
      this.#underWay.delete(response)
      await pause(POLL_MS)
    }
    return undefined
  }

  async hold(exchange: () => Promise<number>): Promise<void> {
    while (this.#held !== undefined) await this.#held
    let release!: () => void
    this.#held = new Promise((resolve) => (release = resolve))
    try {
      for (let waited = 0; this.#underWay.size > 0 && waited < WAIT_MS; waited += POLL_MS)
        await pause(POLL_MS)
      this.#port = await exchange()
    } finally {
      this.#held = undefined
      release()
    }
  }
}

async function open(port: number): Promise<Socket | undefined> {
  const socket = connect(port, '127.0.0.1')
  return await new Promise((resolve) => {
    socket.once('connect', () => resolve(socket)).once('error', () => resolve(undefined))
  })
}
