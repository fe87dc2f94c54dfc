/** The rows of one account as they were, to be put back as a database that is restored would have them. */
import pg from 'pg'
import type { Client } from './client.ts'

const MINE = '(select account_no from ledger.accounts where address = $1)'
/** Which rows of a table are the account's, $1. */
const TABLES = {
  'ledger.balances': `account_no = ${MINE}`,
  'ledger.movements': `${MINE} in (from_no, to_no)`,
  withdrawals: 'account = $1',
  withdrawal_nonces: 'account = $1',
  // An account that is its own family.
  'ledger.idempotency_keys': `family_no = ${MINE}`,
} as const

export async function savedRows(client: Client, account: string): Promise<{ restore(): Promise<void> }> {
  const saved = new Map<string, string>()
  for (const [table, mine] of Object.entries(TABLES)) {
    const [row] = await client.sql<{ rows: string }>(
      `select coalesce(json_agg(t), '[]')::text as rows from ${table} t where ${mine}`,
      [account],
    )
    saved.set(table, row?.rows ?? '[]')
  }
  const restore = async () => {
    const owner = new pg.Client({ connectionString: client.manifest.databaseUrl })
    await owner.connect()
    try {
      // History is append-only for everybody but who restores it.
      await owner.query('set session_replication_role = replica')
      // As if that had been noticed and reconciled: what is looked at here is what else keeps a payment from being made twice.
      await owner.query(
        `insert into restores (id, noticed_at, lost, signers, reconciled_at, reconciled_by, reconciled_why, signer_after)
         select gen_random_uuid(), now(), array_agg(w.id), array['another'], now(), 'a test', 'set back', 'another' from withdrawals w
         where w.account = $1 and not exists (select from json_populate_recordset(null::withdrawals, $2::json) s where s.id = w.id)
         having count(*) > 0`,
        [account, saved.get('withdrawals')],
      )
      for (const [table, mine] of Object.entries(TABLES)) {
        await owner.query(`delete from ${table} where ${mine}`, [account])
        await owner.query(
          `insert into ${table} select * from json_populate_recordset(null::${table}, $1::json)`,
          [saved.get(table)],
        )
      }
    } finally {
      await owner.end()
    }
  }
  return { restore }
}
