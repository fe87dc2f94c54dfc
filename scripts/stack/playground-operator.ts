/** What an operator looks at, read as the owner of the local database: no deployed function may read that much. */
import pg from 'pg'
import type { Manifest } from './manifest.ts'

/** Everything the operator's tab shows; amounts are decimal text of whole tokens, times unix seconds. */
export interface OperatorView {
  paused: string | null
  solvency: { token: string; vault: string; owed: string; block: number; checked_at: number }[]
  open: { id: string; account: string; token: string; amount: string; status: string; requested_at: number }[]
  alerts: { kind: string; times_seen: number; last_seen_at: number; detail: Record<string, unknown> }[]
  runs: { finished_at: number; summary: Record<string, unknown> }[]
}

const SOLVENCY = `
  select distinct on (c.token) c.token, trim_scale(c.vault_in_wei / power(10::numeric, t.decimals))::text as vault,
    trim_scale(c.owed_in_wei / power(10::numeric, t.decimals))::text as owed, c.block_number::int as block,
    extract(epoch from c.checked_at)::int as checked_at
  from solvency_checks c join tokens t on t.symbol = c.token order by c.token, c.checked_at desc`
const OPEN = `
  select id, account, token, trim_scale(amount)::text as amount, status, extract(epoch from requested_at)::int as requested_at
  from spot_withdrawals where status in ('reserved', 'signed') order by requested_at limit 50`
const ALERTS = `
  select kind, times_seen, extract(epoch from last_seen_at)::int as last_seen_at, detail
  from alerts where resolved_at is null order by created_at limit 50`
const RUNS = `
  select extract(epoch from finished_at)::int as finished_at, summary from settle_runs order by id desc limit 8`
const PAUSED = `
  select detail->>'reason' as reason from alerts where key = 'withdrawals_paused' and resolved_at is null`
const ENGAGED = `select engaged from switches where name = 'withdrawals_paused'`
const NEWEST_RUN = `select id, summary from settle_runs order by id desc limit 1`

type Query = <Row>(text: string, params?: unknown[]) => Promise<Row[]>

async function withOwner<T>({ databaseUrl }: Manifest, work: (query: Query) => Promise<T>): Promise<T> {
  const client = new pg.Client({ connectionString: databaseUrl })
  client.on('error', () => undefined)
  await client.connect()
  try {
    return await work(async (text, params = []) => (await client.query(text, params)).rows as never)
  } finally {
    await client.end()
  }
}

export const operatorView = async (manifest: Manifest): Promise<OperatorView> =>
  await withOwner(manifest, async (query) => {
    const [switched] = await query<{ engaged: boolean }>(ENGAGED)
    const [why] = await query<{ reason: string }>(PAUSED)
    return {
      paused: switched?.engaged ? (why?.reason ?? 'no reason is known') : null,
      solvency: await query(SOLVENCY),
      open: await query(OPEN),
      alerts: await query(ALERTS),
      runs: await query(RUNS),
    }
  })

/** One run of the cron function. @throws Error when it ended without a summary: the log of the functions has the rest */
export const settleRun = async (manifest: Manifest): Promise<Record<string, unknown>> =>
  await withOwner(manifest, async (query) => {
    const [before] = await query<{ id: string }>(NEWEST_RUN)
    const { ok } = await fetch(manifest.settleUrl)
    const [after] = await query<{ id: string; summary: Record<string, unknown> }>(NEWEST_RUN)
    if (!ok || after === undefined || after.id === before?.id)
      throw new Error('settle failed: .local/functions.log has the rest')
    return after.summary
  })

/** `{paused: true, why}` stops the signing of withdrawals, `{paused: false, why}` lets it go on. */
export async function pauseSwitch(
  manifest: Manifest,
  { paused, why }: Record<string, unknown>,
): Promise<OperatorView> {
  if (typeof paused !== 'boolean' || typeof why !== 'string' || why.trim() === '')
    throw new Error('say whether withdrawals are paused, and why')
  await withOwner(manifest, async (query) => {
    if (paused) await query('select ledger.pause_withdrawals($1)', [`operator: ${why.trim()}`])
    else await query('select ledger.resume_withdrawals($1)', [why.trim()])
  })
  return await operatorView(manifest)
}
