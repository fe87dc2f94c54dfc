import { and, eq, inArray, sql } from 'drizzle-orm'
import { callVerb, type Database, run } from '../client.ts'
import { chainCursors, chainLogs, type NodeLimit } from '../schema.ts'

export interface VaultKey {
  chainId: number
  /** Lower case. */
  vault: string
}
export interface BlockMark {
  number: number
  hash: string
  /** Unix seconds. */
  timestamp: number
}
export interface Cursor extends BlockMark {
  /** From where blocks are to be read once more. */
  rescanFrom: number | null
  /** Blocks that the last run left between here and the final block. */
  behind: number
  /** What each node was found to take, in their order. */
  nodeLimits: NodeLimit[]
}
export interface RawLog {
  tx_hash: string
  log_index: number
  block_number: number
  block_hash: string
  block_timestamp: number
  topics: string[]
  data: string
}
/** `taken`: another copy was faster. `hash_break`: the chain changed below the final block; nothing moved, an alert is open. */
export interface Recorded {
  outcome: 'moved' | 'taken' | 'hash_break'
  /** New logs. */
  stored: number
  /** New logs of blocks that had been read before: the node left them out then. */
  late: number
}

export async function readCursor(db: Database, { chainId, vault }: VaultKey): Promise<Cursor | undefined> {
  const rows = await run(db, (query) =>
    query
      .select({
        number: chainCursors.blockNumber,
        hash: chainCursors.blockHash,
        timestamp: chainCursors.blockTimestamp,
        rescanFrom: chainCursors.rescanFrom,
        behind: chainCursors.behind,
        nodeLimits: chainCursors.nodeLimits,
      })
      .from(chainCursors)
      .where(and(eq(chainCursors.chainId, chainId), eq(chainCursors.vault, vault))),
  )
  return rows[0]
}

/** The first cursor of a deployment; one that is there stays. */
export async function startCursor(db: Database, { chainId, vault }: VaultKey, at: BlockMark): Promise<void> {
  await callVerb(
    db,
    sql`select ledger.start_cursor(${chainId}, ${vault}, ${at.number}, ${at.hash}, ${at.timestamp}) as result`,
  )
}

/**
 * Stores logs and moves the cursor from block `from` to `to`, in one transaction.
 *
 * @param seenHash what the node says now of the block the cursor stands on
 */
export async function recordLogs(
  db: Database,
  { chainId, vault }: VaultKey,
  from: number,
  seenHash: string,
  to: BlockMark,
  logs: RawLog[],
): Promise<Recorded> {
  return await callVerb(
    db,
    sql`select ledger.record_logs(${chainId}, ${vault}, ${from}, ${seenHash}, ${to.number}, ${to.hash}, ${to.timestamp},
      ${JSON.stringify(logs)}::jsonb) as result`,
  )
}

/**
 * Keeps what the nodes were found to take, and how far the cursor is behind.
 *
 * @param safe number of the final block; undefined when this run has none
 * @returns true, with an alert, when it falls back from run to run
 */
export async function noteReading(
  db: Database,
  { chainId, vault }: VaultKey,
  limits: NodeLimit[],
  safe: number | undefined,
): Promise<boolean> {
  return await callVerb(
    db,
    sql`select ledger.note_reading(${chainId}, ${vault}, ${JSON.stringify(limits)}::jsonb, ${safe ?? null}::bigint) as result`,
  )
}

/** The times of blocks of which logs of these transactions are stored, by the block's hash. */
export async function storedTimes(
  db: Database,
  { chainId }: VaultKey,
  transactions: string[],
): Promise<Map<string, number>> {
  const rows = await run(db, (query) =>
    query
      .selectDistinct({ hash: chainLogs.blockHash, timestamp: chainLogs.blockTimestamp })
      .from(chainLogs)
      .where(and(eq(chainLogs.chainId, chainId), inArray(chainLogs.txHash, transactions))),
  )
  return new Map(rows.map(({ hash, timestamp }) => [hash, timestamp]))
}

/** Asks for the blocks from this one on to be read once more. */
export async function requestRescan(db: Database, { chainId, vault }: VaultKey, from: number): Promise<void> {
  await callVerb(db, sql`select ledger.request_rescan(${chainId}, ${vault}, ${from}) as result`)
}

/** Stores what a second reading of a range found. */
export async function recordRescan(
  db: Database,
  { chainId, vault }: VaultKey,
  from: number,
  to: number,
  logs: RawLog[],
): Promise<Recorded> {
  return await callVerb(
    db,
    sql`select ledger.record_rescan(${chainId}, ${vault}, ${from}, ${to}, ${JSON.stringify(logs)}::jsonb) as result`,
  )
}
