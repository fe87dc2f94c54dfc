import { join } from 'node:path'
import { migrateDatabase } from '../../db/operate/migrate.ts'
import { startPostgres } from '../../scripts/stack/postgres.ts'
import { DATABASE } from '../../scripts/stack/stack-env.ts'

/** Data of a Postgres with the migrated database, from which each stack of a run begins. Answers with its folder. */
export async function seedIn(folder: string): Promise<string> {
  const postgres = await startPostgres({ dataDir: join(folder, 'seed'), fleeting: true })
  try {
    await postgres.createDatabase(DATABASE)
    await migrateDatabase(postgres.ownerUrl(DATABASE))
  } finally {
    await postgres.stop()
  }
  return postgres.dataDir
}
