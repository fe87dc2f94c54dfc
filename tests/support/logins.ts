/** The functions' own logins, straight to Postgres past the proxy: what somebody could do who stole a connection string. */
import pg from 'pg'
import { afterAll, beforeAll } from 'vitest'
import { EDGE_ROLES, type EdgeRole } from '../../scripts/stack/database.ts'
import type { Manifest } from '../../scripts/stack/manifest.ts'

/** A connection as this login. Its caller ends it. */
export async function loginAs(manifest: Manifest, role: EdgeRole): Promise<pg.Client> {
  const urlOf: Record<EdgeRole, string> = {
    tidegate_edge: manifest.edgeDatabaseUrl,
    tidegate_admin: manifest.adminDatabaseUrl,
    tidegate_settle: manifest.settleDatabaseUrl,
  }
  const url = new URL(urlOf[role])
  url.port = new URL(manifest.databaseUrl).port
  const client = new pg.Client({ connectionString: url.toString() })
  await client.connect()
  return client
}

/** `done`, or the SQLSTATE of the refusal. */
export const outcomeOf = async (client: pg.Client, text: string): Promise<string> =>
  await client.query(text).then(
    () => 'done',
    (error: { code?: string }) => error.code ?? 'an error without a code',
  )

/** One connection of each login, for the tests of a file. */
export function everyLogin(manifest: Manifest): Record<EdgeRole, pg.Client> {
  const logins = {} as Record<EdgeRole, pg.Client>
  beforeAll(async () => {
    for (const role of EDGE_ROLES) logins[role] = await loginAs(manifest, role)
  })
  afterAll(async () => {
    for (const role of EDGE_ROLES) await logins[role].end()
  })
  return logins
}
