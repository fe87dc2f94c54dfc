/** What a person has to look at, as `npm run alerts` prints it. */
import type { Query } from './decide.ts'

export async function list(query: Query): Promise<void> {
  const alerts = await query<Record<string, unknown>>(
    `select id, kind, times_seen, to_char(last_seen_at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS') as seen, detail
     from alerts where resolved_at is null order by created_at`,
  )
  const logs = await query<Record<string, unknown>>(
    `select tx_hash, ledger.log_name(content_hash, ordinal) as log, event, account, block_number, reason
     from chain_logs where status = 'quarantined' order by block_number, tx_hash, content_hash, ordinal`,
  )
  const debts = await query<Record<string, unknown>>(
    `select id, account, trim_scale(amount)::text as amount, token, tx_hash,
       coalesce('withdrawal ' || withdrawal_id || ' after it was given back', 'what the ledger has no signature for') as of from debts where settled_at is null order by id`,
  )
  const deposits = await query<Record<string, unknown>>(
    `select id, account, contract, amount_in_wei::text as wei, tx_hash from deposits
     where status = 'unsupported' and returned_at is null order by id`,
  )
  for (const row of alerts)
    console.log(
      `alert ${String(row.id)}  ${String(row.kind)}  ×${String(row.times_seen)}, last ${String(row.seen)} UTC\n  ${JSON.stringify(row.detail)}`,
    )
  for (const row of logs)
    console.log(
      `quarantined ${String(row.tx_hash)} ${String(row.log)}  ${String(row.event)} of ${String(row.account)} in block ${String(row.block_number)}: ${String(row.reason)}`,
    )
  for (const row of debts)
    console.log(
      `debt ${String(row.id)}  ${String(row.account)} owes ${String(row.amount)} ${String(row.token)}: ${String(row.tx_hash)} paid ${String(row.of)}`,
    )
  for (const row of deposits)
    console.log(
      `deposit ${String(row.id)}  of ${String(row.account)} is not credited: ${String(row.wei)} of ${String(row.contract)} in ${String(row.tx_hash)}`,
    )
  console.log(
    `${alerts.length} open alerts, ${logs.length} quarantined logs, ${debts.length} debts, ${deposits.length} deposits not credited`,
  )
}
