import pg from 'pg'
import { verifiedConnection } from '../../db/operate/connection.ts'
import { readManifest } from './manifest.ts'

/** The owner's statements, against `OWNER_DATABASE_URL` or, without it, the local stack. */
export async function asOwner<T>(
  work: (query: <Row>(text: string, params?: unknown[]) => Promise<Row[]>) => Promise<T>,
): Promise<T> {
  const connectionString = process.env.OWNER_DATABASE_URL ?? readManifest().databaseUrl
  const client = new pg.Client({ connectionString: verifiedConnection(connectionString) })
  await client.connect()
  try {
    return await work(async (text, params = []) => (await client.query(text, params)).rows as never)
  } finally {
    await client.end()
  }
}

/** Runs a command: a mistake is one line on stderr and exit 1. */
export async function command(work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    console.error((error as Error).message)
    process.exitCode = 1
  }
}
