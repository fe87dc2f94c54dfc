import type pg from 'pg'
import type { Database } from '../../db/client.ts'
import { readHistory, type HistoryFilter } from '../../db/ledger/history.ts'

/** Prints what Postgres does for a page: an index scan a partition, none of it longer than the page. */
export async function explain(
  owner: pg.Client,
  db: Database,
  account: string,
  filters: HistoryFilter[],
): Promise<void> {
  const statements: { sql: string; params: unknown[] }[] = []
  const query = async (sql: string, params: unknown[]) => {
    statements.push({ sql, params })
    return { rows: [] }
  }
  const listening = { ...db, client: { query } as unknown as Database['client'] }
  for (const filter of filters) await readHistory(listening, account, filter)
  for (const { sql, params } of statements) {
    const { rows } = await owner.query<{ 'QUERY PLAN': string }>(
      `explain (analyze, costs off, timing off) ${sql}`,
      params,
    )
    console.error(rows.map((row) => row['QUERY PLAN']).join('\n'), '\n')
  }
}
