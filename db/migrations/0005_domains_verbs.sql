-- source: db/ledger/core.sql
-- The only code that writes balances, transfers and entries. Every verb calls ledger.post; nobody else may.

-- How a verb refuses: a SQLSTATE of class TG, never a text to be matched. db/client.ts has the same list.
create or replace function ledger.refuse(p_code text, p_detail text default null) returns void
language plpgsql set search_path = pg_catalog, pg_temp as $$
begin
  if p_detail is null then
    raise exception using errcode = p_code, message = 'refused';
  end if;
  raise exception using errcode = p_code, message = 'refused', detail = p_detail;
end $$;

-- uuid v7 of a moment: 48 bits of milliseconds, 12 of what is below (together: units of 1/4096 ms), the rest random.
create or replace function ledger.new_id(p_at timestamptz) returns uuid
language sql volatile
return (overlay(lpad(to_hex(floor(extract(epoch from p_at) * 4096000)::bigint), 15, '0') placing '7' from 13 for 0)
  || right(gen_random_uuid()::text, 17))::uuid;

-- Decimal text as the wire has it: no trailing zeros, zero is "0", never an exponent.
create or replace function ledger.amount_text(p_amount numeric) returns text
language sql immutable parallel safe as $$ select trim_scale(p_amount)::text $$;

create or replace function ledger.unix_seconds(p_at timestamptz) returns bigint
language sql stable parallel safe as $$ select floor(extract(epoch from p_at))::bigint $$;

-- Why a token with so many decimals cannot move an amount, as the code to refuse it with; null where it can.
-- NaN and the infinities are above every number, so the upper bound refuses them.
create or replace function ledger.amount_refusal(p_amount numeric, p_decimals integer) returns text
language sql immutable parallel safe
return case
  when p_amount is null or abs(p_amount) >= 1e20 or p_amount <> round(p_amount, p_decimals) then 'TG002'
  when p_amount <= 0 then 'TG003' end;

-- The token's row, after a look at the amount.
create or replace function ledger.checked_token(p_token text, p_amount numeric) returns public.tokens
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_token public.tokens;
  v_refusal text;
begin
  select * into v_token from public.tokens t where t.symbol = p_token;
  if not found then
    perform ledger.refuse('TG001');
  end if;
  v_refusal := ledger.amount_refusal(p_amount, v_token.decimals);
  if v_refusal is not null then
    perform ledger.refuse(v_refusal);
  end if;
  return v_token;
end $$;

-- Gives to a balance row that was not there a moment ago. Two first uses at once make one row, and both amounts arrive.
create or replace function ledger.open_balance(p_account text, p_wallet text, p_token text, p_amount numeric)
returns public.balances
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.balances;
begin
  insert into public.balances as b (account, wallet, token, available, version, updated_at)
    values (p_account, p_wallet, p_token, p_amount, 1, clock_timestamp())
    on conflict (account, wallet, token) do update
      set available = b.available + excluded.available, version = b.version + 1, updated_at = excluded.updated_at
    returning * into v_row;
  return v_row;
end $$;

-- One movement: locks the balance rows in (account, wallet) order, writes the transfer and a leg for each side.
-- A wallet 'system' has entries and no balance row, so it is never a hot row. The same account and wallet on both sides
-- freezes (p_from_frozen false) or unfreezes (true); else it takes from available, or from frozen when p_from_frozen.
--
-- Only a verb calls it, so it has the verb's search_path: a SET of its own, or a function for each step, costs as much as
-- the movement's own statements do.
create or replace function ledger.post(
  p_kind text, p_token text, p_amount numeric,
  p_from_account text, p_from_wallet text, p_to_account text, p_to_wallet text,
  p_from_frozen boolean default false, p_reference jsonb default null
) returns ledger.posting
language plpgsql volatile as $$
declare
  v_from public.balances;
  v_to public.balances;
  v_id uuid;
  v_at timestamptz;
  v_one_row boolean := p_from_account = p_to_account and p_from_wallet = p_to_wallet;
  v_from_first boolean := (p_from_account collate "C", p_from_wallet collate "C") < (p_to_account collate "C", p_to_wallet collate "C");
  -- What the side that gives loses; within one row the other column gains it.
  v_available_delta numeric := case when not p_from_frozen then -p_amount when v_one_row then p_amount else 0 end;
  v_frozen_delta numeric := case when p_from_frozen then -p_amount when v_one_row then p_amount else 0 end;
