-- Idempotency keys: found under a lock of their own, written with the movement, never changed.

-- A key's row has the place of its endpoint here: a new one comes last.
create or replace function ledger.key_endpoints() returns text[]
language sql immutable parallel safe
return array['spot-transfer', 'admin-credit', 'spot-withdraw-request', 'subaccount-spot-transfer'];

-- Half of a SHA-256 as a uuid: 16 bytes are enough to tell requests and keys of one caller apart, and make the shortest row.
create or replace function ledger.half_hash(p_sha256 bytea) returns uuid
language sql immutable parallel safe
return encode(substr(p_sha256, 1, 16), 'hex')::uuid;

-- What a key is kept as. p_account: the caller, or `admin`. Who looks for one asks
--   select * from idempotency_keys where key_id = ledger.key_id('0x…', 'spot-transfer', 'the key')
create or replace function ledger.key_id(p_account text, p_endpoint text, p_key text) returns uuid
language sql immutable parallel safe
return ledger.half_hash(sha256(convert_to(concat_ws(E'\n', p_account, p_endpoint, p_key), 'UTF8')));

-- Serializes callers of one idempotency key, then finds what the first one did (no row: nobody came before).
-- The lock comes first and the look-up is a later statement, so a waiter sees what the winner committed.
create or replace function ledger.find_key(p_account text, p_endpoint text, p_key text) returns ledger.idempotency_keys
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_key ledger.idempotency_keys;
  v_family bigint;
  v_id uuid := ledger.key_id(p_account, p_endpoint, p_key);
begin
  perform pg_advisory_xact_lock(hashtextextended(p_account || E'\n' || p_endpoint || E'\n' || p_key, 0));
  if p_account = 'admin' then
    v_family := 0;
  else
    select a.family_no into v_family from ledger.accounts a where a.address = p_account;
  end if;
  select * into v_key from ledger.idempotency_keys k where k.family_no = v_family and k.key_id = v_id;
  return v_key;
end $$;

-- The same for endpoints that answer a repeated request like the first one: another request under its key is refused.
create or replace function ledger.claim_key(p_account text, p_endpoint text, p_key text, p_request_hash bytea)
returns ledger.idempotency_keys
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_key ledger.idempotency_keys;
begin
  begin
    v_key := ledger.find_key(p_account, p_endpoint, p_key);
  exception when lock_not_available then
    perform ledger.refuse('request_in_progress');
  end;
  if v_key.request_hash <> ledger.half_hash(p_request_hash) then
    perform ledger.refuse('idempotency_key_reused');
  end if;
  return v_key;
end $$;

-- In the transaction of the movement, whose giver is the caller; or the admin, in nobody's family.
create or replace function ledger.record_key(
  p_account text, p_endpoint text, p_key text, p_request_hash bytea, p_posting ledger.posting, p_withdrawal_id uuid default null
) returns void
language plpgsql volatile as $$
declare
  v_family bigint := case p_account when 'admin' then 0 else p_posting.family_no end;
  v_id uuid := ledger.key_id(p_account, p_endpoint, p_key);
  v_hash uuid := ledger.half_hash(p_request_hash);
  v_endpoint smallint := array_position(ledger.key_endpoints(), p_endpoint);
begin
  insert into ledger.idempotency_keys (family_no, key_id, request_hash, movement_id, withdrawal_id, endpoint)
    values (v_family, v_id, v_hash, p_posting.transfer_id, p_withdrawal_id, v_endpoint);
end $$;

-- What the history reads by (history.ts).
grant execute on function ledger.key_endpoints(), ledger.half_hash(bytea), ledger.key_id(text, text, text) to tidegate_reads;
