/** Holds the clients' books against the ledger and the chain, when everything has come to rest. */
import pg from 'pg'
import { checkInvariants } from '../../scripts/stack/invariants.ts'
import { LOG_HIDING_FAULTS } from '../../scripts/stack/rpc-faults.ts'
import type { Stack } from '../../scripts/stack/stack.ts'
import type { Books, Entry } from './books.ts'
import { judgeChain, type ChainTotals } from './judge-chain.ts'

interface KeyRow {
  scope: string
  endpoint: string
  key: string
  transfer_id: string | null
  withdrawal_id: string | null
  amount: string | null
  to_account: string | null
  from_account: string | null
}
const ENDPOINT = {
  transfer: 'spot-transfer',
  credit: 'admin-credit',
  withdraw: 'spot-withdraw-request',
  subaccount: 'subaccount-spot-transfer',
} as const

export interface Verdict {
  /** Every promise that was broken, in words; none is what a soak is for. */
  violations: string[]
  chain: ChainTotals
}

/** Everything has settled. */
export async function judge(stack: Stack, books: Books): Promise<Verdict> {
  const client = new pg.Client({ connectionString: stack.manifest.databaseUrl })
  await client.connect()
  try {
    const chain = await judgeChain(client, stack, books)
    const violations = [
      ...books.violations,
      ...(await brokenInvariants(stack)),
      ...(await judgeKeys(client, books)),
      ...(await judgeCounts(client)),
      ...(await judgeWithdrawals(client, books)),
      ...chain.violations,
      ...(await judgeRest(client, stack, chain.totals)),
      ...(await judgeLocks(client)),
    ]
    return { violations, chain: chain.totals }
  } finally {
    await client.end()
  }
}

export async function brokenInvariants(stack: Stack): Promise<string[]> {
  const results = await checkInvariants(stack.manifest.databaseUrl)
  return results.filter(({ violations }) => violations > 0).map(({ name }) => `broken: ${name}`)
}

/** Acknowledged: there, once, with what was asked. Refused: not there. Unknown: there or not. */
async function judgeKeys(client: pg.Client, books: Books): Promise<string[]> {
  const { rows } = await client.query(
    `select k.account as scope, k.endpoint, asked.key, k.transfer_id, k.withdrawal_id, trim_scale(t.amount)::text as amount,
       t.to_account, t.from_account
     from unnest($1::text[], $2::text[], $3::text[]) as asked(scope, endpoint, key)
     join idempotency_keys k on k.key_id = ledger.key_id(asked.scope, asked.endpoint, asked.key)
     left join transfers t on t.id = k.transfer_id`,
    [
      books.entries.map(({ scope }) => scope),
      books.entries.map(({ kind }) => ENDPOINT[kind]),
      books.entries.map(({ key }) => key),
    ],
  )
  const byKey = new Map<string, KeyRow[]>()
  for (const row of rows as KeyRow[]) byKey.set(row.key, [...(byKey.get(row.key) ?? []), row])
  return books.entries.flatMap((entry) => judgeEntry(entry, byKey.get(entry.key) ?? []))
}

function judgeEntry(entry: Entry, found: KeyRow[]): string[] {
  const name = `${entry.kind} ${entry.key}`
  if (new Set(entry.answers).size > 1)
    return [`${name} was answered in two ways: ${entry.answers.join(' | ')}`]
  if (found.length > 1) return [`${name} is in the ledger ${found.length} times`]
  const [row] = found
  if (entry.outcome === 'refused') return row ? [`${name} was refused (${entry.error}) and moved money`] : []
  if (!row)
    return entry.outcome === 'acknowledged' ? [`${name} was acknowledged and is not in the ledger`] : []
  if (row.endpoint !== ENDPOINT[entry.kind] || row.scope !== entry.scope)
    return [`${name} stands under another name`]
  const id = entry.kind === 'withdraw' ? row.withdrawal_id : row.transfer_id
  if (entry.id !== undefined && id !== entry.id)
    return [`${name} was answered ${entry.id} and the ledger has ${id}`]
  const account = entry.kind === 'credit' ? row.to_account : row.from_account
  if (row.amount !== entry.amount || account !== entry.account)
    return [`${name} moved ${row.amount} of ${account} instead of ${entry.amount} of ${entry.account}`]
  return []
}

