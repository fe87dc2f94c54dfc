/**
 * Limits how many statements are at the database at once; the rest wait here. Postgres and its front would queue them too,
 * but unseen: a call that gives up in their queue cannot know whether it has begun. One that gives up here has not.
 */
import { DatabaseError } from './errors.ts'
import { STATEMENTS_AT_ONCE_MAX, TURN_GRACE_MS, TURN_LOOK_AGAIN_MS, TURN_WAIT_MS_MAX } from './limits.ts'

export class Turns {
  /** When each call under way began. A caller who hung up takes its call along without a word: the time limit ends it. */
  private readonly begun = new Set<{ at: number }>()

  /** Waits for a turn and runs the call. @throws DatabaseError `not_begun` when none came */
  async take<T>(timeoutMs: number, call: () => Promise<T>): Promise<T> {
    const since = Date.now()
    while (!this.hasRoom(timeoutMs)) {
      if (Date.now() - since > TURN_WAIT_MS_MAX)
        throw new DatabaseError('not_begun', true, undefined, undefined)
      await new Promise((resolve) => setTimeout(resolve, TURN_LOOK_AGAIN_MS))
    }
    const turn = { at: Date.now() }
    this.begun.add(turn)
    const work = call().finally(() => this.begun.delete(turn))
    const waitedMs = turn.at - since
    return waitedMs === 0 ? await work : await inTime(work, timeoutMs + TURN_GRACE_MS - waitedMs)
  }

  private hasRoom(timeoutMs: number): boolean {
    if (this.begun.size < STATEMENTS_AT_ONCE_MAX) return true
    for (const turn of this.begun) if (Date.now() - turn.at > timeoutMs) this.begun.delete(turn)
    return this.begun.size < STATEMENTS_AT_ONCE_MAX
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
