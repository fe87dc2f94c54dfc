/** What was read of the chain, and what came of it. */
import { sql } from 'drizzle-orm'
import {
  bigint,
  check,
  index,
  integer,
  jsonb,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import { amount, at, contentHash, ordinal, uint256 } from './columns.ts'

/** A size that a node was found to take, and from when on (unix seconds) more is tried again. */
export interface FoundLimit {
  size: number
  retry_at: number
}

/** Calls of one batch, blocks of one eth_getLogs; what is not there was never refused. */
export interface NodeLimit {
  batch?: FoundLimit
  range?: FoundLimit
}

/** How far the vault's logs have been stored. The hash detects a reorganisation below the final block. */
export const chainCursors = pgTable(
  'chain_cursors',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    vault: text('vault').notNull(),
    blockNumber: bigint('block_number', { mode: 'number' }).notNull(),
    blockHash: text('block_hash').notNull(),
    blockTimestamp: bigint('block_timestamp', { mode: 'number' }).notNull(),
    /** Where it began: what is below is another ledger's. */
    firstBlock: bigint('first_block', { mode: 'number' }).notNull().default(0),
    /** Blocks from here up to the cursor are to be read once more; null when there is nothing to repeat. */
    rescanFrom: bigint('rescan_from', { mode: 'number' }),
    /** Blocks that the last run left between here and the final block. */
    behind: bigint('behind', { mode: 'number' }).notNull().default(0),
    /** What the nodes were found to take, in the order of RPC_URL: [{batch, range}], each {size, retry_at}. */
    nodeLimits: jsonb('node_limits').$type<NodeLimit[]>().notNull().default([]),
    /** When it was read last, or has had its turn of several vaults. */
    updatedAt: at('updated_at').notNull().defaultNow(),
    /** Whose signatures the vault took at the newest block at which it was asked with all its events read, and when that was. */
    signer: text('signer'),
    signerReadAt: at('signer_read_at'),
  },
  (t) => [
    primaryKey({ columns: [t.chainId, t.vault] }),
    check('chain_cursors_signer_was_read', sql`(${t.signer} is null) = (${t.signerReadAt} is null)`),
  ],
)

/** Raw logs of the vault, stored before anything is made of them. */
export const chainLogs = pgTable(
  'chain_logs',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    txHash: text('tx_hash').notNull(),
    contentHash: contentHash()
      .notNull()
      .generatedAlwaysAs(sql`ledger.content_hash(vault, topics, data)`),
    ordinal: ordinal().notNull(),
    vault: text('vault').notNull(),
    blockNumber: bigint('block_number', { mode: 'number' }).notNull(),
    blockHash: text('block_hash').notNull(),
    blockTimestamp: bigint('block_timestamp', { mode: 'number' }).notNull(),
    /** As the node numbered it that was asked first. */
    logIndex: integer('log_index').notNull(),
    topics: text('topics').array().notNull(),
    data: text('data').notNull(),
    /** withdrawal, deposit, or other (an event the ledger has no use for). */
    event: text('event').notNull(),
    /** The account the event concerns, when it could be read. */
    account: text('account'),
    status: text('status', { enum: ['pending', 'processed', 'quarantined', 'resolved'] })
      .notNull()
      .default('pending'),
    reason: text('reason'),
    storedAt: at('stored_at').notNull().defaultNow(),
    processedAt: at('processed_at'),
  },
  (t) => [
    primaryKey({ columns: [t.chainId, t.txHash, t.contentHash, t.ordinal] }),
    index('chain_logs_pending')
      .on(t.chainId, t.blockNumber, t.logIndex)
      .where(sql`${t.status} = 'pending'`),
    // Of events that no withdrawal or deposit came of; there are few.
    index('chain_logs_quarantined')
      .on(t.account)
      .where(sql`${t.status} in ('quarantined', 'resolved')`),
    check(
      'chain_logs_status_is_known',
      sql`${t.status} in ('pending', 'processed', 'quarantined', 'resolved')`,
    ),
    check('chain_logs_quarantine_has_a_reason', sql`${t.status} <> 'quarantined' or ${t.reason} is not null`),
  ],
)

export const deposits = pgTable(
  'deposits',
  {
    id: uuid('id').primaryKey(),
    account: text('account').notNull(),
    /** Null for a contract the ledger does not know. */
    token: text('token'),
    contract: text('contract').notNull(),
    amount: amount('amount'),
    amountInWei: uint256('amount_in_wei').notNull(),
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    txHash: text('tx_hash').notNull(),
    contentHash: contentHash().notNull(),
    ordinal: ordinal().notNull(),
    logIndex: integer('log_index').notNull(),
    blockNumber: bigint('block_number', { mode: 'number' }).notNull(),
    status: text('status', { enum: ['credited', 'unsupported'] }).notNull(),
    transferId: uuid('transfer_id'),
    createdAt: at('created_at').notNull(),
    confirmedAt: at('confirmed_at'),
    /** Sent back by a person who says how: never credited, whatever is listed later. */
    returnedAt: at('returned_at'),
    returnedWhy: text('returned_why'),
  },
  (t) => [
    uniqueIndex('deposits_once_an_event').on(t.chainId, t.txHash, t.contentHash, t.ordinal),
    index('deposits_by_account').on(t.account, t.id.desc()),
    index('deposits_unsupported')
      .on(t.chainId, t.contract, t.id)
      .where(sql`${t.status} = 'unsupported'`),
    check(
      'deposits_returned_are_not_credited',
      sql`${t.returnedAt} is null or (${t.status} = 'unsupported' and ${t.returnedWhy} is not null)`,
    ),
    check('deposits_status_is_known', sql`${t.status} in ('credited', 'unsupported')`),
    check(
      'deposits_credited_has_its_movement',
      sql`(${t.status} = 'credited') = (${t.transferId} is not null and ${t.token} is not null and ${t.amount} is not null)`,
    ),
  ],
)

/** What a payment on chain for an already expired or lost withdrawal left unpaid in the ledger. Must have no open row. */
export const debts = pgTable(
  'debts',
  {
    id: uuid('id').primaryKey(),
    account: text('account').notNull(),
    token: text('token').notNull(),
    amount: amount('amount').notNull(),
    /** Null where the ledger knows no such withdrawal: it was lost with a restore, or somebody else signed it. */
    withdrawalId: uuid('withdrawal_id'),
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    txHash: text('tx_hash').notNull(),
    contentHash: contentHash().notNull(),
    ordinal: ordinal().notNull(),
    logIndex: integer('log_index').notNull(),
    createdAt: at('created_at').notNull(),
    /** Made good, by a person who says how; or nothing was left to owe. */
    settledAt: at('settled_at'),
    settledWhy: text('settled_why'),
  },
  (t) => [
    uniqueIndex('debts_once_an_event').on(t.chainId, t.txHash, t.contentHash, t.ordinal),
    check('debts_amount_not_negative', sql`${t.amount} >= 0 and ${t.amount} < 'NaN'`),
    check('debts_settled_for_a_reason', sql`(${t.settledAt} is null) = (${t.settledWhy} is null)`),
  ],
)
