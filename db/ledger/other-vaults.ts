import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'
import type { VaultKey } from './record-logs.ts'

export interface OtherVault {
  vault: string
  /** Where this ledger began to read it. */
  firstBlock: number
}

/** Vaults of the chain other than this one that have to be followed; what is open at any other vault is an alert. */
export async function otherVaults(db: Database, { chainId, vault }: VaultKey): Promise<OtherVault[]> {
  return await callVerb(db, sql`select ledger.other_vaults(${chainId}, ${vault}) as result`)
}
