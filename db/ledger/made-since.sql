-- What a stolen login leaves behind when its password is new: keys and families that look like anybody's. For a person, who says since
-- when it was in other hands.

-- Everything of these kinds that was made since then and still gives somebody a right. `other`: who has that right, and the account
-- whose it is.
create or replace function ledger.made_since(p_since timestamptz)
returns table (kind text, id text, account text, other text, made_at timestamptz)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select 'api key', k.id::text, k.account, coalesce(k.label, ''), k.created_at from public.api_keys k
    where k.created_at >= p_since and k.revoked_at is null
  union all
  select 'agent', w.id::text, w.account, w.agent_wallet, w.bound_at from public.agent_wallets w
    where w.bound_at >= p_since and w.revoked_at is null
  union all
  select 'subaccount', s.subaccount, s.main_account, s.subaccount, s.created_at from public.subaccounts s
    where s.created_at >= p_since and s.ended_at is null
  order by 5, 1, 2
$$;

-- What a subaccount has available goes back to its main account. What is frozen stays: its signatures may be paid.
create or replace function ledger.empty_subaccount(p_subaccount text, p_main text, p_why text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_balance record;
begin
  for v_balance in
    select b.token, b.wallet, b.available from public.balances b where b.account = p_subaccount and b.available > 0 order by b.wallet, b.token
  loop
    perform ledger.post(case v_balance.wallet when 'perp' then 'subaccount_perp_transfer' else 'subaccount_spot_transfer' end, v_balance.token, v_balance.available, p_subaccount, v_balance.wallet,
      p_main, v_balance.wallet, p_reference => jsonb_build_object('ended', p_why));
  end loop;
end $$;

-- Ends all of it, and brings back what the subaccounts have available. {ended: how many, frozen: what signatures of them may still
-- take}. A family is for ever: an ended subaccount stays in it, and neither moves anything nor withdraws.
create or replace function ledger.end_made_since(p_since timestamptz, p_why text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_made record;
  v_ended integer := 0;
  v_now timestamptz;
  v_subaccounts text[] := '{}';
begin
  -- Whoever acts with one of them has ended, or waits and finds it ended.
  perform ledger.lock_accounts(array(select m.account from ledger.made_since(p_since) m union select m.other from ledger.made_since(p_since) m
    where m.kind <> 'api key'));
  v_now := clock_timestamp();
  for v_made in select * from ledger.made_since(p_since) loop
    if v_made.kind = 'api key' then
      update public.api_keys k set revoked_at = v_now where k.id = v_made.id::uuid and k.revoked_at is null;
    elsif v_made.kind = 'agent' then
      update public.agent_wallets w set revoked_at = v_now where w.id = v_made.id::uuid and w.revoked_at is null;
    else
      update public.subaccounts s set ended_at = v_now, ended_why = p_why where s.subaccount = v_made.id and s.ended_at is null;
      v_subaccounts := v_subaccounts || v_made.id;
      perform ledger.empty_subaccount(v_made.id, v_made.account, p_why);
    end if;
    v_ended := v_ended + 1;
  end loop;
  return json_build_object('ended', v_ended, 'frozen', (
    select coalesce(json_agg(concat_ws(' ', ledger.amount_text(b.frozen), b.token, 'of', b.account) order by b.account, b.token), '[]')
    from public.balances b where b.account = any(v_subaccounts) and b.frozen > 0));
end $$;

revoke all on function ledger.made_since(timestamptz), ledger.end_made_since(timestamptz, text) from public;
