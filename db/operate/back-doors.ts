import pg from 'pg'
import { verifiedConnection } from './connection.ts'

/** Functions of Postgres itself that every login may still call because this owner may not take them away. */
export async function openBackDoors(ownerUrl: string): Promise<string[]> {
  const client = new pg.Client({ connectionString: verifiedConnection(ownerUrl) })
  await client.connect()
  try {
    const { rows } = await client.query<{ door: string }>('select door from ledger.open_back_doors()')
    return rows.map(({ door }) => door)
  } finally {
    await client.end()
  }
}
