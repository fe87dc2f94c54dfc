/**
 * Every table of the ledger. The edge's roles may read them and write none: all writes go through the verbs in
 * `db/ledger/` (SECURITY DEFINER functions owned by the migration role).
 *
 * Units: `amount`, `available`, `frozen` are whole tokens with 18 decimals (never wei, never floats); `*_in_wei` is the
 * token's smallest unit; `deadline` is unix seconds; `*_at` is a timestamp with time zone.
 */
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  customType,
  index,
  integer,
  jsonb,
  numeric,
  pgSchema,
  pgTable,
  primaryKey,
  smallint,
  text,
  timestamp,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'

const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })
const amount = (name: string) => numeric(name, { precision: 38, scale: 18 })
const uint256 = (name: string) => numeric(name, { precision: 78, scale: 0 })
const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'string' })
/**
 * What names an event of the chain beside its chain and transaction: the hash of what it says (address, topics, data), and
 * the how-manieth with this content it is in the transaction, from 0. `log_index` is where one node counted it: for people.
 */
const ordinal = () => integer('ordinal')
const contentHash = () => bytea('content_hash')

/**
 * Rules of one value are domains (their checks stand in db/migrations/0000_domains.sql): Postgres reads a table's CHECK
 * constraints anew with every statement, and a domain's once a connection. Rules between columns stay checks.
 */
const domain = (name: string) => customType<{ data: string }>({ dataType: () => name })
/** An EVM address in lower case or a Solana address; what the edge stores after checking. */
const ledgerAccount = domain('ledger_account')
/** An EVM address in lower case. */
const evmAddress = domain('evm_address')
/** `s` spot, `p` perp. */
const balanceWallet = domain('balance_wallet')
/**
 * Where a movement takes from or gives to: `s` spot and `p` perp, both of what is available; `h` what is held (frozen) in spot;
 * or of the exchange: `i` issuance, `v` vault, `f` fees.
 */
const side = domain('movement_side')
/** Never NaN, which Postgres sorts above every number: "NaN >= 0" is true. */
const amountNotNegative = domain('amount_not_negative')
const amountPositive = domain('amount_positive')
const weiPositive = domain('wei_positive')

/** Rows that movements write: numbers in the place of addresses and symbols. Views show them as text (db/ledger/views.sql). */
const ledger = pgSchema('ledger')

export const tokens = pgTable(
  'tokens',
  {
    symbol: text('symbol').primaryKey(),
    decimals: smallint('decimals').notNull(),
    chainId: bigint('chain_id', { mode: 'number' }),
    /** Lower-case contract address; the zero address is the chain's native coin. */
    contract: text('contract'),
    transferable: boolean('transferable').notNull().default(false),
    withdrawable: boolean('withdrawable').notNull().default(false),
    minWithdraw: amount('min_withdraw').notNull().default('0'),
    tokenNo: smallint('token_no').notNull().generatedAlwaysAsIdentity().unique(),
  },
  (t) => [
    uniqueIndex('tokens_chain_contract').on(t.chainId, t.contract),
    check('tokens_symbol_is_plain', sql`${t.symbol} ~ '^[A-Za-z0-9._-]{1,32}$'`),
    check('tokens_decimals_fit_the_ledger', sql`${t.decimals} between 0 and 18`),
    check('tokens_contract_is_an_address', sql`${t.contract} ~ '^0x[0-9a-f]{40}$'`),
    check(
      'tokens_withdrawable_has_a_contract',
      sql`not ${t.withdrawable} or (${t.contract} is not null and ${t.chainId} is not null)`,
    ),
    check('tokens_min_withdraw_not_negative', sql`${t.minWithdraw} >= 0 and ${t.minWithdraw} < 'NaN'`),
  ],
)

/** Everybody who ever had a balance. A family is a main account and its subaccounts: no movement reaches across families. */
export const accounts = ledger.table(
  'accounts',
  {
    accountNo: bigint('account_no', { mode: 'number' }).primaryKey().generatedAlwaysAsIdentity(),
    address: ledgerAccount('address').notNull(),
    /** The number of the main account; its own for a main account. */
    familyNo: bigint('family_no', { mode: 'number' }).notNull(),
  },
  (t) => [uniqueIndex('accounts_by_address').on(t.address)],
)