begin
  if p_amount is null or not (p_amount > 0 and p_amount < 'NaN') then
    perform ledger.refuse('TG003');
  end if;

  for v_turn in 1..2 loop
    if v_from_first = (v_turn = 1) then
      continue when p_from_wallet = 'system';
      -- The guard stands on the row being locked, so no waiter slips past it.
      update public.balances b
        set available = b.available + v_available_delta, frozen = b.frozen + v_frozen_delta,
          version = b.version + 1, updated_at = clock_timestamp()
        where b.account = p_from_account and b.wallet = p_from_wallet and b.token = p_token
          and b.available + v_available_delta >= 0 and b.frozen + v_frozen_delta >= 0
        returning * into v_from;
      if not found then
        perform ledger.refuse('TG004');
      end if;
    else
      continue when v_one_row or p_to_wallet = 'system';
      update public.balances b
        set available = b.available + p_amount, version = b.version + 1, updated_at = clock_timestamp()
        where b.account = p_to_account and b.wallet = p_to_wallet and b.token = p_token
        returning * into v_to;
      if not found then
        v_to := ledger.open_balance(p_to_account, p_to_wallet, p_token, p_amount);
      end if;
      -- What is frozen keeps its room: else it could not come back, and one such row would stop a whole batch of expiries.
      if v_to.available + v_to.frozen >= 1e20 then
        perform ledger.refuse('TG002');
      end if;
    end if;
  end loop;

  -- After the locks: one account's movements carry times and ids in the order they happened.
  v_at := clock_timestamp();
  v_id := ledger.new_id(v_at);
  insert into public.transfers (id, kind, token, amount, from_account, from_wallet, to_account, to_wallet, reference, created_at)
    values (v_id, p_kind, p_token, p_amount, p_from_account, p_from_wallet, p_to_account, p_to_wallet, p_reference, v_at);
  if v_one_row then
    insert into public.entries (account, id, transfer_id, wallet, token, available_delta, frozen_delta, available_after, frozen_after, version)
      values (p_from_account, ledger.new_id(v_at), v_id, p_from_wallet, p_token, v_available_delta, v_frozen_delta,
        v_from.available, v_from.frozen, v_from.version);
  else
    insert into public.entries (account, id, transfer_id, wallet, token, available_delta, frozen_delta, available_after, frozen_after, version)
      values
        (p_from_account, ledger.new_id(v_at), v_id, p_from_wallet, p_token, v_available_delta, v_frozen_delta,
          v_from.available, v_from.frozen, v_from.version),
        (p_to_account, ledger.new_id(v_at), v_id, p_to_wallet, p_token, p_amount, 0, v_to.available, v_to.frozen, v_to.version);
  end if;
  return row(v_id, v_at, v_from, v_to)::ledger.posting;
end $$;

-- What the stream tells the account after the commit.
create or replace function ledger.push_of(p_balance public.balances) returns json
language sql stable as $$
  select json_build_object('account', p_balance.account, 'token', p_balance.token,
    'available', ledger.amount_text(p_balance.available), 'frozen', ledger.amount_text(p_balance.frozen),
    'version', p_balance.version, 'ts', ledger.unix_seconds(p_balance.updated_at))
$$;

-- Serializes callers of one idempotency key, then tells what the first one was answered (null: nobody was yet).
-- The lock comes first and the look-up is a later statement, so a waiter sees what the winner committed.
create or replace function ledger.claim_key(p_account text, p_endpoint text, p_key text, p_request_hash bytea)
returns public.idempotency_keys
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_key public.idempotency_keys;
begin
  begin
    perform pg_advisory_xact_lock(hashtextextended(p_account || E'\n' || p_endpoint || E'\n' || p_key, 0));
  exception when lock_not_available then
    perform ledger.refuse('TG006');
  end;
  select * into v_key from public.idempotency_keys k
    where k.account = p_account and k.endpoint = p_endpoint and k.key = p_key;
  if found and v_key.request_hash <> p_request_hash then
    perform ledger.refuse('TG005');
  end if;
  return v_key;
