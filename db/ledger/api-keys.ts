import { sql } from 'drizzle-orm'
import { callVerb, execute, type Database } from '../client.ts'

/** A live user API key, without what would open anything. */
export interface ApiKeyRow {
  id: string
  label: string | null
  /** Unix seconds. */
  created_at: number
}

/** The account of a live user API key, by the key's SHA-256 (hex). */
export async function accountOfApiKey(db: Database, keyHash: string): Promise<string | undefined> {
  const account = await callVerb<string | null>(
    db,
    sql`select ledger.account_of_api_key(decode(${keyHash}, 'hex')) as result`,
  )
  return account ?? undefined
}

/** The account's live keys, newest first. */
export async function listApiKeys(db: Database, account: string): Promise<ApiKeyRow[]> {
  return await execute(
    db,
    sql`select id, label, floor(extract(epoch from created_at))::float8 as created_at
      from public.api_keys where account = ${account} and revoked_at is null order by id desc`,
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
