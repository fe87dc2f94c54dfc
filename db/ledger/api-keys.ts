import { and, desc, eq, isNull, sql } from 'drizzle-orm'
import { callVerb, run, type Database } from '../client.ts'
import { apiKeys } from '../schema.ts'

/** A live user API key, without what would open anything. */
export interface ApiKeyRow {
  id: string
  label: string | null
  /** Unix seconds. */
  created_at: number
}

/** The account of a live user API key, by the key's SHA-256 (hex). */
export async function accountOfApiKey(db: Database, keyHash: string): Promise<string | undefined> {
  const rows = await run(db, (query) =>
    query
      .select({ account: apiKeys.account })
      .from(apiKeys)
      .where(and(eq(apiKeys.keyHash, sql`decode(${keyHash}, 'hex')`), isNull(apiKeys.revokedAt))),
  )
  return rows[0]?.account
}

/** The account's live keys, newest first. */
export async function listApiKeys(db: Database, account: string): Promise<ApiKeyRow[]> {
  return await run(db, (query) =>
    query
      .select({
        id: apiKeys.id,
        label: apiKeys.label,
        created_at: sql<number>`floor(extract(epoch from ${apiKeys.createdAt}))::float8`,
      })
      .from(apiKeys)
      .where(and(eq(apiKeys.account, account), isNull(apiKeys.revokedAt)))
      .orderBy(desc(apiKeys.id)),
  )
}

/**
 * Stores a new key by its SHA-256 (hex).
 * @throws LedgerRefusal limit_reached: the account has `liveMax` live keys and got no other.
 */
export async function createApiKey(
  db: Database,
  account: string,
  label: string | undefined,
  keyHash: string,
  liveMax: number,
): Promise<ApiKeyRow> {
  return await callVerb(
    db,
    sql`select ledger.create_api_key(${account}, ${label ?? null}, decode(${keyHash}, 'hex'), ${liveMax}) as result`,
  )
}

/** @throws LedgerRefusal not_found: no live key of this account has the id. */
export async function revokeApiKey(
  db: Database,
  account: string,
  id: string,
): Promise<{ id: string; revoked_at: number }> {
  return await callVerb(db, sql`select ledger.revoke_api_key(${account}, ${id}::uuid) as result`)
}
