import { randomBytes } from 'node:crypto'
import pg from 'pg'
import type { Manifest } from '../../scripts/stack/manifest.ts'

export interface OwnDatabase {
  /** A connection string of the shared stack's, in this database. */
  inside(url: string): string
  drop(): Promise<void>
}

/** A new database beside the shared stack's, on the same server. */
export async function ownDatabase(
  manifest: Manifest,
  migrate: (ownerUrl: string) => Promise<unknown>,
): Promise<OwnDatabase> {
  const name = `own_${randomBytes(6).toString('hex')}`
  const inside = (url: string) => Object.assign(new URL(url), { pathname: `/${name}` }).toString()
  const client = new pg.Client({ connectionString: manifest.databaseUrl })
  await client.connect()
  await client.query(`create database ${name}`)
  // Roles belong to the cluster: two files that migrate at once would change the same ones.
  await client.query(`select pg_advisory_lock(hashtext('own database'))`)
  try {
    await migrate(inside(manifest.databaseUrl))
  } finally {
    await client.query(`select pg_advisory_unlock(hashtext('own database'))`)
  }
  return {
    inside,
    drop: async () => {
      await client.query(`drop database ${name} with (force)`)
      await client.end()
    },
  }
}