export const balances = ledger.table(
  'balances',
  {
    familyNo: bigint('family_no', { mode: 'number' }).notNull(),
    accountNo: bigint('account_no', { mode: 'number' })
      .notNull()
      .references(() => accounts.accountNo),
    tokenNo: smallint('token_no')
      .notNull()
      .references(() => tokens.tokenNo),
    wallet: balanceWallet('wallet').notNull(),
    available: amountNotNegative('available').notNull().default('0'),
    frozen: amountNotNegative('frozen').notNull().default('0'),
    /** Grows by one with each change: a client sees a gap and reads again. */
    version: bigint('version', { mode: 'number' }).notNull().default(0),
    updatedAt: at('updated_at').notNull().defaultNow(),
  },
  (t) => [primaryKey({ columns: [t.familyNo, t.accountNo, t.tokenNo, t.wallet] })],
)

/**
 * One movement, one row, with both of its sides and the balances after it: what it takes from one it gives to the other,
 * since nothing in it could say otherwise. Its time is in its id (uuid v7, the last bit 0: db/ledger/movement.sql), by which
 * the table is partitioned. Append-only.
 */
export const movements = ledger.table(
  'movements',
  {
    familyNo: bigint('family_no', { mode: 'number' }).notNull(),
    id: uuid('id').notNull(),
    /** Null: a side of the exchange, which has no balance. */
    fromNo: bigint('from_no', { mode: 'number' }),
    toNo: bigint('to_no', { mode: 'number' }),
    /** Of the balance that gave, after it; the same of the one that took. Where both are one row, it stands in `from_*`. */
    fromVersion: bigint('from_version', { mode: 'number' }),
    toVersion: bigint('to_version', { mode: 'number' }),
    /** Place in ledger.movement_kinds(), from 1. */
    kind: smallint('kind').notNull(),
    tokenNo: smallint('token_no').notNull(),
    fromSide: side('from_side').notNull(),
    toSide: side('to_side').notNull(),
    amount: amountPositive('amount').notNull(),
    fromAvailable: amount('from_available'),
    fromFrozen: amount('from_frozen'),
    toAvailable: amount('to_available'),
    toFrozen: amount('to_frozen'),
    /** What caused it: withdrawal id, chain log, credit reason … (small, for people and joins by id); empty where nothing did. */
    reference: jsonb('reference').notNull().default({}),
  },
  (t) => [
    primaryKey({ columns: [t.familyNo, t.id] }),
    index('movements_by_giver').on(t.fromNo, t.id),
    index('movements_by_taker')
      .on(t.toNo, t.id)
      .where(sql`${t.toNo} is distinct from ${t.fromNo}`),
    check('movements_move_something', sql`${t.fromSide} <> ${t.toSide} or ${t.fromNo} <> ${t.toNo}`),
    check(
      'movements_sides_carry_the_balance_after',
      sql`num_nulls(${t.fromNo}, ${t.fromVersion}, ${t.fromAvailable}, ${t.fromFrozen}) = case when ${t.fromSide} in ('s', 'h', 'p') then 0 else 4 end
        and num_nulls(${t.toVersion}, ${t.toAvailable}, ${t.toFrozen}) = case when ${t.toSide} not in ('s', 'h', 'p')
          or (${t.fromNo} = ${t.toNo} and ${t.fromSide} in ('s', 'h') and ${t.toSide} in ('s', 'h')) then 3 else 0 end
        and (${t.toNo} is null) = (${t.toSide} not in ('s', 'h', 'p'))`,
    ),
  ],
)

/** Keys that moved money, for ever: written in the transaction of the movement. Their answers are made of the rows they name. */
export const idempotencyKeys = ledger.table(
  'idempotency_keys',
  {
    /** Of the caller; 0 for the admin. */
    familyNo: bigint('family_no', { mode: 'number' }).notNull(),
    /** What caller, endpoint and key are together, as a hash (ledger.key_id): as short as what is kept for ever can be. */
    keyId: uuid('key_id').notNull(),
    /** The first half of the request's SHA-256. */
    requestHash: uuid('request_hash').notNull(),
    movementId: uuid('movement_id').notNull(),
    withdrawalId: uuid('withdrawal_id'),
    /** Place in ledger.key_endpoints(), from 1. */
    endpoint: smallint('endpoint').notNull(),
  },
  (t) => [primaryKey({ columns: [t.familyNo, t.keyId] })],
)

