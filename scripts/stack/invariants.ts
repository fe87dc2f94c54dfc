import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import pg from 'pg'
import { verifiedConnection } from '../../db/operate/connection.ts'

export interface InvariantResult {
  name: string
  violations: number
}

/** Each query of db/invariants.sql: its name is the comment above it, its rows are the violations. */
export function invariants(): { name: string; query: string }[] {
  const text = readFileSync(join(import.meta.dirname, '../../db/invariants.sql'), 'utf8')
  return [...text.matchAll(/^-- invariant: (.+)\n([^;]+);/gm)].map((match) => ({
    name: match[1] ?? '',
    query: match[2] ?? '',
  }))
}

/** Counts the violations of every invariant in one snapshot, so that money on the move cannot look lost. */
export async function checkInvariants(databaseUrl: string): Promise<InvariantResult[]> {
  const client = new pg.Client({ connectionString: verifiedConnection(databaseUrl) })
  // A server that goes away fails the query under way; unheard, this event would end the process beside it.
  client.on('error', () => {})
  await client.connect()
  try {
    await client.query('begin isolation level repeatable read read only')
    const results: InvariantResult[] = []
    for (const { name, query } of invariants()) {
      const { rows } = await client.query(`select count(*)::int as n from (${query}) violation`)
      results.push({ name, violations: (rows[0] as { n: number }).n })
    }
    return results
  } finally {
    await client.end()
  }
}
