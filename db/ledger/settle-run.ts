import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'
import type { Alert } from './alerts.ts'
import { otherVaultOf, type OtherVault, type OtherVaultRow } from './other-vaults.ts'
import type { VaultKey } from './record-logs.ts'

export interface Upkeep {
  partitions: number
  pruned: number
  /** Whether counters are in doubt. */
  doubts: boolean
  /** Whether recorded deposits have a listed token by now. */
  listed: boolean
  /** Vaults other than this one that have to be followed. */
  others: OtherVault[]
}

/** Makes the next months' partitions, forgets rows that can no longer matter, and says what else there is to do. */
export async function upkeep(db: Database, { chainId, vault }: VaultKey): Promise<Upkeep> {
  const { others, ...kept } = await callVerb<Omit<Upkeep, 'others'> & { others: OtherVaultRow[] }>(
    db,
    sql`select ledger.run_upkeep(${chainId}, ${vault}) as result`,
  )
  return { ...kept, others: others.map(otherVaultOf) }
}

/** What a run leaves behind. */
export interface RunEnd {
  summary: object
  /** Keys of the alerts that it proved to be over. */
  cleared: string[]
  chainId: number
  /** Vaults, other than the configured one, that have had their turn. */
  turns: string[]
  /** How many alerts may be sent now. */
  tellMax: number
}

/** Keeps a run's summary, closes the alerts that it proved gone, and answers how many are open and which are to be told. */
export async function finishRun(
  db: Database,
  { summary, cleared, chainId, turns, tellMax }: RunEnd,
): Promise<{ open: number; tell: Alert[] }> {
  return await callVerb(
    db,
    sql`select ledger.finish_run(${JSON.stringify(summary)}::jsonb, ${JSON.stringify(cleared)}::jsonb, ${chainId},
      ${JSON.stringify(turns)}::jsonb, ${tellMax}) as result`,
  )
}
