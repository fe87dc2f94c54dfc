-- Makes an unused account the subaccount of another. Both have signed; a relationship is for ever, also where a person has ended what
-- it allows (made-since.sql), so a replay only finds it there.
create or replace function ledger.create_subaccount(p_main text, p_sub text, p_limit integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_main ledger.accounts;
  v_sub ledger.accounts;
  v_now timestamptz;
begin
  perform ledger.lock_accounts(array[p_main, p_sub]);

  if exists (select from public.subaccounts s where s.subaccount = p_sub and s.main_account = p_main) then
    perform ledger.refuse('already_exists');
  end if;
  if exists (select from public.subaccounts s where s.subaccount = p_main) then
    perform ledger.refuse('main_is_subaccount');
  end if;
  if exists (select from public.subaccounts s where s.subaccount = p_sub) then
    perform ledger.refuse('sub_is_subaccount');
  end if;
  -- Its row first: whoever moves money to it at the same moment has either done so by now, or waits and finds the family.
  v_main := ledger.open_account(p_main);
  v_sub := ledger.open_account(p_sub);
  if ledger.has_history(v_sub)
     or exists (select from public.subaccounts s where s.main_account = p_sub) then
    perform ledger.refuse('account_in_use');
  end if;
  if (select count(*) from public.subaccounts s where s.main_account = p_main and s.ended_at is null) >= p_limit then
    perform ledger.refuse('limit_reached');
  end if;

  perform ledger.release_agents(array[p_main, p_sub]);
  update ledger.accounts a set family_no = v_main.family_no where a.account_no = v_sub.account_no;
  v_now := clock_timestamp();
  insert into public.subaccounts (subaccount, main_account, created_at) values (p_sub, p_main, v_now);
  return json_build_object('main_account', p_main, 'subaccount', p_sub, 'created_at', ledger.unix_milliseconds(v_now));
end $$;

-- The subaccounts of an account with their perp margin in USDT, for the account or its agent.
create or replace function ledger.list_subaccounts(p_account text, p_agent text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_family bigint;
  v_usdt smallint;
begin
  if p_agent is not null then
    perform ledger.require_agent(p_account, p_agent);
  end if;
  select a.family_no into v_family from ledger.accounts a where a.address = p_account;
  select t.token_no into v_usdt from public.tokens t where t.symbol = 'USDT';
  return (
    select coalesce(json_agg(json_build_object(
      'address', s.subaccount, 'balance', ledger.amount_text(coalesce(b.available, 0)),
      'pending_balance', ledger.amount_text(coalesce(b.frozen, 0)),
      'created_at', ledger.unix_milliseconds(s.created_at)) order by s.created_at, s.subaccount), '[]'::json)
    from public.subaccounts s
    left join ledger.accounts a on a.address = s.subaccount
    left join (select m.account_no, m.available, m.frozen from ledger.balances m
      where m.family_no = v_family and m.token_no = v_usdt and m.wallet = 'p') b on b.account_no = a.account_no
    where s.main_account = p_account and s.ended_at is null);
end $$;

revoke all on function ledger.create_subaccount(text, text, integer) from public;
revoke all on function ledger.list_subaccounts(text, text) from public;
grant execute on function ledger.create_subaccount(text, text, integer) to tidegate_signed;
grant execute on function ledger.list_subaccounts(text, text) to tidegate_signed;
