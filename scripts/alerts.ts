/** `npm run alerts`: open alerts and quarantined logs, and what a person decides about them. */
import './stack/forget-shell.ts'
import { parseArgs } from 'node:util'
import { asOwner, command } from './stack/owner.ts'

const USAGE = `usage: npm run alerts                                            open alerts, quarantined logs, debts and deposits of unknown tokens
       npm run alerts -- resolve <alert id> --why "…"
       npm run alerts -- retry <tx hash> [<log>] --why "…"        process a quarantined log again
       npm run alerts -- resolve-log <tx hash> [<log>] --why "…"  it was dealt with by hand
       npm run alerts -- void <withdrawal id> --why "…"           give back what can never be paid: its nonce was used
       npm run alerts -- accept-counter <account> <n> [<vault>] --why "…"
                                                                  its nonces below n are booked, or another system's
       npm run alerts -- rescan <from block> --why "…"            read the vault's logs again from there
       npm run alerts -- explain <token> <amount> [<vault>] --why "…" [--by "…"]
                                                                  so much came to the vault without a deposit
       npm run alerts -- write-off <token> <amount> [<vault>] --why "…" [--by "…"]
                                                                  so much is missing: it left without an event
       npm run alerts -- take-back …                              the same, where an explained surplus was a deposit after all
       npm run alerts -- settle-debt <debt id> --why "…"          what was paid on chain and given back has been made good
       npm run alerts -- returned <deposit id> --why "…"          an unsupported deposit was sent back: never credit it
A transaction with more than one quarantined log needs the log's name, as the list shows it.`

/** Whole tokens: as the alert says them. */
const AMOUNT = /^(0|[1-9]\d{0,19})(\.\d{1,18})?$/

type Query = Parameters<Parameters<typeof asOwner>[0]>[0]

async function list(query: Query): Promise<void> {
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
       coalesce('withdrawal ' || withdrawal_id || ' after it was given back', 'a withdrawal that was lost with a restore') as of from debts where settled_at is null order by id`,
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

interface Quarantined {
  chain_id: string
  tx_hash: string
  content_hash: Buffer
  ordinal: number
  log: string
}

/** The quarantined log of that name, or the only one of its transaction. */
async function quarantined(query: Query, txHash: string, log: string | undefined) {
  const rows = await query<Quarantined>(
    `select chain_id, tx_hash, content_hash, ordinal, ledger.log_name(content_hash, ordinal) as log
     from chain_logs where tx_hash = lower($1) and status = 'quarantined' order by content_hash, ordinal`,
    [txHash],
  )
  const named = log === undefined ? rows : rows.filter((row) => row.log === log.toLowerCase())
  if (named.length > 1)
    throw new Error(`that transaction has several: name one of\n${named.map((row) => row.log).join('\n')}`)
  return named[0]
}

/** The vault at which the account's counter is in doubt; where none is, the only one that settle knows. */
async function vaultOf(query: Query, account: string, named: string | undefined) {
  const vaults = await query<{ chain_id: string; vault: string }>(
    `with doubted as (select chain_id, vault from counter_doubts where account = lower($1) and cleared_at is null)
     select chain_id, vault from doubted
     union all select chain_id, vault from chain_cursors where not exists (select from doubted) or vault = lower($2)`,
    [account, named ?? ''],
  )
  const found = vaults.filter(({ vault }) => named === undefined || vault === named.toLowerCase())
  if (!found[0]) throw new Error('not accepted: settle has never run for such a vault')
  if (new Set(found.map(({ chain_id, vault }) => `${chain_id} ${vault}`)).size > 1)
    throw new Error(`name the vault: one of\n${found.map(({ vault }) => vault).join('\n')}`)
  return found[0]
}

async function decide(
  query: Query,
  [verb, first, second, third]: string[],
  why: string,
  by: string,
): Promise<string | undefined> {
  if (verb === 'resolve' && first) {
    const [row] = await query<{ done: boolean }>('select ledger.resolve_alert($1, $2) as done', [first, why])
    return row?.done ? 'resolved' : undefined
  }
  if (verb === 'settle-debt' && first) {
    const [row] = await query<{ done: boolean }>('select ledger.settle_debt($1, $2) as done', [first, why])
    return row?.done ? 'settled' : undefined
  }
  if (verb === 'returned' && first) {
    const [row] = await query<{ done: boolean }>('select ledger.return_deposit($1, $2) as done', [first, why])
    return row?.done ? 'returned, and never credited' : undefined
  }
  if ((verb === 'retry' || verb === 'resolve-log') && first) {
    const row = await quarantined(query, first, second)
    if (!row) return undefined
    await query('select ledger.resolve_log($1, $2, $3, $4, $5, $6)', [
      ...[row.chain_id, row.tx_hash, row.content_hash, row.ordinal],
      ...[verb === 'retry', why],
    ])
    return verb === 'retry' ? 'the next run processes it' : 'resolved'
  }
  if (verb === 'void' && first) {
    const [row] = await query<{ result: { voided: boolean; reason: string } }>(
      'select ledger.void_withdrawal($1, $2) as result',
      [first, why],
    )
    if (!row?.result.voided) throw new Error(`not voided: ${row?.result.reason}`)
    return row.result.reason
  }
  if (verb === 'accept-counter' && first && /^\d{1,15}$/.test(second ?? '')) {
    const { chain_id, vault } = await vaultOf(query, first, third)
    const [row] = await query<{ done: boolean }>(
      'select ledger.accept_counter(lower($1), $2, $3, $4, $5) as done',
      [first, chain_id, vault, second, why],
    )
    if (!row?.done) throw new Error('not accepted: a payment above it was settled')
    return `the next withdrawal of ${first.toLowerCase()} has nonce ${second} at least`
  }
  if (first && /^(explain|write-off|take-back)$/.test(verb ?? '') && AMOUNT.test(second ?? '')) {
    const amount = verb === 'explain' ? second : `-${second}`
    const [row] = await query<{ result: { explained: boolean; reason: string } }>(
      `select ledger.explain_coins($1, $2, concat_ws(' as ', $3::text, session_user), $4, lower($5)) as result`,
      [first, amount, by === '' ? null : by, why, third ?? null],
    )
    if (!row?.result.explained) throw new Error(`not recorded: ${row?.result.reason}`)
    return row.result.reason
  }
  if (verb === 'rescan' && /^\d+$/.test(first ?? '')) {
    await query('select ledger.request_rescan(chain_id, vault, $1) from chain_cursors', [first])
    return 'the next runs read those blocks again'
  }
  throw new Error(USAGE)
}

await command(async () => {
  const { values, positionals } = parseArgs({
    options: { why: { type: 'string' }, by: { type: 'string' } },
    allowPositionals: true,
  })
  await asOwner(async (query) => {
    if (positionals.length === 0) {
      await list(query)
      return
    }
    if (!values.why?.trim()) throw new Error(USAGE)
    const done = await decide(query, positionals, values.why.trim(), values.by?.trim() ?? '')
    if (done === undefined)
      throw new Error('there is no such open alert, quarantined log, debt or unsupported deposit')
    console.log(done)
  })
})
