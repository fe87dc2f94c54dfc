/**
 * Money: who has how much of what, and every movement of it. Rows that movements write carry numbers in the place of
 * addresses and symbols, and stand in the schema `ledger`; views show them as text (db/ledger/views.sql).
 *
 * What is hot leads with the family, by which `npm run migrate -- --distribute` spreads it over a cluster.
 */
import { sql } from 'drizzle-orm'
import {
  bigint,
  boolean,
  check,
  index,
  jsonb,
  pgTable,
  primaryKey,
  smallint,
  text,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core'
import {
  amount,
  amountNotNegative,
  amountPositive,
  at,
  balanceWallet,
  ledger,
  ledgerAccount,
  side,
} from './columns.ts'

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
