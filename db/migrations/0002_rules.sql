-- Why: the functions' logins may call verbs and read, never write; history is append-only. The verbs themselves are in
-- db/ledger/*.sql, which `npm run migrate` applies after the numbered migrations.

-- A login for each job of the functions (db/logins.ts). Without a password nobody can use it: `npm run migrate -- --logins` sets one.
-- Roles belong to the cluster, so another database of it may have made them already.
do $$
declare
  v_role text;
begin
  foreach v_role in array array['tidegate_reads', 'tidegate_sessions', 'tidegate_transfers', 'tidegate_withdrawals',
      'tidegate_signed', 'tidegate_admin', 'tidegate_settle', 'tidegate_public'] loop
    begin
      execute format('create role %I login nosuperuser nocreatedb nocreaterole noreplication', v_role);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end $$;
--> statement-breakpoint
-- Balance rows are updated for ever in place: leave room on the page so that no index has to follow.
alter table ledger.balances set (fillfactor = 70);
--> statement-breakpoint
-- A balance after a change, with its names, and what a movement answers: both balances that it wrote and when. A side of the
-- exchange, which has no balance, is null.
create type ledger.balance_after as (
  account text,
  wallet text,
  token text,
  available numeric,
  frozen numeric,
  version bigint,
  updated_at timestamptz
);
--> statement-breakpoint
create type ledger.posting as (
  transfer_id uuid,
  created_at timestamptz,
  family_no bigint,
  from_no bigint,
  to_no bigint,
  from_balance ledger.balance_after,
  to_balance ledger.balance_after
);
--> statement-breakpoint
create function ledger.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'TG099', message = format('%s: what has happened is never changed or deleted: correct with a new movement', tg_table_name);
end $$;
--> statement-breakpoint
-- A movement has two different sides, and each side that is an account's carries its balance after it; of a balance whose own column
-- gives to the other, the giving side alone. A trigger, since Postgres reads a check of a table anew with every statement: this one
-- took an eighth of a movement's time. Only verbs write, so it has their search_path.
create function ledger.refuse_half_movement() returns trigger
language plpgsql as $$
declare
  v_from_account boolean := new.from_side in ('s', 'h', 'p');
  v_to_account boolean := new.to_side in ('s', 'h', 'p');
  v_one_balance boolean;
begin
  if v_from_account and v_to_account and (new.from_no <> new.to_no or (new.from_side = 'p') <> (new.to_side = 'p')) then
    -- Two balances, as most have.
    if pg_catalog.num_nulls(new.from_no, new.from_version, new.from_available, new.from_frozen, new.to_no, new.to_version, new.to_available,
      new.to_frozen) = 0 then
      return new;
    end if;
  else
    v_one_balance := coalesce(new.from_no = new.to_no, false) and new.from_side in ('s', 'h') and new.to_side in ('s', 'h');
    if (new.from_side, new.from_no) is distinct from (new.to_side, new.to_no)
      and pg_catalog.num_nulls(new.from_no, new.from_version, new.from_available, new.from_frozen) = (case when v_from_account then 0 else 4 end)
      and pg_catalog.num_nulls(new.to_version, new.to_available, new.to_frozen) = (case when v_to_account and not v_one_balance then 0 else 3 end)
      and (new.to_no is not null) = v_to_account then
      return new;
    end if;
  end if;
  raise exception using errcode = 'check_violation', message = 'a movement has two sides, and each of an account’s its balance after it';
end $$;
--> statement-breakpoint
create trigger movements_are_whole before insert on ledger.movements
  for each row execute function ledger.refuse_half_movement();
--> statement-breakpoint
create trigger movements_append_only before update or delete on ledger.movements
  for each row execute function ledger.refuse_change();
--> statement-breakpoint
create trigger movements_never_truncated before truncate on ledger.movements
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
-- A family is fixed before the first movement: an account that has none may become a subaccount.
create function ledger.keep_account() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if (old.account_no, old.address) is distinct from (new.account_no, new.address) or old.family_no <> old.account_no
     or exists (select from ledger.balances b where b.family_no = old.family_no and b.account_no = old.account_no) then
    raise exception using errcode = 'TG099', message = 'accounts: who an account is, and its family once it has a balance, is never changed';
  end if;
  return new;
end $$;
--> statement-breakpoint
create trigger accounts_stay_who_they_are before update on ledger.accounts
  for each row execute function ledger.keep_account();
--> statement-breakpoint
create trigger coin_explanations_append_only before update or delete or truncate on public.coin_explanations
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
create trigger restores_are_reconciled_once before update on public.restores
  for each row when (old.reconciled_at is not null or (old.id, old.noticed_at, old.lost, old.signers)
    is distinct from (new.id, new.noticed_at, new.lost, new.signers)) execute function ledger.refuse_change();
--> statement-breakpoint
create trigger restores_are_kept before delete or truncate on public.restores
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
create trigger spot_admin_credits_append_only before update or delete or truncate on public.spot_admin_credits
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
-- What has come to its end stays as it is, whoever asks: an expired withdrawal that is signed again, a deposit that is credited
-- again or a key that is forgotten would be paid twice. What is still under way changes as far as its verbs change it.
create trigger withdrawals_ends_are_final before update on public.withdrawals
  for each row when (old.status in ('confirmed', 'expired', 'released')) execute function ledger.refuse_change();
--> statement-breakpoint
create trigger withdrawals_what_was_asked_stays before update on public.withdrawals
  for each row when ((old.id, old.account, old.token, old.amount, old.amount_in_wei, old.fee, old.recipient, old.chain_id, old.vault,
      old.contract, old.nonce) is distinct from (new.id, new.account, new.token, new.amount, new.amount_in_wei, new.fee, new.recipient,
      new.chain_id, new.vault, new.contract, new.nonce)
    or (old.status = 'signed' and ((old.signature, old.deadline) is distinct from (new.signature, new.deadline) or new.status in ('reserved', 'released')))
    or (old.status = 'reserved' and new.status in ('confirmed', 'expired')))
  execute function ledger.refuse_change();
--> statement-breakpoint
create trigger chain_logs_say_what_they_said before update on public.chain_logs
  for each row when ((old.chain_id, old.tx_hash, old.ordinal, old.vault, old.topics, old.data, old.event, old.account, old.stored_at)
      is distinct from (new.chain_id, new.tx_hash, new.ordinal, new.vault, new.topics, new.data, new.event, new.account, new.stored_at)
    or (old.status in ('processed', 'resolved') and new.status <> old.status))
  execute function ledger.refuse_change();
--> statement-breakpoint
create trigger deposits_are_credited_once before update on public.deposits
  for each row when (old.status = 'credited' or old.returned_at is not null
    or (old.id, old.account, old.contract, old.amount_in_wei, old.chain_id, old.tx_hash, old.content_hash, old.ordinal)
      is distinct from (new.id, new.account, new.contract, new.amount_in_wei, new.chain_id, new.tx_hash, new.content_hash, new.ordinal))
  execute function ledger.refuse_change();
--> statement-breakpoint
create trigger debts_are_settled_once before update on public.debts
  for each row when (old.settled_at is not null
    or (old.id, old.account, old.token, old.amount, old.withdrawal_id, old.chain_id, old.tx_hash, old.content_hash, old.ordinal)
      is distinct from (new.id, new.account, new.token, new.amount, new.withdrawal_id, new.chain_id, new.tx_hash, new.content_hash, new.ordinal))
  execute function ledger.refuse_change();
--> statement-breakpoint
create trigger idempotency_keys_never_change before update on ledger.idempotency_keys
  for each row execute function ledger.refuse_change();
--> statement-breakpoint
-- Only a key whose withdrawal was given back unsigned is free again.
create function ledger.keep_key() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from public.withdrawals w where w.id = old.withdrawal_id and w.status = 'released') then
    return old;
  end if;
  raise exception using errcode = 'TG099', message = 'idempotency_keys: a key that moved money is kept for ever';
end $$;
--> statement-breakpoint
create trigger idempotency_keys_are_kept before delete on ledger.idempotency_keys
  for each row execute function ledger.keep_key();
--> statement-breakpoint
create trigger subaccounts_stay_so before update on public.subaccounts
  for each row when (old.ended_at is not null or (old.subaccount, old.main_account, old.created_at)
    is distinct from (new.subaccount, new.main_account, new.created_at)) execute function ledger.refuse_change();
--> statement-breakpoint
create trigger agent_wallets_are_revoked_once before update on public.agent_wallets
  for each row when (old.revoked_at is not null) execute function ledger.refuse_change();
--> statement-breakpoint
create trigger api_keys_are_revoked_once before update on public.api_keys
  for each row when (old.revoked_at is not null) execute function ledger.refuse_change();
--> statement-breakpoint
-- Every movement leaves a balance row for ever. What its amounts mean must not change after it.
create function ledger.keep_token() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if exists (select from ledger.balances b where b.token_no = old.token_no) then
    raise exception using errcode = 'TG099',
      message = format('%s has movements: its decimals, chain and contract stay as they are', old.symbol);
  end if;
  return new;
end $$;
--> statement-breakpoint
-- A token that was off the chain may come onto it.
create trigger tokens_mean_what_they_meant before update on public.tokens
  for each row when (old.decimals <> new.decimals or old.symbol <> new.symbol or old.token_no <> new.token_no
    or (old.contract is not null and (old.chain_id, old.contract) is distinct from (new.chain_id, new.contract)))
  execute function ledger.keep_token();
--> statement-breakpoint
do $$
declare
  v_table text;
begin
  foreach v_table in array array['public.withdrawals', 'public.chain_logs', 'public.deposits', 'public.debts', 'public.subaccounts',
      'public.agent_wallets', 'public.api_keys', 'ledger.accounts', 'ledger.balances'] loop
    execute format('create trigger %I before delete on %s for each row execute function ledger.refuse_change()', split_part(v_table, '.', 2) || '_never_deleted', v_table);
  end loop;
  foreach v_table in array array['public.withdrawals', 'public.chain_logs', 'public.deposits', 'public.debts', 'public.subaccounts',
      'public.agent_wallets', 'public.api_keys', 'ledger.accounts', 'ledger.balances', 'ledger.idempotency_keys', 'public.tokens'] loop
    execute format('create trigger %I before truncate on %s for each statement execute function ledger.refuse_change()', split_part(v_table, '.', 2) || '_never_truncated', v_table);
  end loop;
end $$;
--> statement-breakpoint
create table ledger.movements_default partition of ledger.movements default;
--> statement-breakpoint
create trigger never_truncated before truncate on ledger.movements_default
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
insert into public.switches (name, engaged) values ('withdrawals_paused', false);
--> statement-breakpoint
revoke create on schema public from public;
--> statement-breakpoint
-- No verb makes a temporary table, and a login that cannot make one has no schema of its own to hide names in.
do $$
begin
  execute format('revoke temporary on database %I from public', current_database());
end $$;
--> statement-breakpoint
revoke all on all functions in schema ledger from public;
--> statement-breakpoint
grant usage on schema ledger to tidegate_reads, tidegate_sessions, tidegate_transfers, tidegate_withdrawals, tidegate_signed, tidegate_admin, tidegate_settle, tidegate_public;
--> statement-breakpoint
grant usage on schema public to tidegate_reads, tidegate_sessions, tidegate_transfers, tidegate_withdrawals, tidegate_signed, tidegate_admin, tidegate_settle, tidegate_public;
--> statement-breakpoint
-- What the reads in db/ledger/*.ts show or look by, column for column. A signature is for `withdrawals` alone; the hash of an API key,
-- a login's nonce and the digest of a signed message are for verbs alone.
grant select (symbol, decimals, chain_id, contract, transferable, withdrawable, min_withdraw) on public.tokens
  to tidegate_public, tidegate_transfers, tidegate_admin;
--> statement-breakpoint
grant select (symbol, token_no) on public.tokens to tidegate_reads;
--> statement-breakpoint
grant select on ledger.accounts, ledger.balances, ledger.movements to tidegate_reads;
--> statement-breakpoint
grant select (family_no, key_id, movement_id) on ledger.idempotency_keys to tidegate_reads;
--> statement-breakpoint
grant select (subaccount, main_account) on public.subaccounts to tidegate_reads;
--> statement-breakpoint
grant select (id, account, token, amount, amount_in_wei, chain_id, tx_hash, log_index, block_number, status, created_at, confirmed_at)
  on public.deposits to tidegate_reads;
--> statement-breakpoint
grant select (id, account, label, created_at, revoked_at) on public.api_keys to tidegate_sessions;
--> statement-breakpoint
grant select (id, account, token, contract, amount, amount_in_wei, fee, recipient, chain_id, vault, nonce, status, deadline, signature, tx_hash,
  block_number, requested_at, confirmed_at, idempotency_key) on public.withdrawals to tidegate_withdrawals;
--> statement-breakpoint
grant select (account, chain_id, vault, next_on_chain) on public.withdrawal_nonces to tidegate_withdrawals;
--> statement-breakpoint
grant select (symbol, contract, chain_id) on public.tokens to tidegate_settle;
--> statement-breakpoint
grant select (id, account, chain_id, vault, status, deadline) on public.withdrawals to tidegate_settle;
--> statement-breakpoint
grant select (account, chain_id, vault, cleared_at) on public.counter_doubts to tidegate_settle;
--> statement-breakpoint
grant select (chain_id, vault, block_number, block_hash, block_timestamp, rescan_from, behind, node_limits) on public.chain_cursors to tidegate_settle;
--> statement-breakpoint
grant select (chain_id, tx_hash, block_hash, block_timestamp) on public.chain_logs to tidegate_settle;
--> statement-breakpoint
grant select (chain_id, vault, token, checked_at, took_ms) on public.solvency_checks to tidegate_settle;
--> statement-breakpoint
-- Which text of each file in db/ledger was applied last.
create table ledger.verb_files (
  name text primary key,
  hash text not null,
  applied_at timestamptz not null default now()
);
--> statement-breakpoint
-- Whose the database is, written by the first deployment. The deploy command takes no other environment's.
create table ledger.deployed_environment (
  one_row boolean primary key default true check (one_row),
  name text not null,
  named_at timestamptz not null default now()
);
