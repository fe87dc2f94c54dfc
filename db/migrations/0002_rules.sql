-- Why: the functions' logins may call verbs and read, never write; history is append-only. The verbs themselves are in
-- db/ledger/*.sql, which `npm run migrate` applies after the numbered migrations.

-- Logins of the functions. Without a password nobody can use them: `npm run migrate -- --roles` sets one.
-- Roles belong to the cluster, so another database of it may have made them already.
do $$
declare
  v_role text;
begin
  foreach v_role in array array['tidegate_edge', 'tidegate_admin', 'tidegate_settle'] loop
    begin
      execute format('create role %I login nosuperuser nocreatedb nocreaterole noreplication', v_role);
    exception when duplicate_object or unique_violation then
      null;
    end;
  end loop;
end $$;
--> statement-breakpoint
-- Balance rows are updated for ever in place: leave room on the page so that no index has to follow.
alter table public.balances set (fillfactor = 70);
--> statement-breakpoint
-- The two balances a movement wrote and when; a side without a balance row (system) is null.
create type ledger.posting as (
  transfer_id uuid,
  created_at timestamptz,
  from_balance public.balances,
  to_balance public.balances
);
--> statement-breakpoint
create function ledger.refuse_change() returns trigger
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  raise exception using errcode = 'TG099', message = format('%s is append-only: correct with a new movement', tg_table_name);
end $$;
--> statement-breakpoint
create trigger entries_append_only before update or delete on public.entries
  for each row execute function ledger.refuse_change();
--> statement-breakpoint
create trigger transfers_append_only before update or delete on public.transfers
  for each row execute function ledger.refuse_change();
--> statement-breakpoint
create trigger entries_never_truncated before truncate on public.entries
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
create trigger transfers_never_truncated before truncate on public.transfers
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
create trigger spot_admin_credits_append_only before update or delete or truncate on public.spot_admin_credits
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
create table public.transfers_default partition of public.transfers default;
--> statement-breakpoint
create table public.entries_default partition of public.entries default;
--> statement-breakpoint
create trigger never_truncated before truncate on public.transfers_default
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
create trigger never_truncated before truncate on public.entries_default
  for each statement execute function ledger.refuse_change();
--> statement-breakpoint
insert into public.switches (name, engaged) values ('withdrawals_paused', false);
--> statement-breakpoint
-- Waiting in line for a row is bounded here, below the edge's own time limit for a database call (functions/_lib/limits.ts),
-- so an answer that came too late belongs to a transaction that has ended.
alter role tidegate_edge set statement_timeout = '3s';
--> statement-breakpoint
alter role tidegate_edge set lock_timeout = '2s';
--> statement-breakpoint
alter role tidegate_edge set idle_in_transaction_session_timeout = '5s';
--> statement-breakpoint
alter role tidegate_admin set statement_timeout = '3s';
--> statement-breakpoint
alter role tidegate_admin set lock_timeout = '2s';
--> statement-breakpoint
alter role tidegate_admin set idle_in_transaction_session_timeout = '5s';
--> statement-breakpoint
alter role tidegate_settle set statement_timeout = '20s';
--> statement-breakpoint
alter role tidegate_settle set lock_timeout = '2s';
--> statement-breakpoint
alter role tidegate_settle set idle_in_transaction_session_timeout = '5s';
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
grant usage on schema ledger to tidegate_edge, tidegate_admin, tidegate_settle;
--> statement-breakpoint
grant usage on schema public to tidegate_edge, tidegate_admin, tidegate_settle;
--> statement-breakpoint
grant select on public.tokens, public.balances, public.transfers, public.entries, public.idempotency_keys,
  public.withdrawals, public.withdrawal_nonces, public.deposits, public.switches, public.login_nonces, public.api_keys,
  public.subaccounts, public.agent_wallets to tidegate_edge;
--> statement-breakpoint
grant select on public.tokens to tidegate_admin;
--> statement-breakpoint
grant select on all tables in schema public to tidegate_settle;
--> statement-breakpoint
revoke select on public.api_keys, public.login_nonces, public.idempotency_keys, public.signed_messages from tidegate_settle;
--> statement-breakpoint
-- Which text of each file in db/ledger was applied last.
create table ledger.verb_files (
  name text primary key,
  hash text not null,
  applied_at timestamptz not null default now()
);
