-- What the verbs behind wallet-signed messages share.

create or replace function ledger.unix_milliseconds(p_at timestamptz) returns bigint
language sql stable parallel safe as $$ select floor(extract(epoch from p_at) * 1000)::bigint $$;

-- Who an account is (agents, subaccounts) changes under its exclusive lock; an agent acts under the shared ones of the
-- account and of itself. Advisory locks queue fairly: a stream of sharers cannot starve a revoke, as row locks would let them.
create or replace function ledger.lock_accounts(p_accounts text[], p_shared boolean default false) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_lock bigint;
begin
  for v_lock in
    select distinct ledger.lock_of('accounts', a) from unnest(p_accounts) a order by 1
  loop
    if p_shared then
      perform pg_advisory_xact_lock_shared(v_lock);
    else
      perform pg_advisory_xact_lock(v_lock);
    end if;
  end loop;
end $$;

-- The agent must be bound to the account now. Call it in a later statement than lock_accounts.
create or replace function ledger.require_agent(p_account text, p_agent text) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  if not exists (select from public.agent_wallets w
      where w.agent_wallet = p_agent and w.account = p_account and w.revoked_at is null) then
    perform ledger.refuse('agent_not_authorized');
  end if;
end $$;

-- A key that signs for itself what only an account does stops being somebody's agent: nobody can keep a stranger's key
-- from being an account by binding it. Needs the keys' exclusive locks.
create or replace function ledger.release_agents(p_keys text[]) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  update public.agent_wallets w set revoked_at = clock_timestamp() where w.agent_wallet = any(p_keys) and w.revoked_at is null
$$;

-- Refuses a message that was carried out before, whoever it was for: the digest names the signer and the text.
create or replace function ledger.claim_message(p_account text, p_digest bytea) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_first public.signed_messages;
begin
  perform pg_advisory_xact_lock(ledger.lock_of('messages', encode(p_digest, 'hex')));
  select * into v_first from public.signed_messages m where m.digest = p_digest;
  if found then
    perform ledger.refuse('duplicate_signature', case when v_first.account = p_account and v_first.transfer_id is not null then
      ledger.first_movement(v_first.transfer_id)::text end);
  end if;
end $$;

create or replace function ledger.first_movement(p_transfer_id uuid) returns json
language sql stable as $$
  select json_build_object('transfer_id', p_transfer_id, 'created_at', ledger.unix_milliseconds(ledger.time_of(p_transfer_id)))
$$;

-- In the transaction of the effect, so that a refused message may be sent again.
create or replace function ledger.record_message(
  p_account text, p_digest bytea, p_expires_at_ms bigint, p_transfer_id uuid
) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into public.signed_messages (digest, account, transfer_id, expires_at)
    values (p_digest, p_account, p_transfer_id, to_timestamp(p_expires_at_ms / 1000.0))
$$;
