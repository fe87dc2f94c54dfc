import { sql } from 'drizzle-orm'
import { callVerb, type Database, type Push } from '../client.ts'
import type { VaultKey } from './record-logs.ts'

export interface SettledEvents {
  /** Logs that are no longer pending. */
  claimed: number
  /** Some are pending still: their rows are busy, or another copy has them. */
  waiting: boolean
  confirmed: number
  deposited: number
  quarantined: number
  pushes: Push[]
}

/** Makes money of at most `limit` stored logs, in the order of the chain; one that cannot be is quarantined alone. */
export async function settleEvents(
  db: Database,
  { chainId, vault }: VaultKey,
  limit: number,
): Promise<SettledEvents> {
  return await callVerb(db, sql`select ledger.settle_events(${chainId}, ${vault}, ${limit}) as result`)
}
