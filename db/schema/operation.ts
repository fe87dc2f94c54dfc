/** What is kept for those who run the ledger. */
import { sql } from 'drizzle-orm'
import { boolean, check, integer, jsonb, pgTable, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core'
import { at } from './columns.ts'

/** Operator switches, of which there is one: `withdrawals_paused` engaged means that nothing is signed. */
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
