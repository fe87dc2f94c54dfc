/** Reads of tables by Drizzle's query builder, for statements that are composed. */
import { drizzle, type NeonHttpDatabase } from 'drizzle-orm/neon-http'
import { run, type Client, type Database } from './client.ts'

/** Of the clients that live as long as the isolate; one that carries a session lives as long as its call. */
const builders = new WeakMap<Client, NeonHttpDatabase>()

/** Runs one built read, timed, with its error sorted. */
export async function readTables<T>(
  db: Database,
  statement: (query: NeonHttpDatabase) => PromiseLike<T>,
): Promise<T> {
  return await run(db, (client) => {
    const builder = builders.get(client) ?? drizzle(client)
    builders.set(client, builder)
    return statement(builder)
  })
}