/** Every client uses a key, so a movement without one was made twice or by nobody. */
async function judgeCounts(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query(
    `select t.kind, count(*)::int as n from transfers t
     where t.kind in ('credit', 'perp_to_spot', 'spot_to_perp', 'subaccount_spot_transfer')
       and not exists (select from idempotency_keys k where k.transfer_id = t.id) group by t.kind`,
  )
  return (rows as { kind: string; n: number }[]).map(({ kind, n }) => `${n} movements ${kind} have no key`)
}

interface WithdrawalRow {
  id: string
  status: string
  amount_in_wei: string
  tx_hash: string | null
  signature: string | null
}

/** Each has ended. One with a signature is paid, by the transaction its client knows of, or expired and never paid. */
async function judgeWithdrawals(client: pg.Client, books: Books): Promise<string[]> {
  const { rows } = await client.query(
    'select id, status, amount_in_wei::text, tx_hash, signature from withdrawals',
  )
  const byId = new Map((rows as WithdrawalRow[]).map((row) => [row.id, row]))
  const handedOut = books.entries.filter((entry) => entry.kind === 'withdraw' && entry.answers.length > 0)
  return [
    ...handedOut.flatMap((entry) => judgeHandedOut(entry, byId.get(entry.id ?? ''))),
    ...[...books.paid.keys()].flatMap((id) =>
      byId.has(id) ? [] : [`the vault paid ${id}, which does not exist`],
    ),
    ...[...byId.values()].flatMap((row) => {
      if (!CLOSED.has(row.status)) return [`withdrawal ${row.id} never came to an end: ${row.status}`]
      const should = row.signature === null ? 'released' : books.paid.has(row.id) ? 'confirmed' : 'expired'
      const same = row.status === should && (row.tx_hash ?? undefined) === books.paid.get(row.id)
      return same ? [] : [`withdrawal ${row.id} is ${row.status} (${row.tx_hash}) and should be ${should}`]
    }),
  ]
}

const CLOSED = new Set(['confirmed', 'expired', 'released'])

function judgeHandedOut({ id, answers }: Entry, row: WithdrawalRow | undefined): string[] {
  const told = JSON.parse(answers[0]!) as { signature: string; amount_in_wei: string }
  const kept = row?.signature === told.signature && row.amount_in_wei === told.amount_in_wei
  return kept && row.status !== 'released'
    ? []
    : [`withdrawal ${id} was handed out and is now ${row?.status ?? 'gone'}`]
}

/** No amount is held for nothing, and settle has found nothing that a person must look at. */
async function judgeRest(client: pg.Client, stack: Stack, totals: ChainTotals): Promise<string[]> {
  // What a person is rightly told: a node hid logs that were found later, a coin came in that the
  // ledger does not know, KMS signed with another key, a request died while its signature was being stored.
  const right = ['solvency_breach', 'vault_signer_changed', 'kms_wrong_key', 'signature_recovered']
  const { faults } = stack.rpc.counters()
  if (LOG_HIDING_FAULTS.some((fault) => faults[fault])) right.push('logs_were_missed')
  if (totals.unsupported > 0) right.push('deposit_unsupported')
  const { rows } = await client.query(
    `select account || ' still has frozen ' || frozen || ' ' || token as what from balances where frozen <> 0
     union all select 'log ' || status || ': ' || coalesce(reason, '') from chain_logs where status in ('pending', 'quarantined')
     union all select 'paused: ' || coalesce(reason, '') from switches where engaged
     union all select 'debt of ' || account from debts where settled_at is null
     union all select 'open alert ' || kind || ' ' || detail from alerts
       where resolved_at is null and kind <> all($1::text[])`,
    [right],
  )
  return (rows as { what: string }[]).map(({ what }) => what)
}

async function judgeLocks(client: pg.Client): Promise<string[]> {
  const { rows } = await client.query(
    `select 'left ' || state as what from pg_stat_activity where datname = current_database()
       and state like 'idle in transaction%' and state_change < now() - interval '6 seconds'
     union all select 'waiting lock ' || locktype from pg_locks where not granted
     union all select 'advisory lock left' from pg_locks where locktype = 'advisory'`,
  )
  return (rows as { what: string }[]).map(({ what }) => what)
}
