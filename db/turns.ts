/**
 * Takes turns at the database. Postgres and its front serve so many statements at once; what waits there waits unseen, and
 * a call that gives up while it waits cannot know whether it has begun. Who waits here has asked nobody for anything.
 */
import { DatabaseError } from './errors.ts'

/** Statements of one isolate at once: below the connections that one login gets. */
const CALLS_MAX = 20
/** With the time a statement may take, below the 5 s in which a caller must have an answer. */
const WAIT_MS_MAX = 900
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
    try {
      return await call()
    } finally {
      this.begun.delete(turn)
    }
  }

  private hasRoom(timeoutMs: number): boolean {
    if (this.begun.size < CALLS_MAX) return true
    for (const turn of this.begun) if (Date.now() - turn.at > timeoutMs) this.begun.delete(turn)
    return this.begun.size < CALLS_MAX
  }
}
