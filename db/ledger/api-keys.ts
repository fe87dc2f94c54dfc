import { and, eq, isNull, sql } from 'drizzle-orm'
import { run, type Database } from '../client.ts'
import { apiKeys } from '../schema.ts'

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
