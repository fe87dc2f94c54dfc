import { sql } from 'drizzle-orm'
import { callVerb, type Database } from '../client.ts'

/** An open alert, as the webhook is told. Times are unix seconds. */
export interface Alert {
  id: string
  /** At most one alert per key is open. */
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

/** Remembers which alerts the webhook took, so that they are not told again at once, and which it did not: those are tried later. */
export async function alertsNotified(db: Database, told: string[], refused: string[]): Promise<void> {
  const list = (ids: string[]) => `{${ids.join(',')}}`
  await callVerb(
    db,
    sql`select ledger.note_alerts_told(${list(told)}::uuid[], ${list(refused)}::uuid[]) as result`,
  )
}
