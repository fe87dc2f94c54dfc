/** Who may act for an account, and what is remembered of those who signed in or signed a message. */
import { sql } from 'drizzle-orm'
import { bigint, check, index, integer, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at, bytea, ledgerAccount } from './columns.ts'

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
    /** By a person: it was made with a stolen login. It stays in its family, and moves nothing any more. */
    endedAt: at('ended_at'),
    endedWhy: text('ended_why'),
  },
  (t) => [
    check('subaccounts_ended_for_a_reason', sql`(${t.endedAt} is null) = (${t.endedWhy} is null)`),
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
