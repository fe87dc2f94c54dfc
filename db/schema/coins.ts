/** What a vault holds, against what the ledger owes and what the stored events say. */
import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, numeric, pgTable, primaryKey, text, uuid } from 'drizzle-orm/pg-core'
import { at, uint256 } from './columns.ts'

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
