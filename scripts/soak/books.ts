/** What the clients of a soak know: each request by its key, and the last word they had on it. */
export type Kind = 'transfer' | 'credit' | 'withdraw' | 'subaccount'

export interface Entry {
  kind: Kind
  /** Whose key it is, as the ledger scopes it. */
  scope: string
  account: string
  token: string
  amount: string
  key: string
  /** acknowledged: done, and the client was told. refused: told that nothing moved. unknown: never told. */
  outcome: 'acknowledged' | 'refused' | 'unknown'
  attempts: number
  /** What it was answered, of every acknowledgement: they must all be one. */
  answers: string[]
  id?: string
  error?: string
}

export interface Books {
  entries: Entry[]
  requests: number
  retries: number
  statuses: Record<string, number>
  /** Withdrawals that the vault paid, by id. */
  paid: Map<string, string>
  violations: string[]
}

export const newBooks = (): Books => ({
  entries: [],
  requests: 0,
  retries: 0,
  statuses: {},
  paid: new Map(),
  violations: [],
})

/** mulberry32: one seed, one run of choices. */
export function randomFrom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

export const pause = async (ms: number): Promise<void> =>
  await new Promise((resolve) => setTimeout(resolve, ms))