export const spotAdminCredits = pgTable(
  'spot_admin_credits',
  {
    id: uuid('id').primaryKey(),
    userAddress: text('user_address').notNull(),
    token: text('token').notNull(),
    amount: amount('amount').notNull(),
    reason: text('reason'),
    adminActor: text('admin_actor').notNull(),
    transferId: uuid('transfer_id').notNull(),
    requestId: text('request_id'),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    index('spot_admin_credits_by_account').on(t.userAddress, t.id.desc()),
    check('spot_admin_credits_amount_positive', sql`${t.amount} > 0 and ${t.amount} < 'NaN'`),
    check('spot_admin_credits_reason_short', sql`length(${t.reason}) <= 500`),
  ],
)

/** Why a reservation was given back. The table knows no other reason. */
export const RELEASE_REASONS = [
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
     * Why a released row was given back: one of RELEASE_REASONS. `nonce_used` on an expired one that a person has voided.
     */
    releaseReason: text('release_reason'),
    idempotencyKey: text('idempotency_key'),
    txHash: text('tx_hash'),
    blockNumber: bigint('block_number', { mode: 'number' }),
    contentHash: contentHash(),
    ordinal: ordinal(),
    logIndex: integer('log_index'),
    requestedAt: at('requested_at').notNull(),
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
      'withdrawals_release_reason_is_known',
      sql`case ${t.status} when 'released' then ${t.releaseReason} is not null and ${t.releaseReason} in (${sql.raw(RELEASE_REASONS.map((reason) => `'${reason}'`).join(', '))})
        when 'expired' then coalesce(${t.releaseReason} in ('nonce_used', 'vault_disowned'), true) else ${t.releaseReason} is null end`,
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
 * The vault's release counter of an account as far as it is proved: by final events, or by a person who accepted it. What a
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

/** How far the vault's logs have been stored. The hash detects a reorganisation below the safe head. */
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
    /** Blocks that the last run left between here and the safe head. */
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
    /** Null where the withdrawal was lost with a restore. */
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

/** Operator switches; `withdrawals` engaged means signing is paused. */
export const switches = pgTable('switches', {
  name: text('name').primaryKey(),
  engaged: boolean('engaged').notNull(),
  reason: text('reason'),
  changedAt: at('changed_at').notNull().defaultNow(),
})

/** What a person must see. One open row a key, so a fault that lasts does not flood. */
export const alerts = pgTable(
  'alerts',
  {
    id: uuid('id').primaryKey(),
    key: text('key').notNull(),
    kind: text('kind').notNull(),
    detail: jsonb('detail').notNull(),
    createdAt: at('created_at').notNull(),
    lastSeenAt: at('last_seen_at').notNull(),
    timesSeen: integer('times_seen').notNull().default(1),
    notifiedAt: at('notified_at'),
    /** How often in a row the webhook has refused it, and until when it is left alone for that. */
    tellFailures: integer('tell_failures').notNull().default(0),
    tellAfter: at('tell_after'),
    resolvedAt: at('resolved_at'),
  },
  (t) => [
    uniqueIndex('alerts_one_open_a_key')
      .on(t.key)
      .where(sql`${t.resolvedAt} is null`),
  ],
)

/** What each run of settle did, kept for a week: for people, and for `npm run settle`. */
export const settleRuns = pgTable('settle_runs', {
  id: uuid('id').primaryKey(),
  finishedAt: at('finished_at').notNull(),
  summary: jsonb('summary').notNull(),
})

/** The newest solvency check of a token: what the vault held at a block against what the ledger owes. */
export const solvencyChecks = pgTable(
  'solvency_checks',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    vault: text('vault').notNull(),
    token: text('token').notNull(),
    blockNumber: bigint('block_number', { mode: 'number' }).notNull(),
    vaultInWei: uint256('vault_in_wei').notNull(),
    owedInWei: uint256('owed_in_wei').notNull(),
    checkedAt: at('checked_at').notNull(),
    /** What summing the balances cost: a big ledger is summed less often. */
    tookMs: integer('took_ms').notNull(),
  },
  (t) => [primaryKey({ columns: [t.chainId, t.vault, t.token] })],
)

