/** Sends committed alerts to a webhook. One that the receiver refuses is sent again later, and keeps no other waiting. */
import type { Database } from '../../../db/client.ts'
import { OwnError } from '../../../db/errors.ts'
import { alertsNotified, type Alert } from '../../../db/ledger/alerts.ts'
import { WEBHOOK_TIMEOUT_MS } from '../limits.ts'
import { logFailure } from '../log.ts'

/** POSTs each alert as a JSON body of its own. Never throws. */
export async function tellAlerts(db: Database, url: string | undefined, alerts: Alert[]): Promise<void> {
  if (!url || alerts.length === 0) return
  const results = await Promise.allSettled(alerts.map(async (alert) => await post(url, alert)))
  const ids = (status: 'fulfilled' | 'rejected') =>
    alerts.filter((_, at) => results[at]?.status === status).map(({ id }) => id)
  for (const result of results) if (result.status === 'rejected') logFailure('settle', result.reason)
  await alertsNotified(db, ids('fulfilled'), ids('rejected')).catch((error: unknown) =>
    logFailure('settle', error),
  )
}

/** POSTs an alert that Postgres could not be told of: nothing remembers it, so the next run tells it again. Never throws. */
export async function tellUnstored(url: string | undefined, kind: string, detail: object): Promise<void> {
  if (!url) return
  const at = Math.floor(Date.now() / 1000)
  const alert = { id: crypto.randomUUID(), key: kind, kind, detail: { ...detail }, times_seen: 1 }
  await post(url, { ...alert, created_at: at, last_seen_at: at }).catch((error: unknown) =>
    logFailure('settle', error),
  )
}

async function post(url: string, alert: Alert): Promise<void> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(alert),
    signal: AbortSignal.timeout(WEBHOOK_TIMEOUT_MS),
  })
  if (!response.ok) throw new OwnError(`the alert webhook answered ${response.status}`)
}
