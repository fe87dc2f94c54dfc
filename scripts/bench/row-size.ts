/** What a transfer leaves in Postgres: bytes in all tables and indexes, and in the write-ahead log. On a server of its own. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type pg from 'pg'
import { checkInvariants } from '../stack/invariants.ts'
import { startPostgres } from '../stack/postgres.ts'
import { newDatabase } from './movements.ts'
import { shown, table, type Options, type Outcome, type Ratio, type Section } from './section.ts'

const ACCOUNTS = 1_000
const TRANSFERS = 20_000
/** Keys and hashes as clients send them: a uuid, a SHA-256. */
const VARIANTS = [
  { name: 'a transfer', key: 'null', hash: 'null', atMost: 250 },
  {
    name: 'a transfer with an idempotency key',
    key: 'gen_random_uuid()::text',
    hash: `sha256(convert_to(n::text, 'UTF8'))`,
    atMost: 420,
  },
]

async function run({ say }: Options): Promise<Outcome> {
  const folder = await mkdtemp(join(tmpdir(), 'tidegate-bench-'))
  const postgres = await startPostgres({ dataDir: join(folder, 'postgres') })
  const rows: string[][] = []
  const ratios: Ratio[] = []
  const broken: string[] = []
  try {
    for (const [at, { name, key, hash, atMost }] of VARIANTS.entries()) {
      say(name)
      const database = `rows_${at}`
      const owner = await newDatabase(postgres, database)
      await prepare(owner)
      // What is written is the same; only the wait for the disk is not.
      await owner.query('set synchronous_commit = off')
      const before = await sizes(owner)
      // Each in a transaction of its own, as they come: a transaction for all would hide what a commit writes.
      await owner.query(`do $$ begin for n in 1..${TRANSFERS} loop
        perform ledger.transfer('0x' || lpad(to_hex(floor(random() * ${ACCOUNTS})::int), 40, '0'), 'USDT',
          case when n % 2 = 0 then 'spot_to_perp' else 'perp_to_spot' end, 0.123456, ${key}, ${hash}); commit; end loop; end $$`)
      const after = await sizes(owner)
      const bytes = (after.bytes - before.bytes) / TRANSFERS
      rows.push([name, shown(bytes, 0), shown((after.wal - before.wal) / TRANSFERS, 0)])
      ratios.push({ what: `bytes of ${name}`, measured: bytes, atMost })
      await owner.end()
      const results = await checkInvariants(postgres.ownerUrl(database))
      broken.push(...results.filter(({ violations }) => violations > 0).map((one) => `${name}: ${one.name}`))
    }
  } finally {
    await postgres.stop()
    await rm(folder, { recursive: true, force: true })
  }
  return {
    markdown: table(['what it leaves', 'bytes, tables and indexes', 'bytes of WAL'], rows),
    ratios,
    broken,
  }
}

async function prepare(owner: pg.Client): Promise<void> {
  await owner.query(
    `select ledger.credit(account, 'USDT', 1000000, null, null, null, null), ledger.transfer(account, 'USDT', 'spot_to_perp', 500000, null, null)
     from (select '0x' || lpad(to_hex(n), 40, '0') as account from generate_series(0, ${ACCOUNTS} - 1) n) accounts`,
  )
  await owner.query('vacuum analyze')
  await owner.query('checkpoint')
}

/** Of everything that a movement writes. Balances are changed in place, so the room that they leave is made use of first. */
async function sizes(owner: pg.Client): Promise<{ bytes: number; wal: number }> {
  await owner.query('vacuum ledger.balances')
  const { rows } = await owner.query<{ bytes: string; wal: string }>(
    `select sum(pg_total_relation_size(c.oid))::text as bytes, (pg_current_wal_insert_lsn() - '0/0')::text as wal
     from pg_class c where c.relkind = 'r' and c.relnamespace in ('ledger'::regnamespace, 'public'::regnamespace)`,
  )
  return { bytes: Number(rows[0]?.bytes), wal: Number(rows[0]?.wal) }
}

export const rowSize: Section = { name: 'rows', run }