/**
 * What the stored events of a vault say that it holds of a token: kept in step with `chain_logs`, so that no run has to sum
 * them. The other half is what it held when somebody looked last. Sums of amounts of any size, so they have no precision.
 */
export const vaultCoins = pgTable(
  'vault_coins',
  {
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    vault: text('vault').notNull(),
    contract: text('contract').notNull(),
    depositedInWei: numeric('deposited_in_wei').notNull().default('0'),
    paidInWei: numeric('paid_in_wei').notNull().default('0'),
    /** The newest block at which every coin was explained; null where there was none yet, or that is in doubt. */
    agreedBlock: bigint('agreed_block', { mode: 'number' }),
    /** When it was looked at last: at that block it held so much more than is explained, or less. */
    checkedBlock: bigint('checked_block', { mode: 'number' }),
    unexplainedInWei: numeric('unexplained_in_wei'),
    checkedAt: at('checked_at'),
  },
  (t) => [
    primaryKey({ columns: [t.chainId, t.vault, t.contract] }),
    check(
      'vault_coins_not_negative',
      sql`${t.depositedInWei} >= 0 and ${t.depositedInWei} < 'Infinity' and ${t.paidInWei} >= 0 and ${t.paidInWei} < 'Infinity'`,
    ),
    check(
      'vault_coins_looked_at_whole',
      sql`num_nulls(${t.checkedBlock}, ${t.unexplainedInWei}, ${t.checkedAt}) in (0, 3)`,
    ),
  ],
)

/** Coins that came to a vault without a deposit, or (negative) left it without an event, as a person explained them. Append-only. */
export const coinExplanations = pgTable(
  'coin_explanations',
  {
    id: uuid('id').primaryKey(),
    chainId: bigint('chain_id', { mode: 'number' }).notNull(),
    vault: text('vault').notNull(),
    contract: text('contract').notNull(),
    amountInWei: uint256('amount_in_wei').notNull(),
    /** Who recorded it: the name that was given, and the database's login. */
    recordedBy: text('recorded_by').notNull(),
    why: text('why').notNull(),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    index('coin_explanations_by_coin').on(t.chainId, t.vault, t.contract),
    check('coin_explanations_amount_is_one', sql`${t.amountInWei} <> 0 and ${t.amountInWei} < 'NaN'`),
    check('coin_explanations_have_a_reason', sql`${t.recordedBy} <> '' and ${t.why} <> ''`),
  ],
)

/** One for each run of settle. The newest is remembered outside Postgres: a database that was set back does not have it. */
export const ledgerMarks = pgTable('ledger_marks', { id: uuid('id').primaryKey() })

/** Each time the database was found to have been set back. While one is not reconciled, signing cannot be resumed. */
export const restores = pgTable(
  'restores',
  {
    id: uuid('id').primaryKey(),
    noticedAt: at('noticed_at').notNull(),
    /** What was remembered and is not here: marks of runs, withdrawals, and signatures of withdrawals that are here. */
    lost: uuid('lost').array().notNull(),
    /** Whose signatures were given out until then: no vault may have any of them as its signer when signing goes on. */
    signers: text('signers').array().notNull(),
    reconciledAt: at('reconciled_at'),
    reconciledBy: text('reconciled_by'),
    reconciledWhy: text('reconciled_why'),
    signerAfter: text('signer_after'),
  },
  (t) => [
    check('restores_lost_something', sql`cardinality(${t.lost}) > 0`),
    check('restores_know_who_signed', sql`cardinality(${t.signers}) > 0`),
    check(
      'restores_reconciled_whole',
      sql`num_nulls(${t.reconciledAt}, ${t.reconciledBy}, ${t.reconciledWhy}, ${t.signerAfter}) in (0, 4)`,
    ),
  ],
)