end $$;
--> statement-breakpoint

-- source: db/ledger/reserve.sql
-- available -> frozen, with the nonce, the deadline and every field that will be signed fixed on a row `reserved`.
--
-- Locks: the key, the account's nonce row, then its balance row. The checks stand in the order of the contract's error
-- table; what the edge could not read comes as null and is refused in its turn, so that one round trip keeps that order.
-- The deadline is by this clock, as requested_at is. It needs no agreement with the chain's: a wrong one gives the user
-- more or less time to use the signature, and expiry is only ever decided on chain time.
create or replace function ledger.reserve(
  p_account text, p_token text, p_amount numeric, p_recipient text, p_chain_id bigint, p_vault text,
  p_ttl_seconds integer, p_next_on_chain bigint, p_key text, p_request_hash bytea
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_key public.idempotency_keys;
  v_token public.tokens;
  v_refusal text;
  v_next bigint;
  v_nonce bigint;
  v_now timestamptz;
  v_id uuid;
  v_wei numeric;
  v_deadline bigint;
  v_posting ledger.posting;
begin
  if p_key is not null then
    v_key := ledger.claim_key(p_account, 'spot-withdraw-request', p_key, p_request_hash);
    if v_key.answer is not null then
      return json_build_object('outcome', 'replayed', 'answer', v_key.answer, 'pushes', '[]'::json);
    elsif v_key.withdrawal_id is not null then
      perform ledger.refuse('TG006');
    end if;
  end if;

  if ledger.withdrawals_paused(p_account) then
    perform ledger.refuse('TG010');
  end if;
  select * into v_token from public.tokens t where t.symbol = p_token and t.withdrawable and t.chain_id = p_chain_id;
  if not found then
    perform ledger.refuse('TG001');
  end if;
  v_refusal := ledger.amount_refusal(p_amount, v_token.decimals);
  if v_refusal is not null then
    perform ledger.refuse(v_refusal);
  end if;
  if p_amount < v_token.min_withdraw then
    perform ledger.refuse('TG012', ledger.amount_text(v_token.min_withdraw));
  end if;
  if p_recipient is null then
    perform ledger.refuse('TG014');
  end if;
  if p_account !~ '^0x[0-9a-f]{40}$' then
    perform ledger.refuse('TG015');
  end if;

  if p_next_on_chain is not null then
    insert into public.withdrawal_nonces (account, chain_id, vault, next_on_chain)
      values (p_account, p_chain_id, p_vault, p_next_on_chain) on conflict do nothing;
  end if;
  select n.next_on_chain into v_next from public.withdrawal_nonces n
    where n.account = p_account and n.chain_id = p_chain_id and n.vault = p_vault for update;

  -- ledger.post guards the balance again; looking first gives this refusal its place before the two below.
  if not exists (select from public.balances b
      where b.account = p_account and b.wallet = 'spot' and b.token = p_token and b.available >= p_amount) then
    perform ledger.refuse('TG004');
  end if;
  if v_next is null then
    return json_build_object('outcome', 'nonce_unknown', 'pushes', '[]'::json);
  end if;
  if exists (select from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault
      and w.account = p_account and w.status = 'reserved') then
    perform ledger.refuse('TG011');
  end if;

  select min(candidate.nonce) into v_nonce from (
    select v_next as nonce
    union all
    select w.nonce + 1 from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault
      and w.account = p_account and w.nonce >= v_next and w.status in ('reserved', 'signed', 'confirmed')
  ) candidate
  where not exists (select from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault
    and w.account = p_account and w.nonce = candidate.nonce and w.status in ('reserved', 'signed', 'confirmed'));

  v_now := clock_timestamp();
  v_id := ledger.new_id(v_now);
  v_wei := round(p_amount * ('1e' || v_token.decimals)::numeric);
  v_deadline := ledger.unix_seconds(v_now) + p_ttl_seconds;
  v_posting := ledger.post('withdraw_reserve', p_token, p_amount, p_account, 'spot', p_account, 'spot',
    p_reference => jsonb_build_object('withdrawal_id', v_id));
  insert into public.withdrawals (id, account, token, amount, amount_in_wei, recipient, chain_id, vault, contract, nonce,
      deadline, status, idempotency_key, requested_at)
    values (v_id, p_account, p_token, p_amount, v_wei, p_recipient, p_chain_id, p_vault, v_token.contract, v_nonce,
      v_deadline, 'reserved', p_key, v_now);
  if p_key is not null then
    insert into public.idempotency_keys (account, endpoint, key, request_hash, transfer_id, withdrawal_id, created_at)
      values (p_account, 'spot-withdraw-request', p_key, p_request_hash, v_posting.transfer_id, v_id, v_now);
  end if;
  return json_build_object(
    'outcome', 'reserved',
    'reservation', json_build_object('id', v_id, 'account', p_account, 'contract', v_token.contract,
      'amount_in_wei', v_wei::text, 'nonce', v_nonce, 'deadline', v_deadline),
    'pushes', json_build_array(ledger.push_of(v_posting.from_balance)));
end $$;

-- Is signing paused, for everybody or (an event of the account could not be processed) for this account?
create or replace function ledger.withdrawals_paused(p_account text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from public.switches s where s.name = 'withdrawals_paused' and s.engaged)
    or exists (select from public.chain_logs l where l.account = p_account and l.status = 'quarantined');
end $$;

revoke all on function ledger.reserve(text, text, numeric, text, bigint, text, integer, bigint, text, bytea) from public;
grant execute on function ledger.reserve(text, text, numeric, text, bigint, text, integer, bigint, text, bytea) to tidegate_edge;
--> statement-breakpoint

-- source: db/ledger/transfer.sql
-- Perp margin <-> spot wallet of one account: one movement, one database turn.
create or replace function ledger.transfer(
  p_account text, p_token text, p_direction text, p_amount numeric, p_key text, p_request_hash bytea
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_key public.idempotency_keys;
  v_decimals smallint;
  v_refusal text;
  v_posting ledger.posting;
  v_perp public.balances;
  v_spot public.balances;
  v_answer json;
begin
  if p_key is not null then
    v_key := ledger.claim_key(p_account, 'spot-transfer', p_key, p_request_hash);
    if v_key.answer is not null then
      return json_build_object('answer', v_key.answer, 'replayed', true, 'pushes', '[]'::json);
    end if;
  end if;

  if p_direction is null or p_direction not in ('perp_to_spot', 'spot_to_perp') then
    perform ledger.refuse('TG007');
  end if;
  select t.decimals into v_decimals from public.tokens t where t.symbol = p_token and t.transferable;
  if not found then
    perform ledger.refuse('TG001');
  end if;
  v_refusal := ledger.amount_refusal(p_amount, v_decimals);
  if v_refusal is not null then
    perform ledger.refuse(v_refusal);
  end if;

  if p_direction = 'perp_to_spot' then
    v_posting := ledger.post('perp_to_spot', p_token, p_amount, p_account, 'perp', p_account, 'spot');
    v_perp := v_posting.from_balance;
    v_spot := v_posting.to_balance;
  else
    v_posting := ledger.post('spot_to_perp', p_token, p_amount, p_account, 'spot', p_account, 'perp');
    v_spot := v_posting.from_balance;
    v_perp := v_posting.to_balance;
  end if;

  v_answer := json_build_object(
    'direction', p_direction, 'token', p_token, 'amount', ledger.amount_text(p_amount),
    'perp_balance_after', ledger.amount_text(v_perp.available), 'spot_balance_after', ledger.amount_text(v_spot.available),
    'transfer_id', v_posting.transfer_id, 'created_at', ledger.unix_seconds(v_posting.created_at));
  if p_key is not null then
    insert into public.idempotency_keys (account, endpoint, key, request_hash, transfer_id, answer, created_at)
      values (p_account, 'spot-transfer', p_key, p_request_hash, v_posting.transfer_id, v_answer, v_posting.created_at);
  end if;
  return json_build_object('answer', v_answer, 'replayed', false, 'pushes', json_build_array(ledger.push_of(v_spot)));
end $$;

revoke all on function ledger.transfer(text, text, text, numeric, text, bytea) from public;
grant execute on function ledger.transfer(text, text, text, numeric, text, bytea) to tidegate_edge;
--> statement-breakpoint

revoke all on all functions in schema ledger from public;
