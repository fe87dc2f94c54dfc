/**
 * The ledger with its hot tables cut by family in one Postgres, as a cluster cuts them over nodes, and every plan told: so it
 * shows which shards a statement goes to. Postgres itself then wants the family in every unique key.
 */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { MIGRATIONS, migrateDatabase, VERBS } from '../../db/operate/migrate.ts'
import type { Manifest } from '../../scripts/stack/manifest.ts'
import { ownDatabase } from './own-database.ts'

const SHARDS = 16
const HOT = ['balances', 'movements', 'idempotency_keys'] as const

/** A statement as some function ran it, and the tables and shards that its plan goes to. */
export interface Seen {
  text: string
  tables: string[]
  shards: string[]
}

export interface ShardedLedger {
  owner: pg.Client
  /** What is run, with all that its functions run, each statement once. */
  watch(work: () => Promise<unknown>): Promise<Seen[]>
  stop(): Promise<void>
}

async function edit(
  file: string,
  changes: readonly (readonly [from: string | RegExp, to: string])[],
): Promise<void> {
  let text = await readFile(file, 'utf8')
  for (const [from, to] of changes) {
    const next = text.replace(from, (_whole, kept?: unknown) =>
      to.replace('KEPT', typeof kept === 'string' ? kept : ''),
    )
    if (next === text) throw new Error(`${file} has no ${String(from)}`)
    text = next
  }
  await writeFile(file, text)
}

async function migrateSharded(ownerUrl: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-sharded-'))
  const [migrations, verbs] = [join(folder, 'migrations'), join(folder, 'ledger')]
  try {
    await cp(MIGRATIONS, migrations, { recursive: true })
    await cp(VERBS, verbs, { recursive: true })
    await edit(
      join(migrations, '0001_tables.sql'),
      HOT.map((name) => [new RegExp(`(CREATE TABLE "ledger"."${name}" \\([^;]*?\n\\))(?: PARTITION[^;]*)?;`), 'KEPT PARTITION BY HASH ("family_no");']), // prettier-ignore
    )
    const shards = `do $$ declare v_table text; begin
      foreach v_table in array array['${HOT.join("', '")}'] loop for i in 0..${SHARDS - 1} loop
        execute format('create table ledger.%s_shard%s partition of ledger.%s for values with (modulus ${SHARDS}, remainder %s)', v_table, i, v_table, i);
      end loop; end loop; end $$;`
    await edit(join(migrations, '0002_rules.sql'), [
      ['alter table ledger.balances set (fillfactor = 70);', shards],
      ['create table ledger.movements_default partition of ledger.movements default;', 'select 1;'],
      [/create trigger never_truncated before truncate on ledger.movements_default[^;]*;/, 'select 1;'],
    ])
    // Its months are partitions of the shards on a cluster; here there is one cut alone.
    await edit(join(verbs, 'partitions.sql'), [['for i in 0..p_months loop', 'for i in 1..0 loop']])
    await migrateDatabase(ownerUrl, { migrations, verbs })
  } finally {
    await rm(folder, { recursive: true })
  }
}

interface Plan {
  'Relation Name'?: string
  'Target Tables'?: Plan[]
  Plans?: Plan[]
}
const relationsOf = (plan: Plan): string[] => [
  ...(plan['Relation Name'] === undefined ? [] : [plan['Relation Name']]),
  ...[...(plan.Plans ?? []), ...(plan['Target Tables'] ?? [])].flatMap(relationsOf),
]

export async function shardedLedger(manifest: Manifest): Promise<ShardedLedger> {
  const database = await ownDatabase(manifest, migrateSharded)
  const owner = new pg.Client({ connectionString: database.inside(manifest.databaseUrl) })
  await owner.connect()
  await owner.query(`load 'auto_explain'; set auto_explain.log_min_duration = 0; set auto_explain.log_nested_statements = on;
    set auto_explain.log_format = json; set auto_explain.log_level = notice; set client_min_messages = notice`)
  let seen: Map<string, Seen> | undefined
  owner.on('notice', ({ message }) => {
    const json = /plan:\n([^]*)$/.exec(message ?? '')?.[1]
    if (!seen || json === undefined) return
    const { 'Query Text': text, Plan: plan } = JSON.parse(json) as { 'Query Text': string; Plan: Plan }
    const tables = [...new Set(relationsOf(plan))]
    const shards = [...new Set(tables.flatMap((name) => /_(shard\d+)$/.exec(name)?.[1] ?? []))]
    seen.set(`${text} ${shards.join(' ')}`, { text, tables, shards })
  })
  return {
    owner,
    watch: async (work) => {
      const now = new Map<string, Seen>()
      seen = now
      await work()
      seen = undefined
      return [...now.values()]
    },
    stop: async () => {
      await owner.end()
      await database.drop()
    },
  }
}
