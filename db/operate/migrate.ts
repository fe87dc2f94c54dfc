/**
 * Brings a database up to date as its owner: the numbered migrations (structure), then the verbs of `db/ledger/*.sql`, then
 * the next months' partitions. Two at once run one after the other.
 */
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { drizzle, type NodePgDatabase } from 'drizzle-orm/node-postgres'
import { migrate } from 'drizzle-orm/node-postgres/migrator'
import pg from 'pg'
import { MIGRATION_LOCK_TIMEOUT_MS, MIGRATION_TRIES_MAX } from '../limits.ts'
import { verifiedConnection } from './connection.ts'

export const MIGRATIONS = join(import.meta.dirname, '../migrations')
export const VERBS = join(import.meta.dirname, '../ledger')

/** Held by whoever changes the structure. */
export const MIGRATION_LOCK = 7_331_001

/** What a call did. Nothing in either list: the database was up to date. */
export interface Migrated {
  /** Tags of the numbered migrations that were applied now. */
  migrations: string[]
  /** Files of verbs whose text differs from what was applied last. */
  verbs: string[]
}

export interface Sources {
  migrations: string
  verbs: string
}

/** @throws Error with one line for a person; a migration or the verbs that failed have changed nothing */
export async function migrateDatabase(
  databaseUrl: string,
  sources: Partial<Sources> = {},
): Promise<Migrated> {
  const { migrations = MIGRATIONS, verbs = VERBS } = sources
  const client = new pg.Client({ connectionString: verifiedConnection(databaseUrl) })
  await client.connect()
  try {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    const db = drizzle(client)
    const applied = await missingMigrations(db, migrations)
    // Not before: whoever migrates at the same time is waited for as long as it takes.
    await client.query(`set lock_timeout = ${MIGRATION_LOCK_TIMEOUT_MS}`)
    await givingWay(async () => await migrate(db, { migrationsFolder: migrations }))
    const changed = await givingWay(async () => await applyVerbs(db, verbs))
    await givingWay(async () => await db.execute(sql`select ledger.ensure_partitions()`))
    return { migrations: applied, verbs: changed }
  } finally {
    await client.end()
  }
}

/** A change that did not get its locks has changed nothing: those who waited behind it go first, then it asks again. */
async function givingWay<T>(change: () => Promise<T>): Promise<T> {
  for (let attempt = 1; ; attempt += 1)
    try {
      return await change()
    } catch (error) {
      if (attempt === MIGRATION_TRIES_MAX || !isLockTimeout(error)) throw error
    }
}

/** Drizzle and we wrap what Postgres said. */
function isLockTimeout(error: unknown): boolean {
  for (let one = error; one instanceof Error; one = one.cause)
    if ((one as { code?: string }).code === '55P03') return true
  return false
}

/** What `migrateDatabase` would do now. @throws Error with one line for a person, as it would */
export async function pendingMigrations(
  databaseUrl: string,
  sources: Partial<Sources> = {},
): Promise<Migrated> {
  const { migrations = MIGRATIONS, verbs = VERBS } = sources
  const client = new pg.Client({ connectionString: verifiedConnection(databaseUrl) })
  await client.connect()
  try {
    const db = drizzle(client)
    const known = (await exists(db, 'ledger.verb_files')) ? await appliedVerbs(db) : new Map<string, string>()
    return {
      migrations: await missingMigrations(db, migrations),
      verbs: changedVerbs(readVerbs(verbs), known),
    }
  } finally {
    await client.end()
  }
}

interface Journal {
  entries: { tag: string; when: number }[]
}

/** Tags of those that are not applied. @throws Error where one of them could never be */
async function missingMigrations(db: NodePgDatabase, folder: string): Promise<string[]> {
  const { entries } = JSON.parse(readFileSync(join(folder, 'meta/_journal.json'), 'utf8')) as Journal
  const hashes = readMigrationFiles({ migrationsFolder: folder }).map(({ hash }) => hash)
  const known = await appliedMigrations(db)
  const missing = entries.filter((_, index) => !known.hashes.has(hashes[index] ?? ''))
  // drizzle's migrator skips these without a word and calls the schema up to date.
  const late = missing.find(({ when }) => when <= known.newest)
  if (late)
    throw new Error(
      `migration ${late.tag} is older than one that was applied already, so it would be skipped: ` +
        'write it anew with `npm run db:generate`, as the newest',
    )
  return missing.map(({ tag }) => tag)
}

