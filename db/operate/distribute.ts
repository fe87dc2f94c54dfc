/**
 * Spreads the ledger over a Citus cluster, at its coordinator and as its owner: what is hot lies with its family, so that a
 * movement is the business of one node; what every movement looks up is on each; the rest stays at the coordinator.
 */
import type pg from 'pg'
import { withClient } from './connection.ts'
import { MIGRATION_LOCK } from './migrate.ts'

/** What every node must have. */
const EVERYWHERE = ['ledger.accounts', 'public.tokens'] as const
const FAMILY = 'family_no'
/** By family. The others follow the first: each family's rows of all of them lie on one node. */
const BY_FAMILY = ['ledger.balances', 'ledger.movements', 'ledger.idempotency_keys'] as const

/** What reads of these tables compute, on whichever node they come to. None reads a table. */
const FUNCTIONS = [
  'ledger.amount_text(numeric)',
  'ledger.first_id(timestamptz)',
  'ledger.half_hash(bytea)',
  'ledger.key_endpoints()',
  'ledger.key_id(text, text, text)',
  'ledger.movement_kinds()',
  'ledger.system_account("char")',
  'ledger.taker_id(uuid)',
  'ledger.time_of(uuid)',
  'ledger.unix_seconds(timestamptz)',
  'ledger.wallet_name("char")',
]

/**
 * Triggers whose rule looks at another table, which a row on a node cannot. Each is made anew without that look: as strict or
 * stricter where that is possible, and else as strict as the row itself tells. The verbs check the whole rule before.
 */
const BLIND_TRIGGERS = [
  {
    name: 'accounts_stay_who_they_are',
    table: 'ledger.accounts',
    when: `before update on ledger.accounts for each row when ((old.account_no, old.address) is distinct from (new.account_no, new.address)
      or old.family_no <> old.account_no)`,
    left: 'an account with a balance is kept from changing its family by the verb alone',
  },
  {
    name: 'tokens_mean_what_they_meant',
    table: 'public.tokens',
    when: `before update on public.tokens for each row when (old.decimals <> new.decimals or old.symbol <> new.symbol
      or old.token_no <> new.token_no or (old.contract is not null and (old.chain_id, old.contract) is distinct from (new.chain_id, new.contract)))`,
    left: 'a token keeps its decimals, chain and contract also while nobody has any of it',
  },
  {
    name: 'idempotency_keys_are_kept',
    table: 'ledger.idempotency_keys',
    when: 'before delete on ledger.idempotency_keys for each row when (old.withdrawal_id is null)',
    left: 'a withdrawal’s key is kept while the withdrawal lasts by the verb alone',
  },
]

/**
 * Refuses where there is no cluster to spread anything over, and changes nothing.
 *
 * @throws Error with one line for a person
 */
export async function checkCluster(databaseUrl: string): Promise<void> {
  await withClient(databaseUrl, refuseUnlessCoordinator)
}

/**
 * Spreads what is not spread yet, all of it or nothing: in one transaction, for which every movement waits.
 *
 * @returns what was done, a line a table
 * @throws Error with one line for a person; then nothing has changed
 */
export async function distributeLedger(databaseUrl: string): Promise<string[]> {
  return await withClient(databaseUrl, async (client) => {
    await client.query('select pg_advisory_lock($1)', [MIGRATION_LOCK])
    await refuseUnlessCoordinator(client)
    const spread = await spreadTables(client)
    const wanted = [...EVERYWHERE, ...BY_FAMILY]
    const missing = wanted.filter((table) => !spread.has(table))
    if (missing.length === 0) return [`all of ${wanted.join(', ')} were spread already`]
    if (missing.length < wanted.length)
      throw new Error(
        `somebody has spread ${[...spread.keys()].join(', ')} without the rest: undo that first; nothing was changed`,
      )
    // One that fails ends the connection, and the transaction with it.
    await client.query('begin')
    const lines = await spreadAll(client)
    await client.query('commit')
    return lines
  })
}

