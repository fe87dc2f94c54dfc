/**
 * What one socket is sent, in which order. Pushes leave concurrent requests and can overtake each other; a socket
 * must never see an older balance after a newer one, and sees every version as long as none was lost.
 */
import type { Push } from '../../../db/client.ts'
import { STREAM_GAP_WAIT_MS, STREAM_HELD_MAX, STREAM_VERSIONS_KEPT_MAX } from '../limits.ts'

/** What survives while the object sleeps. `complete` is false where there were more tokens than are kept. */
export interface FeedMemory {
  sent: [token: string, version: number][]
  complete: boolean
}

interface Gap {
  since: number
  pushes: Map<number, Push>
}

export class BalanceFeed {
  readonly #sent: Map<string, number>
  readonly #complete: boolean
  readonly #gaps = new Map<string, Gap>()
  #duringSnapshot: Push[] = []
  #snapshotsPending = 0

  constructor(memory: FeedMemory = { sent: [], complete: true }) {
    this.#sent = new Map(memory.sent)
    this.#complete = memory.complete
  }

  get memory(): FeedMemory {
    const sent = [...this.#sent]
    const complete = this.#complete && sent.length <= STREAM_VERSIONS_KEPT_MAX
    return { sent: sent.slice(-STREAM_VERSIONS_KEPT_MAX), complete }
  }

  /** When the oldest gap has been waited for long enough, in the clock's milliseconds. */
  get dueAt(): number | undefined {
    const since = [...this.#gaps.values()].map((gap) => gap.since)
    return since.length === 0 ? undefined : Math.min(...since) + STREAM_GAP_WAIT_MS
  }

  /** Takes a push that came in, and returns the balances that may be sent now. */
  offer(pushes: Push[], nowMs: number): Push[] {
    if (this.#snapshotsPending === 0) return pushes.flatMap((push) => this.#take(push, nowMs))
    // Most of these are in the snapshot that is being read; past the limit the oldest are.
    this.#duringSnapshot = [...this.#duringSnapshot, ...pushes].slice(-STREAM_HELD_MAX)
    return []
  }

  /** Holds everything back until the snapshot has been read. */
  beginSnapshot(): void {
    this.#snapshotsPending += 1
  }

  /** The snapshot, then what came in while it was read and is newer. */
  endSnapshot(read: Push[], nowMs: number): Push[] {
    this.#snapshotsPending -= 1
    // A replica that lags could read older rows than were pushed already.
    const rows = read.filter((row) => row.version >= (this.#sent.get(row.token) ?? 0))
    for (const row of rows) this.#note(row)
    if (this.#snapshotsPending > 0) return rows
    const waiting = this.#duringSnapshot
    this.#duringSnapshot = []
    return [...rows, ...rows.flatMap((row) => this.#closeGap(row.token)), ...this.offer(waiting, nowMs)]
  }

  /** What waited long enough for a version that did not come: sent in order, with the gap showing. */
  release(nowMs: number): Push[] {
    return [...this.#gaps].flatMap(([token, gap]) =>
      gap.since + STREAM_GAP_WAIT_MS <= nowMs ? this.#giveUp(token, gap) : [],
    )
  }

  #take(push: Push, nowMs: number): Push[] {
    const last = this.#sent.get(push.token) ?? (this.#complete ? 0 : push.version - 1)
    if (push.version <= last) return []
    if (push.version === last + 1) {
      this.#note(push)
      return [push, ...this.#closeGap(push.token)]
    }
    const gap = this.#gaps.get(push.token) ?? { since: nowMs, pushes: new Map<number, Push>() }
    this.#gaps.set(push.token, gap)
    gap.pushes.set(push.version, push)
    return gap.pushes.size > STREAM_HELD_MAX ? this.#giveUp(push.token, gap) : []
  }

  /** What follows without a gap on the last version sent. */
  #closeGap(token: string): Push[] {
    const gap = this.#gaps.get(token)
    if (!gap) return []
    const ready: Push[] = []
    for (const version of [...gap.pushes.keys()].sort((a, b) => a - b)) {
      const push = gap.pushes.get(version)
      const last = this.#sent.get(token) ?? 0
      if (!push || version > last + 1) break
      gap.pushes.delete(version)
      if (version <= last) continue
      this.#note(push)
      ready.push(push)
    }
    if (gap.pushes.size === 0) this.#gaps.delete(token)
    return ready
  }

  #giveUp(token: string, gap: Gap): Push[] {
    this.#gaps.delete(token)
    const inOrder = [...gap.pushes.values()].sort((a, b) => a.version - b.version)
    for (const push of inOrder) this.#note(push)
    return inOrder
  }

  /** Moved to the end, so that the tokens kept in memory are those that changed last. */
  #note(push: Push): void {
    const last = this.#sent.get(push.token) ?? 0
    this.#sent.delete(push.token)
    this.#sent.set(push.token, Math.max(last, push.version))
  }
}
