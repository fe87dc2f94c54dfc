-- Binds a key that may sign transfers for an account. Bound to this account already: nothing changes.
create or replace function ledger.bind_agent(
  p_account text, p_agent text, p_limit integer, p_digest bytea, p_expires_at_ms bigint
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_bound public.agent_wallets;
  v_key ledger.accounts;
  v_now timestamptz;
begin
  perform ledger.lock_accounts(array[p_account, p_agent]);
  perform ledger.claim_message(p_account, p_digest);

  select * into v_bound from public.agent_wallets w where w.agent_wallet = p_agent and w.revoked_at is null;
  if found and v_bound.account <> p_account then
    perform ledger.refuse('agent_bound_elsewhere');
  end if;
  v_now := clock_timestamp();
  if not found then
    -- What a key signs for its own account must not be of use for another one.
    select * into v_key from ledger.accounts a where a.address = p_agent;
    if ledger.has_history(v_key)
       or exists (select from public.subaccounts s where s.subaccount = p_agent or s.main_account = p_agent)
       or exists (select from public.agent_wallets w where w.account = p_agent and w.revoked_at is null) then
      perform ledger.refuse('account_in_use');
    end if;
    if (select count(*) from public.agent_wallets w where w.account = p_account and w.revoked_at is null) >= p_limit then
      perform ledger.refuse('limit_reached');
    end if;
    perform ledger.release_agents(array[p_account]);
    insert into public.agent_wallets (id, account, agent_wallet, bound_at)
      values (ledger.new_id(v_now), p_account, p_agent, v_now) returning * into v_bound;
  end if;

  -- Recorded even when nothing changed: played again after a revoke, the message would bind the key once more.
  perform ledger.record_message(p_account, p_digest, p_expires_at_ms, null);
  return json_build_object('account', p_account, 'agent_wallet', p_agent,
    'created_at', ledger.unix_milliseconds(v_bound.bound_at));
end $$;

create or replace function ledger.list_agents(p_account text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select coalesce(json_agg(json_build_object('agent_wallet', w.agent_wallet,
      'created_at', ledger.unix_milliseconds(w.bound_at)) order by w.id), '[]'::json)
    from public.agent_wallets w where w.account = p_account and w.revoked_at is null);
end $$;

-- Ends one binding, or with p_agent null every binding, of an account. With p_agent the account itself the key frees itself
-- from whoever bound it: nobody can take a key that is not theirs. The exclusive lock waits for what agents have begun: when
-- this has answered, nothing they signed moves any more. Answers how many ended.
create or replace function ledger.revoke_agents(p_account text, p_agent text, p_digest bytea, p_expires_at_ms bigint)
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz;
  v_revoked integer;
begin
  perform ledger.lock_accounts(array[p_account]);
  perform ledger.claim_message(p_account, p_digest);

  v_now := clock_timestamp();
  if p_agent = p_account then
    update public.agent_wallets w set revoked_at = v_now where w.agent_wallet = p_agent and w.revoked_at is null;
  else
    update public.agent_wallets w set revoked_at = v_now
      where w.account = p_account and w.revoked_at is null and (p_agent is null or w.agent_wallet = p_agent);
  end if;
  get diagnostics v_revoked = row_count;
  if p_agent is not null and v_revoked = 0 then
    perform ledger.refuse('not_found');
  end if;
  perform ledger.record_message(p_account, p_digest, p_expires_at_ms, null);
  return v_revoked;
end $$;

revoke all on function ledger.bind_agent(text, text, integer, bytea, bigint) from public;
revoke all on function ledger.list_agents(text) from public;
revoke all on function ledger.revoke_agents(text, text, bytea, bigint) from public;
grant execute on function ledger.bind_agent(text, text, integer, bytea, bigint) to tidegate_signed;
grant execute on function ledger.list_agents(text) to tidegate_signed;
grant execute on function ledger.revoke_agents(text, text, bytea, bigint) to tidegate_signed;
