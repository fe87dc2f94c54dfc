/** Many movements at once, written as ledger.post would have, in a database of their own. */
import pg from 'pg'
import { migrateDatabase } from '../../db/operate/migrate.ts'
import { putTokens, setRolePasswords } from '../stack/database.ts'
import type { LocalPostgres } from '../stack/postgres.ts'

export const PASSWORD = 'benchmark'
const USDT = {
  symbol: 'USDT',
  decimals: 6,
  chainId: null,
  contract: null,
  transferable: true,
  withdrawable: false,
  minWithdraw: '0',
}
/** What one statement writes: a chunk has a temporary table of its own. */
const CHUNK = 500_000

export interface Movements {
  /** SQL for an account's name out of its number `n`, from 0; they move in turn. */
  account: string
  accounts: number
  count: number
  /** Between two of them; the last one is now. */
  stepSeconds: number
}

/** A database as a deployment has it, and who owns it. */
export async function newDatabase(postgres: LocalPostgres, name: string): Promise<pg.Client> {
  await postgres.createDatabase(name)
  const ownerUrl = postgres.ownerUrl(name)
  await migrateDatabase(ownerUrl)
  await setRolePasswords(ownerUrl, {
    tidegate_edge: PASSWORD,
    tidegate_admin: PASSWORD,
    tidegate_settle: PASSWORD,
  })
  await putTokens(ownerUrl, [USDT, { ...USDT, symbol: 'DF', decimals: 18 }])
  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  return owner
}

/** Partitions of the months that the movements lie in, as the cron function would have made them then. */
export async function makePastPartitions(owner: pg.Client, months: number): Promise<void> {
  await owner.query(`do $$
    declare v_month timestamptz; v_parent text;
    begin
      for i in 1..${months} loop
        v_month := date_trunc('month', now(), 'UTC') - make_interval(months => i);
        foreach v_parent in array array['transfers', 'entries'] loop
          execute format('create table public.%I partition of public.%I for values from (%L) to (%L)',
            v_parent || to_char(v_month at time zone 'UTC', '_YYYY_MM'), v_parent,
            ledger.first_id(v_month), ledger.first_id(v_month + interval '1 month'));
        end loop;
      end loop;
    end $$`)
}

/**
 * Movement `i` of an account: a credit of 100,000 first, then 100 to perp and back in turn. Two entries each. Foreign keys
 * are not checked again for rows made right.
 */
const LOAD = `
  create temp table moved on commit drop as
    select k, i, at, account, ledger.new_id(at) as id,
      case when i = 1 then 'credit' when i % 2 = 0 then 'spot_to_perp' else 'perp_to_spot' end as kind
    from (select k, k / $accounts + 1 as i, now() - ($count - k) * $step * interval '1 second' as at, $account as account
      from (select k, k % $accounts as n from generate_series($from::int, $to::int - 1) k) numbered) placed;
  insert into transfers (id, kind, token, amount, from_account, from_wallet, to_account, to_wallet, created_at)
    select id, kind, 'USDT', case when i = 1 then 100000 else 100 end, case when i = 1 then 'issuance' else account end,
      case kind when 'credit' then 'system' when 'spot_to_perp' then 'spot' else 'perp' end, account,
      case kind when 'spot_to_perp' then 'perp' else 'spot' end, at from moved order by k;
  insert into spot_admin_credits (id, user_address, token, amount, admin_actor, transfer_id, created_at)
    select ledger.new_id(at), account, 'USDT', 100000, 'admin_api_key', id, at from moved where i = 1;
  insert into entries (account, id, transfer_id, wallet, token, available_delta, frozen_delta, available_after, frozen_after, version)
    select 'issuance', ledger.new_id(at), id, 'system', 'USDT', -100000, 0, null::numeric, null::numeric, null::bigint
      from moved where i = 1
    union all
    select account, ledger.new_id(at), id, 'spot', 'USDT', case when i = 1 then 100000 when i % 2 = 0 then -100 else 100 end, 0,
      case when i % 2 = 0 then 99900 else 100000 end, 0, i from moved
    union all
    select account, ledger.new_id(at), id, 'perp', 'USDT', case when i % 2 = 0 then 100 else -100 end, 0,
      case when i % 2 = 0 then 100 else 0 end, 0, i - 1 from moved where i > 1;
  insert into idempotency_keys (account, endpoint, key, request_hash, transfer_id)
    select account, 'spot-transfer', 'key-' || i, '\\x00', id from moved where i > 1;
  insert into balances (account, wallet, token, available, version)
    select account, 'spot', 'USDT', case when max(i) % 2 = 0 then 99900 else 100000 end, max(i) from moved group by account
    union all
    select account, 'perp', 'USDT', case when max(i) % 2 = 0 then 100 else 0 end, max(i) - 1 from moved group by account
      having max(i) > 1
    on conflict (account, wallet, token) do update set available = excluded.available, version = excluded.version`

export async function load(owner: pg.Client, movements: Movements): Promise<void> {
  const { account, accounts, count, stepSeconds } = movements
  for (let from = 0; from < count; from += CHUNK) {
    const filled = LOAD.replaceAll('$accounts', String(accounts))
      .replaceAll('$account', account)
      .replaceAll('$count', String(count))
      .replaceAll('$step', String(stepSeconds))
      .replaceAll('$from', String(from))
      .replaceAll('$to', String(Math.min(from + CHUNK, count)))
    await owner.query(`begin; set local session_replication_role = replica; ${filled}; commit`)
  }
}

/** As after a checkpoint long ago: what is measured pays for itself alone. */
export async function settleDown(owner: pg.Client): Promise<void> {
  await owner.query('vacuum analyze transfers, entries, idempotency_keys, balances')
  await owner.query('checkpoint')
}
