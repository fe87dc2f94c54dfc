import pg from 'pg'
import { invariants } from '../../scripts/stack/invariants.ts'

/** One query for all: its rows are the names of the broken invariants, in one snapshot. */
const text = () =>
  invariants()
    .map(({ name, query }) => {
      return `select '${name.replaceAll("'", "''")}' as name from (${query}) v having count(*) > 0`
    })
    .join(' union all ')

/** Names of what is wrong with this ledger as a whole. For tests that ask after every step. */
export function invariantsOf(ownerUrl: string): () => Promise<string[]> {
  // One connection, kept: planning the query takes far longer than running it.
  const owner = new pg.Pool({
    connectionString: ownerUrl,
    options: '-c jit=off',
    max: 1,
    idleTimeoutMillis: 60_000,
    allowExitOnIdle: true,
  })
  // The server may be stopped, and the database dropped, before the last goodbye.
  owner.on('error', () => undefined)
  const query = { name: 'broken invariants', text: text() }
  return async () => (await owner.query<{ name: string }>(query)).rows.map(({ name }) => name)
}
