/** Withdrawals, and what is proved or doubted of the vault's counter, which numbers them. */
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  integer,
  pgTable,
  primaryKey,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import {
  amountNotNegative,
  amountPositive,
  at,
  contentHash,
  evmAddress,
  ordinal,
  weiPositive,
} from './columns.ts'
import { tokens } from './money.ts'

/** Why a reservation was given back. The table knows no other reason. */
export const GIVE_BACK_REASONS = [
  'signer_unavailable',
  'sign_failed',
  'chain_unavailable',
  'chain_behind',
  'counter_unexplained',
  'counter_contradicted',
  'vault_unfit',
  'ledger_restored',
  'witness_unavailable',
  'not_stored',
  'paused',
  'reservation_timeout',
] as const

export const withdrawals = pgTable(
  'withdrawals',
  {
    id: uuid('id').primaryKey(),
    account: evmAddress('account').notNull(),
    token: text('token')
      .notNull()
      .references(() => tokens.symbol),
    amount: amountPositive('amount').notNull(),
    amountInWei: weiPositive('amount_in_wei').notNull(),
    fee: amountNotNegative('fee').notNull().default('0'),
    recipient: evmAddress('recipient').notNull(),
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    vault: evmAddress('vault').notNull(),
    /** Token contract the signature names: kept on the row, since a token's row may change later. */
    contract: evmAddress('contract').notNull(),
    nonce: bigint('nonce', { mode: 'number' }).notNull(),
    /** Unix seconds; the vault still pays in the deadline second itself. */
    deadline: bigint('deadline', { mode: 'number' }).notNull(),
    status: text('status', { enum: ['reserved', 'signed', 'confirmed', 'expired', 'released'] }).notNull(),
    signature: text('signature'),
    /**
     * Why a released row was given back: one of GIVE_BACK_REASONS. `nonce_used` on an expired one that a person has voided.
     */
    givenBackReason: text('given_back_reason'),
    idempotencyKey: text('idempotency_key'),
    txHash: text('tx_hash'),
    blockNumber: bigint('block_number', { mode: 'number' }),
    contentHash: contentHash(),
    ordinal: ordinal(),
    logIndex: integer('log_index'),
    requestedAt: at('requested_at').notNull(),
    /** When settle last had to leave it as it was: reservations that nobody looked at yet come before it. */
    lookedAt: at('looked_at'),
    signedAt: at('signed_at'),
    confirmedAt: at('confirmed_at'),
    closedAt: at('closed_at'),
  },
  (t) => [
    uniqueIndex('withdrawals_one_live_row_a_nonce')
      .on(t.chainId, t.vault, t.account, t.nonce)
      .where(sql`${t.status} in ('reserved', 'signed', 'confirmed')`),
    uniqueIndex('withdrawals_one_unsigned_an_account')
      .on(t.chainId, t.vault, t.account)
      .where(sql`${t.status} = 'reserved'`),
    index('withdrawals_by_account').on(t.account, t.id.desc()),
    index('withdrawals_signed_by_deadline')
      .on(t.deadline, t.id)
      .where(sql`${t.status} = 'signed'`),
    index('withdrawals_reserved_by_time')
      .on(t.requestedAt)
      .where(sql`${t.status} = 'reserved'`),
    uniqueIndex('withdrawals_once_an_event')
      .on(t.chainId, t.txHash, t.contentHash, t.ordinal)
      .where(sql`${t.status} = 'confirmed'`),
    check('withdrawals_nonce_not_negative', sql`${t.nonce} >= 0`),
    check(
      'withdrawals_status_is_known',
      sql`${t.status} in ('reserved', 'signed', 'confirmed', 'expired', 'released')`,
    ),
    check(
      'withdrawals_given_back_reason_is_known',
      sql`case ${t.status} when 'released' then ${t.givenBackReason} is not null and ${t.givenBackReason} in (${sql.raw(GIVE_BACK_REASONS.map((reason) => `'${reason}'`).join(', '))})
        when 'expired' then coalesce(${t.givenBackReason} in ('nonce_used', 'vault_disowned'), true) else ${t.givenBackReason} is null end`,
    ),
    check(
      'withdrawals_signature_belongs_to_state',
      sql`(${t.signature} is not null) = (${t.status} in ('signed', 'confirmed', 'expired')) and ${t.signature} ~ '^0x[0-9a-f]{130}$'`,
    ),
    check(
      'withdrawals_confirmed_has_its_event',
      sql`(${t.status} = 'confirmed') = (num_nulls(${t.txHash}, ${t.contentHash}, ${t.ordinal}, ${t.blockNumber}, ${t.logIndex}, ${t.confirmedAt}) = 0)`,
    ),
  ],
)

/**
 * The vault's counter of an account's payments as far as it is proved: by final events, or by a person who accepted it. What a
 * node merely answered never stands here. The row is the account's withdrawal lock.
 */
export const withdrawalNonces = pgTable(
  'withdrawal_nonces',
  {
    account: text('account').notNull(),
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    vault: text('vault').notNull(),
    nextOnChain: bigint('next_on_chain', { mode: 'number' }).notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.account, t.chainId, t.vault] }),
    check('withdrawal_nonces_not_negative', sql`${t.nextOnChain} >= 0`),
  ],
)

/**
 * What the chain said of an account's counter and the ledger could not explain. While one that `blocks` is open, nothing is
 * signed for the account. Settle closes what a final block explains, a person the rest; a closed row stays for the record.
 */
export const counterDoubts = pgTable(
  'counter_doubts',
  {
    id: uuid('id').primaryKey(),
    account: evmAddress('account').notNull(),
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    vault: evmAddress('vault').notNull(),
    /** What the vault's counter was said to be. */
    counter: bigint('counter', { mode: 'number' }).notNull(),
    /** True: the chain has used a nonce that no signature of the ledger explains. False: the node said less than is proved. */
    blocks: boolean('blocks').notNull(),
    createdAt: at('created_at').notNull(),
    lastSeenAt: at('last_seen_at').notNull(),
    clearedAt: at('cleared_at'),
    clearedWhy: text('cleared_why'),
  },
  (t) => [
    uniqueIndex('counter_doubts_one_open_an_account')
      .on(t.account, t.chainId, t.vault)
      .where(sql`${t.clearedAt} is null`),
    check('counter_doubts_not_negative', sql`${t.counter} >= 0`),
    check('counter_doubts_cleared_has_a_reason', sql`(${t.clearedAt} is null) = (${t.clearedWhy} is null)`),
  ],
)
