-- User API keys. The edge makes the key and passes on only its SHA-256, from which nobody can recover the key.

-- The account of a live key, by the key's SHA-256. No login reads the hashes themselves.
create or replace function ledger.account_of_api_key(p_key_hash bytea) returns text
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select k.account from public.api_keys k where k.key_hash = p_key_hash and k.revoked_at is null
$$;

-- The account's lock comes first and the count is a later statement: raced creates never exceed the limit.
create or replace function ledger.create_api_key(p_account text, p_label text, p_key_hash bytea, p_live_max integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_at timestamptz;
  v_id uuid;
begin
  perform pg_advisory_xact_lock(ledger.lock_of('api-keys', p_account));
  if (select count(*) from public.api_keys k where k.account = p_account and k.revoked_at is null) >= p_live_max then
    perform ledger.refuse('limit_reached');
  end if;
  v_at := clock_timestamp();
  v_id := ledger.new_id(v_at);
  insert into public.api_keys (id, account, label, key_hash, created_at) values (v_id, p_account, p_label, p_key_hash, v_at);
  return json_build_object('id', v_id, 'label', p_label, 'created_at', ledger.unix_seconds(v_at));
end $$;

-- Ends a key at once: the next look-up of its hash finds nothing. Somebody else's key is as unknown as none.
create or replace function ledger.revoke_api_key(p_account text, p_id uuid) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_revoked_at timestamptz;
begin
  update public.api_keys k set revoked_at = clock_timestamp()
    where k.id = p_id and k.account = p_account and k.revoked_at is null
    returning k.revoked_at into v_revoked_at;
  if not found then
    perform ledger.refuse('not_found');
  end if;
  return json_build_object('id', p_id, 'revoked_at', ledger.unix_seconds(v_revoked_at));
end $$;

revoke all on function ledger.account_of_api_key(bytea), ledger.create_api_key(text, text, bytea, integer),
  ledger.revoke_api_key(text, uuid) from public;
grant execute on function ledger.account_of_api_key(bytea) to tidegate_reads, tidegate_withdrawals;
grant execute on function ledger.create_api_key(text, text, bytea, integer), ledger.revoke_api_key(text, uuid) to tidegate_sessions;