async function spreadAll(client: pg.Client): Promise<string[]> {
  const lines: string[] = []
  // One connection to each node: then what is done later in the transaction sees what was done before, and ends with it.
  await client.query(`set local citus.multi_shard_modify_mode to 'sequential'`)
  await client.query('set local citus.shard_replication_factor to 1')
  await client.query('set local citus.enable_unsafe_triggers to on')
  // In the order of every verb. Rows that are written while tables are copied would be lost.
  await client.query(`lock table ${[...EVERYWHERE, ...BY_FAMILY].join(', ')} in exclusive mode`)
  const keys = await dropForeignKeys(client)
  for (const { name, table, when, left } of BLIND_TRIGGERS) {
    await client.query(`drop trigger ${name} on ${table}`)
    await client.query(`create trigger ${name} ${when} execute function ledger.refuse_change()`)
    lines.push(`${table}: ${left}`)
  }
  for (const name of FUNCTIONS)
    await client.query('select create_distributed_function($1::regprocedure)', [name])
  for (const table of EVERYWHERE) {
    await client.query('select create_reference_table($1::regclass)', [table])
    lines.push(`${table}: on every node`)
  }
  for (const table of BY_FAMILY) {
    const beside = table === BY_FAMILY[0] ? 'none' : BY_FAMILY[0]
    await client.query('select create_distributed_table($1::regclass, $2, colocate_with => $3)', [
      table,
      FAMILY,
      beside,
    ])
    lines.push(`${table}: distributed by ${FAMILY}`)
  }
  for (const { table, name, definition } of keys) {
    const kept = (BY_FAMILY as readonly string[]).includes(table)
    if (kept) await client.query(`alter table ${table} add constraint ${name} ${definition}`)
    lines.push(kept ? `${table}: ${name} kept` : `${table}: stays at the coordinator, without ${name}`)
  }
  lines.push('every other table stays at the coordinator')
  return lines
}

interface ForeignKey {
  table: string
  name: string
  definition: string
}

/** A table that stays at the coordinator and refers to one that is everywhere would be taken into the cluster itself. */
async function dropForeignKeys(client: pg.Client): Promise<ForeignKey[]> {
  const { rows } = await client.query<ForeignKey>(
    `select format('%I.%I', n.nspname, c.relname) as table, quote_ident(k.conname) as name, pg_get_constraintdef(k.oid) as definition
     from pg_constraint k join pg_class c on c.oid = k.conrelid join pg_namespace n on n.oid = c.relnamespace
     where k.contype = 'f' and k.confrelid = any($1::regclass[]) and k.conparentid = 0 order by 1, 2`,
    [EVERYWHERE],
  )
  for (const { table, name } of rows) await client.query(`alter table ${table} drop constraint ${name}`)
  return rows
}

/** How each table is spread by now: those that are, by name. @throws Error where one is spread otherwise */
async function spreadTables(client: pg.Client): Promise<Map<string, string>> {
  const { rows } = await client.query<{ table: string; how: string }>(
    `select t.name as table, case p.partmethod when 'n' then 'everywhere' else column_to_column_name(p.logicalrelid, p.partkey) end as how
     from unnest($1::text[]) t(name) join pg_dist_partition p on p.logicalrelid = t.name::regclass`,
    [[...EVERYWHERE, ...BY_FAMILY]],
  )
  for (const { table, how } of rows) {
    const should = (EVERYWHERE as readonly string[]).includes(table) ? 'everywhere' : FAMILY
    if (how !== should)
      throw new Error(`${table} is spread already, but by ${how}, not by ${should}; nothing was changed`)
  }
  return new Map(rows.map(({ table, how }) => [table, how]))
}

async function refuseUnlessCoordinator(client: pg.Client): Promise<void> {
  const { rows: there } = await client.query(`select from pg_extension where extname = 'citus'`)
  if (there.length === 0)
    throw new Error(
      'this database has no extension citus, so there is nothing to spread the tables over; nothing was changed',
    )
  const { rows: here } = await client.query<{ groupid: number }>('select groupid from pg_dist_local_group')
  if (here[0]?.groupid !== 0)
    throw new Error('this node is a worker: give the coordinator’s address; nothing was changed')
  const { rows: nodes } = await client.query<{ groupid: number }>(
    `select distinct groupid from pg_dist_node where noderole = 'primary'`,
  )
  // With workers, but unknown to them, the coordinator has no copy of what is everywhere: nothing of its own could be joined with it.
  if (nodes.length > 0 && !nodes.some(({ groupid }) => groupid === 0))
    throw new Error(
      'the workers do not know the coordinator: select citus_set_coordinator_host(…) first; nothing was changed',
    )
}
