/** Many movements at once, written as ledger.post would have, in a database of their own. */
import pg from 'pg'
import { eachJob } from '../../db/logins.ts'
import { setPasswords } from '../../db/operate/logins.ts'
import { migrateDatabase } from '../../db/operate/migrate.ts'
import { putTokens } from '../stack/database.ts'
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
  await setPasswords(
    ownerUrl,
    eachJob(() => PASSWORD),
  )
  await putTokens(ownerUrl, [USDT, { ...USDT, symbol: 'DF', decimals: 18 }])
  const owner = new pg.Client({ connectionString: ownerUrl })
  await owner.connect()
  return owner
}

/** Partitions of the months that the movements lie in, as the cron function would have made them then. */
export async function makePastPartitions(owner: pg.Client, months: number): Promise<void> {
  await owner.query(`do $$
    declare v_month timestamptz;
    begin
      for i in 1..${months} loop
        v_month := date_trunc('month', now(), 'UTC') - make_interval(months => i);
        execute format('create table ledger.%I partition of ledger.movements for values from (%L) to (%L)',
          'movements' || to_char(v_month at time zone 'UTC', '_YYYY_MM'),
          ledger.first_id(v_month), ledger.first_id(v_month + interval '1 month'));
      end loop;
    end $$`)
}

/**
 * Movement `i` of an account: a credit of 100,000 first, then 100 to perp and back in turn. Foreign keys are not checked
 * again for rows made right.
 */
const LOAD = `
  create temp table moved on commit drop as
    select k, i, at, account, (select ledger.open_account(account)).account_no as no, ledger.new_movement_id(at) as id
    from (select k, k / $accounts + 1 as i, now() - ($count - k) * $step * interval '1 second' as at, $account as account
      from (select k, k % $accounts as n from generate_series($from::int, $to::int - 1) k) numbered) placed;
  insert into ledger.movements (family_no, id, from_no, to_no, from_version, to_version, kind, token_no, from_side, to_side, amount,
      from_available, from_frozen, to_available, to_frozen)
    select no, id, case when i > 1 then no end, no,
      case when i = 1 then null when i % 2 = 0 then i else i - 1 end, case when i % 2 = 0 then i - 1 else i end,
      array_position(ledger.movement_kinds(), case when i = 1 then 'credit' when i % 2 = 0 then 'spot_to_perp' else 'perp_to_spot' end),
      (select token_no from tokens where symbol = 'USDT'), case when i = 1 then 'i' when i % 2 = 0 then 's' else 'p' end,
      case when i % 2 = 0 then 'p' else 's' end, case when i = 1 then 100000 else 100 end,
      case when i = 1 then null when i % 2 = 0 then 99900 else 0 end, case when i > 1 then 0 end,
      case when i % 2 = 0 then 100 else 100000 end, 0
    from moved order by k;
  insert into spot_admin_credits (id, user_address, token, amount, admin_actor, transfer_id, created_at)
    select ledger.new_id(at), account, 'USDT', 100000, 'admin_api_key', id, at from moved where i = 1;
  insert into ledger.idempotency_keys (family_no, key_id, request_hash, movement_id, endpoint)
    select no, ledger.key_id(account, 'spot-transfer', 'key-' || i), gen_random_uuid(), id, 1 from moved where i > 1;
  insert into ledger.balances (family_no, account_no, token_no, wallet, available, version)
    select no, no, (select token_no from tokens where symbol = 'USDT'), w.wallet, w.available, w.version from (
      select no, 's' as wallet, case when max(i) % 2 = 0 then 99900 else 100000 end as available, max(i) as version from moved group by no
      union all
      select no, 'p', case when max(i) % 2 = 0 then 100 else 0 end, max(i) - 1 from moved group by no having max(i) > 1
    ) w
    on conflict (family_no, account_no, token_no, wallet) do update set available = excluded.available, version = excluded.version`

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
  await owner.query(
    'vacuum analyze ledger.movements, ledger.idempotency_keys, ledger.accounts, ledger.balances',
  )
  await owner.query('checkpoint')
}
