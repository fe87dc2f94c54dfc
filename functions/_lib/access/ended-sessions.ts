/**
 * Sessions that the ledger has refused as ended, in this isolate. None comes back, so the next call with one ends before it
 * counts as its account's, whose limits a thief could use up, and before it asks the ledger.
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
