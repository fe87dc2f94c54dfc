/**
 * Every table of the ledger, in chapters. The functions' logins may read what their jobs need and write none: all writes go
 * through the verbs in `db/ledger/` (SECURITY DEFINER functions owned by the migration role).
 *
 * Units: `amount`, `available`, `frozen` are whole tokens with 18 decimals (never wei, never floats); `*_in_wei` is the
 * token's smallest unit; `deadline` is unix seconds; `*_at` is a timestamp with time zone.
 */
export * from './schema/money.ts'
export * from './schema/withdrawals.ts'
export * from './schema/chain.ts'
export * from './schema/coins.ts'
export * from './schema/people.ts'
export * from './schema/operation.ts'
