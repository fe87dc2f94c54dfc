// NUL is no text to Postgres, and half a surrogate pair has no UTF-8: a driver or proxy fails on it or swaps it unseen.
const UNSTORABLE = /\0|\p{Surrogate}/u

/** Fields whose own grammar has no room for such text, and whose errors have a name of their own. */
const WITH_GRAMMAR = new Set(['amount', 'user_address', 'address', 'recipient'])

/** Is every text in this value, member names too, one that can be stored and read back to the letter? */
export function isStorable(value: unknown): boolean {
  if (typeof value === 'string') return !UNSTORABLE.test(value)
  if (value === null || typeof value !== 'object') return true
  if (Array.isArray(value)) return value.every(isStorable)
  return Object.entries(value).every(
    ([name, inner]) => isStorable(name) && (WITH_GRAMMAR.has(name) || isStorable(inner)),
  )
}
