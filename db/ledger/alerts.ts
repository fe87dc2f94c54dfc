import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'

/** An open alert, as the webhook is told. Times are unix seconds. */
export interface Alert {
  id: string
  /** One open alert a key. */
  key: string
  kind: string
  detail: Record<string, unknown>
  created_at: number
  last_seen_at: number
  times_seen: number
}

/** Opens an alert, or counts one that is open. */
export async function raiseAlert(db: Database, kind: string, detail: object, key = kind): Promise<void> {
  await callVerb(
    db,
    sql`select ledger.raise_alert(${key}, ${kind}, ${JSON.stringify(detail)}::jsonb) as result`,
  )
}

/** Remembers that these were told, so that they are not told again at once. */
export async function alertsNotified(db: Database, ids: string[]): Promise<void> {
  const list = `{${ids.join(',')}}`
  await callVerb(db, sql`select ledger.alerts_notified(${list}::uuid[]) as result`)
}
