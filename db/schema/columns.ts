/**
 * Columns that several tables have. Units: `amount` and the amounts' domains are whole tokens with 18 decimals (never wei,
 * never floats); `uint256` and `weiPositive` the token's smallest unit; `at` is a timestamp with time zone.
 */
import { customType, integer, numeric, pgSchema, timestamp } from 'drizzle-orm/pg-core'

export const bytea = customType<{ data: Uint8Array }>({ dataType: () => 'bytea' })
export const amount = (name: string) => numeric(name, { precision: 38, scale: 18 })
export const uint256 = (name: string) => numeric(name, { precision: 78, scale: 0 })
export const at = (name: string) => timestamp(name, { withTimezone: true, mode: 'string' })
/**
 * What names an event of the chain beside its chain and transaction: the hash of what it says (address, topics, data), and
 * the how-manieth with this content it is in the transaction, from 0. `log_index` is where one node counted it: for people.
 */
export const ordinal = () => integer('ordinal')
export const contentHash = () => bytea('content_hash')

/**
 * Rules of one value are domains (their checks stand in db/migrations/0000_domains.sql): Postgres reads a table's CHECK
 * constraints anew with every statement, and a domain's once a connection. Rules between columns stay checks.
 */
const domain = (name: string) => customType<{ data: string }>({ dataType: () => name })
/** An EVM address in lower case or a Solana address; what the edge stores after checking. */
export const ledgerAccount = domain('ledger_account')
/** An EVM address in lower case. */
export const evmAddress = domain('evm_address')
/** `s` spot, `p` perp. */
export const balanceWallet = domain('balance_wallet')
/**
 * Where a movement takes from or gives to: `s` spot and `p` perp, both of what is available; `h` what is held (frozen) in spot;
 * or of the exchange: `i` issuance, `v` vault, `f` fees.
 */
export const side = domain('movement_side')
/** Never NaN, which Postgres sorts above every number: "NaN >= 0" is true. */
export const amountNotNegative = domain('amount_not_negative')
export const amountPositive = domain('amount_positive')
export const weiPositive = domain('wei_positive')

/** Rows that movements write: numbers in the place of addresses and symbols. Views show them as text (db/ledger/views.sql). */
export const ledger = pgSchema('ledger')
