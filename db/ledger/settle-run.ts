import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'
import type { Alert } from './alerts.ts'
import type { OtherVault } from './other-vaults.ts'
import type { VaultKey } from './record-logs.ts'

export interface Upkeep {
  partitions: number
  pruned: number
  /** Counters are in doubt. */
  doubts: boolean
  /** Recorded deposits have a token by now. */
  listed: boolean
  /** Vaults other than this one that have to be followed. */
  others: OtherVault[]
}

/** Makes the next months' partitions, forgets rows that can no longer matter, and says what else there is to do. */
export async function upkeep(db: Database, { chainId, vault }: VaultKey): Promise<Upkeep> {
  return await callVerb(db, sql`select ledger.upkeep(${chainId}, ${vault}) as result`)
}

/** Keeps a run's summary, closes the alerts of the kinds it proved gone, and answers how many are open and which are to be told. */
export async function finishRun(
  db: Database,
  summary: object,
  cleared: string[],
): Promise<{ open: number; tell: Alert[] }> {
  return await callVerb(
    db,
    sql`select ledger.finish_run(${JSON.stringify(summary)}::jsonb, ${`{${cleared.join(',')}}`}::text[]) as result`,
  )
}