/** Hashes of the applied migrations, and the journal's time of the newest one. */
async function appliedMigrations(db: NodePgDatabase): Promise<{ hashes: Set<string>; newest: number }> {
  if (!(await exists(db, 'drizzle.__drizzle_migrations'))) return { hashes: new Set(), newest: -1 }
  const { rows } = await db.execute<{ hash: string; created_at: string }>(
    sql`select hash, created_at from drizzle.__drizzle_migrations`,
  )
  return {
    hashes: new Set(rows.map(({ hash }) => hash)),
    newest: Math.max(-1, ...rows.map((row) => Number(row.created_at))),
  }
}

interface VerbFile {
  name: string
  text: string
  hash: string
}

const readVerbs = (folder: string): VerbFile[] =>
  readdirSync(folder)
    .filter((name) => name.endsWith('.sql'))
    .sort()
    .map((name) => {
      const text = readFileSync(join(folder, name), 'utf8')
      return { name, text, hash: createHash('sha256').update(text).digest('hex') }
    })

/** File → hash of what was applied last. */
async function appliedVerbs(db: Pick<NodePgDatabase, 'execute'>): Promise<Map<string, string>> {
  const { rows } = await db.execute<{ name: string; hash: string }>(
    sql`select name, hash from ledger.verb_files`,
  )
  return new Map(rows.map(({ name, hash }) => [name, hash]))
}

const changedVerbs = (files: readonly VerbFile[], known: ReadonlyMap<string, string>): string[] =>
  files.filter(({ name, hash }) => known.get(name) !== hash).map(({ name }) => name)

/**
 * Verbs are repeatable: their files say what they are now, and one that changed is applied again. All files are applied
 * together, so that the rights on a verb are what the files say and nothing that an older text granted.
 */
async function applyVerbs(db: NodePgDatabase, folder: string): Promise<string[]> {
  const files = readVerbs(folder)
  return await db.transaction(async (tx) => {
    const known = await appliedVerbs(tx)
    const changed = changedVerbs(files, known)
    const gone = [...known.keys()].some((name) => !files.some((file) => file.name === name))
    if (changed.length > 0 || gone) await renewVerbs(tx, files)
    // A new function is everybody's to execute: also one that a numbered migration or a hand made, with no verb changed.
    await tx.execute(sql`revoke all on all routines in schema ledger from public`)
    await tx.execute(sql`alter default privileges revoke execute on routines from public`)
    return changed
  })
}

async function renewVerbs(tx: Pick<NodePgDatabase, 'execute'>, files: readonly VerbFile[]): Promise<void> {
  // A verb may call one of a file that comes later.
  await tx.execute(sql`set local check_function_bodies = off`)
  await tx.execute(sql`do $$ begin execute (
    select coalesce(string_agg(format('revoke all on routine %s from public, %s', p.oid::regprocedure, grantee.names), '; '), 'select 1')
    from pg_catalog.pg_proc p
    cross join lateral (select string_agg(quote_ident(r.rolname), ', ') as names from pg_catalog.pg_roles r
      where r.rolname like 'tidegate\\_%') grantee
    where p.pronamespace = 'ledger'::regnamespace); end $$`)
  for (const { name, text } of files)
    await tx.execute(sql.raw(text)).catch((error: unknown) => {
      throw new Error(`db/ledger/${name}: ${messageOf(error)}`, { cause: error })
    })
  await tx.execute(sql`delete from ledger.verb_files`)
  for (const { name, hash } of files)
    await tx.execute(sql`insert into ledger.verb_files (name, hash) values (${name}, ${hash})`)
}

async function exists(db: NodePgDatabase, table: string): Promise<boolean> {
  const { rows } = await db.execute<{ there: boolean }>(
    sql`select to_regclass(${table}) is not null as there`,
  )
  return rows[0]?.there === true
}

/** Drizzle repeats the whole statement in its message; Postgres's own words are in the cause. */
function messageOf(error: unknown): string {
  const cause = (error as Error).cause ?? error
  return String((cause as Error).message ?? cause)
}
