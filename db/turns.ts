/**
 * Takes turns at the database. Postgres and its front serve so many statements at once; what waits there waits unseen, and
 * a call that gives up while it waits cannot know whether it has begun. Who waits here has asked nobody for anything.
 */
import { DatabaseError } from './errors.ts'

/** Statements of one isolate at once: below the connections that one login gets. */
const CALLS_MAX = 20
/**
 * Leaves a statement that begins late its longest wait for a lock (2 s) and another second: that lock's refusal arrives late
 * on a slow machine, and a call that gave up before it would have to be told as a doubt. A burst may wait as long as that allows.
 */
const WAIT_MS_MAX = 1_800
/** What a call that waited may take beyond the time limit of one that did not. */
const GRACE_MS = 900
const LOOK_AGAIN_MS = 5

export class Turns {
  /** When each call under way began. A caller who hung up takes its call along without a word: the time limit ends it. */
  private readonly begun = new Set<{ at: number }>()

  /** Waits for a turn and runs the call. @throws DatabaseError `not_begun` when none came */
  async take<T>(timeoutMs: number, call: () => Promise<T>): Promise<T> {
    const since = Date.now()
    while (!this.hasRoom(timeoutMs)) {
      if (Date.now() - since > WAIT_MS_MAX) throw new DatabaseError('not_begun', true, undefined, undefined)
      await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS))
    }
    const turn = { at: Date.now() }
    this.begun.add(turn)
    const work = call().finally(() => this.begun.delete(turn))
    const waitedMs = turn.at - since
    return waitedMs === 0 ? await work : await inTime(work, timeoutMs + GRACE_MS - waitedMs)
  }

  private hasRoom(timeoutMs: number): boolean {
    if (this.begun.size < CALLS_MAX) return true
    for (const turn of this.begun) if (Date.now() - turn.at > timeoutMs) this.begun.delete(turn)
    return this.begun.size < CALLS_MAX
  }
}

async function inTime<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timer!: ReturnType<typeof setTimeout>
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new DatabaseError('unknown', false, undefined, undefined)), timeoutMs)
  })
  try {
    return await Promise.race([work, late])
  } finally {
    clearTimeout(timer)
  }
}