/** The next login nonce of an account; no row means 0, so asking for a nonce writes nothing. */
export const loginNonces = pgTable('login_nonces', {
  account: text('account').primaryKey(),
  nextNonce: bigint('next_nonce', { mode: 'number' }).notNull(),
  lastLoginAt: at('last_login_at').notNull().defaultNow(),
})

/**
 * Accounts that signed out everywhere, for ever: a token of an older generation opens nothing. Tokens without one (another
 * issuer's) are judged by `valid_from`: unix seconds, and what was issued up to it opens nothing.
 */
export const sessionCutoffs = pgTable(
  'session_cutoffs',
  {
    account: ledgerAccount('account').primaryKey(),
    generation: integer('generation').notNull(),
    validFrom: bigint('valid_from', { mode: 'number' }).notNull(),
    changedAt: at('changed_at').notNull(),
  },
  (t) => [check('session_cutoffs_generation_positive', sql`${t.generation} > 0`)],
)

/** Single sessions that were signed out, until their tokens end by themselves. */
export const endedSessions = pgTable(
  'ended_sessions',
  {
    /** SHA-256 of what the token's signature signs: the rest of a token can be spelt in several ways. */
    id: bytea('id').primaryKey(),
    account: ledgerAccount('account').notNull(),
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [
    index('ended_sessions_by_expiry').on(t.expiresAt),
    check('ended_sessions_id_is_sha256', sql`length(${t.id}) = 32`),
  ],
)

/** User API keys: only the SHA-256 is kept. */
export const apiKeys = pgTable(
  'api_keys',
  {
    id: uuid('id').primaryKey(),
    account: text('account').notNull(),
    label: text('label'),
    keyHash: bytea('key_hash').notNull(),
    createdAt: at('created_at').notNull(),
    revokedAt: at('revoked_at'),
  },
  (t) => [
    uniqueIndex('api_keys_by_hash').on(t.keyHash),
    index('api_keys_live_by_account')
      .on(t.account, t.id.desc())
      .where(sql`${t.revokedAt} is null`),
    check('api_keys_hash_is_sha256', sql`length(${t.keyHash}) = 32`),
    check('api_keys_label_short', sql`length(${t.label}) <= 100`),
  ],
)

export const subaccounts = pgTable(
  'subaccounts',
  {
    subaccount: text('subaccount').primaryKey(),
    mainAccount: text('main_account').notNull(),
    createdAt: at('created_at').notNull(),
  },
  (t) => [
    index('subaccounts_by_main').on(t.mainAccount, t.createdAt),
    check('subaccounts_not_of_itself', sql`${t.subaccount} <> ${t.mainAccount}`),
  ],
)

/** Delegated keys. A revoked row stays for the record. */
export const agentWallets = pgTable(
  'agent_wallets',
  {
    id: uuid('id').primaryKey(),
    account: text('account').notNull(),
    agentWallet: text('agent_wallet').notNull(),
    boundAt: at('bound_at').notNull(),
    revokedAt: at('revoked_at'),
  },
  (t) => [
    uniqueIndex('agent_wallets_one_account_a_key')
      .on(t.agentWallet)
      .where(sql`${t.revokedAt} is null`),
    index('agent_wallets_by_account')
      .on(t.account, t.id.desc())
      .where(sql`${t.revokedAt} is null`),
    check('agent_wallets_not_itself', sql`${t.agentWallet} <> ${t.account}`),
  ],
)

/** Signed messages that were carried out: the same message never counts twice while it could still be valid. */
export const signedMessages = pgTable(
  'signed_messages',
  {
    digest: bytea('digest').primaryKey(),
    account: text('account').notNull(),
    transferId: uuid('transfer_id'),
    /** After this the message itself is refused as expired, so the row may be pruned a day later. */
    expiresAt: at('expires_at').notNull(),
  },
  (t) => [
    index('signed_messages_by_expiry').on(t.expiresAt),
    check('signed_messages_digest_is_sha256', sql`length(${t.digest}) = 32`),
  ],
)

/** Accounts whose stream has subscribers, until then: their movements are pushed. */
export const streamListeners = pgTable('stream_listeners', {
  account: text('account').primaryKey(),
  listensUntil: at('listens_until').notNull(),
})
