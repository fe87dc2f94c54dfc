import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'
import type { NodeLimit } from '../schema.ts'
import type { Cursor, VaultKey } from './record-logs.ts'

export interface OtherVault {
  vault: string
  /** Where this ledger began to read it. */
  firstBlock: number
  cursor: Cursor
  /** Of what is signed for it, the deadline that comes first, unix seconds; null where nothing is. */
  firstDeadline: number | null
  /** Events are stored and not settled. */
  pending: boolean
  /** Counters are in doubt. */
  doubts: boolean
}

/** As the verb answers it. */
export interface OtherVaultRow extends Pick<Cursor, 'number' | 'hash' | 'timestamp' | 'behind'> {
  vault: string
  first_block: number
  rescan_from: number | null
  node_limits: NodeLimit[]
  first_deadline: number | null
  pending: boolean
  doubts: boolean
}

/** Vaults of the chain other than this one that have to be followed, in their turns; what is open at any other vault is an alert. */
export async function otherVaults(db: Database, { chainId, vault }: VaultKey): Promise<OtherVault[]> {
  return (
    await callVerb<OtherVaultRow[]>(db, sql`select ledger.other_vaults(${chainId}, ${vault}) as result`)
  ).map(otherVaultOf)
}

export const otherVaultOf = (row: OtherVaultRow): OtherVault => ({
  vault: row.vault,
  firstBlock: row.first_block,
  cursor: {
    ...{ number: row.number, hash: row.hash, timestamp: row.timestamp, behind: row.behind },
    rescanFrom: row.rescan_from,
    nodeLimits: row.node_limits,
  },
  firstDeadline: row.first_deadline,
  pending: row.pending,
  doubts: row.doubts,
})
