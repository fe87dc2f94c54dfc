/**
 * Sessions that the ledger has refused as ended, remembered by this isolate. An ended session never becomes valid again, so
 * the next call with it is refused early: before it asks the ledger, and before it counts against the account, whose rate
 * limit a thief could use up otherwise.
 */
import { ENDED_SESSIONS_MAX } from '../limits.ts'

const ended = new Set<string>()

export function rememberEnded(id: string): void {
  // The first of a Set is the oldest; one that is forgotten is refused by the ledger again.
  const oldest = ended.keys().next()
  if (ended.size >= ENDED_SESSIONS_MAX && !oldest.done) ended.delete(oldest.value)
  ended.add(id)
}

export const hasEnded = (id: string): boolean => ended.has(id)
