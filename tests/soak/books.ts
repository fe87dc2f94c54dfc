/** What the clients of a soak know: each request by its key, and the last word they had on it; each transaction they sent. */
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
  /** Signatures by what their client meant to do with them. */
  fates: Record<string, number>
  /** Transactions sent to the vault, by what came of them. */
  vault: Record<string, number>
  /** Withdrawals that the vault paid: transaction by id. */
  paid: Map<string, string>
  /** Deposits that the vault took: transactions. */
  deposited: Set<string>
  /** What the vault held at the start, by token. */
  reserve: Map<string, bigint>
  violations: string[]
}

export const newBooks = (): Books => ({
  entries: [],
  requests: 0,
  retries: 0,
  statuses: {},
  fates: {},
  vault: {},
  paid: new Map(),
  deposited: new Set(),
  reserve: new Map(),
  violations: [],
})

export function count(counts: Record<string, number>, name: string): void {
  counts[name] = (counts[name] ?? 0) + 1
}

export function tally(names: string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names.sort()) count(counts, name)
  return counts
}

export const pause = async (ms: number): Promise<void> =>
  await new Promise((resolve) => setTimeout(resolve, ms))
