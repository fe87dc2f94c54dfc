/** `npm run alerts`: open alerts and quarantined logs, and what a person decides about them. */
import { parseArgs } from 'node:util'
import { asOwner, command } from './stack/owner.ts'

const USAGE = `usage: npm run alerts                                            open alerts and quarantined logs
       npm run alerts -- resolve <alert id> --why "…"
       npm run alerts -- retry <tx hash> <log index> --why "…"        process a quarantined log again
       npm run alerts -- resolve-log <tx hash> <log index> --why "…"  it was dealt with by hand
       npm run alerts -- void <withdrawal id> --why "…"               give back what can never be paid: its nonce was used
       npm run alerts -- rescan <from block> --why "…"                read the vault's logs again from there`

type Query = Parameters<Parameters<typeof asOwner>[0]>[0]

async function list(query: Query): Promise<void> {
  const alerts = await query<Record<string, unknown>>(
    `select id, kind, times_seen, to_char(last_seen_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as seen, detail
     from alerts where resolved_at is null order by created_at`,
  )
  const logs = await query<Record<string, unknown>>(
    `select tx_hash, log_index, event, account, block_number, reason from chain_logs where status = 'quarantined' order by block_number, log_index`,
  )
  for (const row of alerts)
    console.log(
      `alert ${String(row.id)}  ${String(row.kind)}  ×${String(row.times_seen)}, last ${String(row.seen)} UTC\n  ${JSON.stringify(row.detail)}`,
    )
  for (const row of logs)
    console.log(
      `quarantined ${String(row.tx_hash)} ${String(row.log_index)}  ${String(row.event)} of ${String(row.account)} in block ${String(row.block_number)}: ${String(row.reason)}`,
    )
  console.log(`${alerts.length} open alerts, ${logs.length} quarantined logs`)
}

async function decide(
  query: Query,
  [verb, first, second]: string[],
  why: string,
): Promise<string | undefined> {
  if (verb === 'resolve' && first) {
    const [row] = await query<{ done: boolean }>('select ledger.resolve_alert($1, $2) as done', [first, why])
    return row?.done ? 'resolved' : undefined
  }
  if ((verb === 'retry' || verb === 'resolve-log') && first && second) {
    const rows = await query<{ done: boolean }>(
      `select ledger.resolve_log(chain_id, tx_hash, log_index, $3, $4) as done from chain_logs
       where tx_hash = lower($1) and log_index = $2`,
      [first, Number(second), verb === 'retry', why],
    )
    return rows.some((row) => row.done)
      ? verb === 'retry'
        ? 'the next run processes it'
        : 'resolved'
      : undefined
  }
  if (verb === 'void' && first) {
    const [row] = await query<{ result: { voided: boolean; reason: string } }>(
      'select ledger.void_withdrawal($1, $2) as result',
      [first, why],
    )
    if (!row?.result.voided) throw new Error(`not voided: ${row?.result.reason}`)
    return row.result.reason
  }
  if (verb === 'rescan' && /^\d+$/.test(first ?? '')) {
    await query('select ledger.request_rescan(chain_id, vault, $1) from chain_cursors', [first])
    return 'the next runs read those blocks again'
  }
  throw new Error(USAGE)
}

await command(async () => {
  const { values, positionals } = parseArgs({ options: { why: { type: 'string' } }, allowPositionals: true })
  await asOwner(async (query) => {
    if (positionals.length === 0) {
      await list(query)
      return
    }
    if (!values.why?.trim()) throw new Error(USAGE)
    const done = await decide(query, positionals, values.why.trim())
    if (done === undefined) throw new Error('there is no such open alert or quarantined log')
    console.log(done)
  })
})
