-- source: db/ledger/agents.sql
-- Binds a key that may sign transfers for an account. Bound to this account already: nothing changes.
create or replace function ledger.agent_bind(
  p_account text, p_agent text, p_limit integer, p_digest bytea, p_expires_at_ms bigint
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_bound public.agent_wallets;
  v_now timestamptz;
begin
  perform ledger.lock_accounts(array[p_account, p_agent]);
  perform ledger.claim_message(p_account, p_digest);

  select * into v_bound from public.agent_wallets w where w.agent_wallet = p_agent and w.revoked_at is null;
  if found and v_bound.account <> p_account then
    perform ledger.refuse('TG029');
  end if;
  v_now := clock_timestamp();
  if not found then
    -- What a key signs for its own account must not be of use for another one.
    if exists (select from public.balances b where b.account = p_agent)
       or exists (select from public.subaccounts s where s.subaccount = p_agent or s.main_account = p_agent)
       or exists (select from public.agent_wallets w where w.account = p_agent and w.revoked_at is null) then
      perform ledger.refuse('TG028');
    end if;
    if (select count(*) from public.agent_wallets w where w.account = p_account and w.revoked_at is null) >= p_limit then
      perform ledger.refuse('TG024');
    end if;
    perform ledger.release_agents(array[p_account]);
    insert into public.agent_wallets (id, account, agent_wallet, bound_at)
      values (ledger.new_id(v_now), p_account, p_agent, v_now) returning * into v_bound;
  end if;

  -- Recorded even when nothing changed: played again after a revoke, the message would bind the key once more.
  perform ledger.record_message(p_account, p_digest, p_expires_at_ms, null, v_now);
  return json_build_object('account', p_account, 'agent_wallet', p_agent,
    'created_at', ledger.unix_milliseconds(v_bound.bound_at));
end $$;

create or replace function ledger.agent_list(p_account text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  return (
    select coalesce(json_agg(json_build_object('agent_wallet', w.agent_wallet,
      'created_at', ledger.unix_milliseconds(w.bound_at)) order by w.id), '[]'::json)
    from public.agent_wallets w where w.account = p_account and w.revoked_at is null);
end $$;

-- Ends one binding, or with p_agent null every binding, of an account. The exclusive lock waits for what agents have begun:
-- when this has answered, nothing they signed moves any more. Answers how many ended.
create or replace function ledger.agent_revoke(p_account text, p_agent text, p_digest bytea, p_expires_at_ms bigint)
returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz;
  v_revoked integer;
begin
  perform ledger.lock_accounts(array[p_account]);
  perform ledger.claim_message(p_account, p_digest);

  v_now := clock_timestamp();
  update public.agent_wallets w set revoked_at = v_now
    where w.account = p_account and w.revoked_at is null and (p_agent is null or w.agent_wallet = p_agent);
  get diagnostics v_revoked = row_count;
  if p_agent is not null and v_revoked = 0 then
    perform ledger.refuse('TG030');
  end if;
  perform ledger.record_message(p_account, p_digest, p_expires_at_ms, null, v_now);
  return v_revoked;
end $$;

revoke all on function ledger.agent_bind(text, text, integer, bytea, bigint) from public;
revoke all on function ledger.agent_list(text) from public;
revoke all on function ledger.agent_revoke(text, text, bytea, bigint) from public;
grant execute on function ledger.agent_bind(text, text, integer, bytea, bigint) to tidegate_edge;
grant execute on function ledger.agent_list(text) to tidegate_edge;
grant execute on function ledger.agent_revoke(text, text, bytea, bigint) to tidegate_edge;
--> statement-breakpoint

-- source: db/ledger/alerts.sql
-- What a person must see: one open row a key, so that a fault that lasts is counted and does not flood.
create or replace function ledger.raise_alert(p_key text, p_kind text, p_detail jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  insert into public.alerts as a (id, key, kind, detail, created_at, last_seen_at)
    values (ledger.new_id(v_now), p_key, p_kind, p_detail, v_now, v_now)
    on conflict (key) where resolved_at is null do update
      set times_seen = a.times_seen + 1, last_seen_at = excluded.last_seen_at, detail = excluded.detail;
end $$;

-- For a person. False: there is no such open alert.
create or replace function ledger.resolve_alert(p_id uuid, p_why text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', p_why)
    where a.id = p_id and a.resolved_at is null;
  return found;
end $$;

-- The webhook took these.
create or replace function ledger.alerts_notified(p_ids uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.alerts a set notified_at = clock_timestamp() where a.id = any(p_ids);
end $$;

revoke all on function ledger.raise_alert(text, text, jsonb), ledger.resolve_alert(uuid, text), ledger.alerts_notified(uuid[]) from public;
grant execute on function ledger.raise_alert(text, text, jsonb), ledger.alerts_notified(uuid[]) to tidegate_settle;
--> statement-breakpoint

-- source: db/ledger/api-keys.sql
-- User API keys. The edge makes the key and gives only its SHA-256; nothing here can tell the key again.
-- The account's lock comes first and the count is a later statement: raced creates never exceed the limit.
create or replace function ledger.create_api_key(p_account text, p_label text, p_key_hash bytea, p_live_max integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_at timestamptz;
  v_id uuid;
begin
  perform pg_advisory_xact_lock(hashtextextended('api-keys' || E'\n' || p_account, 0));
  if (select count(*) from public.api_keys k where k.account = p_account and k.revoked_at is null) >= p_live_max then
    perform ledger.refuse('TG024');
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
    perform ledger.refuse('TG030');
  end if;
  return json_build_object('id', p_id, 'revoked_at', ledger.unix_seconds(v_revoked_at));
end $$;

revoke all on function ledger.create_api_key(text, text, bytea, integer) from public;
grant execute on function ledger.create_api_key(text, text, bytea, integer) to tidegate_edge;
revoke all on function ledger.revoke_api_key(text, uuid) from public;
grant execute on function ledger.revoke_api_key(text, uuid) to tidegate_edge;
--> statement-breakpoint

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

-- uuid v7 of a moment: 48 bits of milliseconds, 12 of what is below, the rest random.
create or replace function ledger.new_id(p_at timestamptz) returns uuid
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_us bigint := floor(extract(epoch from p_at) * 1000000);
begin
  return (lpad(to_hex(v_us / 1000), 12, '0') || '7' || lpad(to_hex((v_us % 1000) * 4096 / 1000), 3, '0')
    || right(replace(gen_random_uuid()::text, '-', ''), 16))::uuid;
end $$;

-- Decimal text as the wire has it: no trailing zeros, zero is "0", never an exponent.
create or replace function ledger.amount_text(p_amount numeric) returns text
language sql immutable parallel safe as $$ select trim_scale(p_amount)::text $$;

create or replace function ledger.unix_seconds(p_at timestamptz) returns bigint
language sql stable parallel safe as $$ select floor(extract(epoch from p_at))::bigint $$;

-- Refuses an amount the token cannot express. Returns the token's row.
create or replace function ledger.checked_token(p_token text, p_amount numeric) returns public.tokens
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_token public.tokens;
begin
  select * into v_token from public.tokens t where t.symbol = p_token;
  if not found then
    perform ledger.refuse('TG001');
  end if;
  if p_amount is null or p_amount = 'NaN' or p_amount in ('Infinity', '-Infinity') or p_amount <> round(p_amount, v_token.decimals)
     or abs(p_amount) >= 1e20 then
    perform ledger.refuse('TG002');
  end if;
  if p_amount <= 0 then
    perform ledger.refuse('TG003');
  end if;
  return v_token;
end $$;

-- Takes from one balance row; the guard stands on the row being locked, so no waiter slips past it.
create or replace function ledger.take(p_account text, p_wallet text, p_token text, p_amount numeric, p_frozen boolean)
returns public.balances
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.balances;
begin
  if p_frozen then
    update public.balances b set frozen = b.frozen - p_amount, version = b.version + 1, updated_at = clock_timestamp()
      where b.account = p_account and b.wallet = p_wallet and b.token = p_token and b.frozen >= p_amount
      returning * into v_row;
  else
    update public.balances b set available = b.available - p_amount, version = b.version + 1, updated_at = clock_timestamp()
      where b.account = p_account and b.wallet = p_wallet and b.token = p_token and b.available >= p_amount
      returning * into v_row;
  end if;
  if not found then
    perform ledger.refuse('TG004');
  end if;
  return v_row;
end $$;

create or replace function ledger.give(p_account text, p_wallet text, p_token text, p_amount numeric)
returns public.balances
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.balances;
begin
  update public.balances b set available = b.available + p_amount, version = b.version + 1, updated_at = clock_timestamp()
    where b.account = p_account and b.wallet = p_wallet and b.token = p_token
    returning * into v_row;
  if not found then
    -- First use: two at once make one row, and both amounts arrive.
    insert into public.balances as b (account, wallet, token, available, version, updated_at)
      values (p_account, p_wallet, p_token, p_amount, 1, clock_timestamp())
      on conflict (account, wallet, token) do update
        set available = b.available + excluded.available, version = b.version + 1, updated_at = excluded.updated_at
      returning * into v_row;
  end if;
  -- What is frozen keeps its room: else it could not come back, and one such row would stop a whole batch of expiries.
  if v_row.available + v_row.frozen >= 1e20 then
    perform ledger.refuse('TG002');
  end if;
  return v_row;
end $$;

-- Moves an amount inside one balance row between available and frozen.
create or replace function ledger.shift(p_account text, p_wallet text, p_token text, p_amount numeric, p_freeze boolean)
returns public.balances
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_delta numeric := case when p_freeze then p_amount else -p_amount end;
  v_row public.balances;
begin
  update public.balances b
    set available = b.available - v_delta, frozen = b.frozen + v_delta, version = b.version + 1, updated_at = clock_timestamp()
    where b.account = p_account and b.wallet = p_wallet and b.token = p_token
      and (case when p_freeze then b.available else b.frozen end) >= p_amount
    returning * into v_row;
  if not found then
    perform ledger.refuse('TG004');
  end if;
  return v_row;
end $$;

-- One movement: locks the balance rows in (account, wallet) order, writes the transfer and a leg for each side.
-- A wallet 'system' has entries and no balance row, so it is never a hot row. The same account and wallet on both sides
-- freezes (p_from_frozen false) or unfreezes (true); else it takes from available, or from frozen when p_from_frozen.
create or replace function ledger.post(
  p_kind text, p_token text, p_amount numeric,
  p_from_account text, p_from_wallet text, p_to_account text, p_to_wallet text,
  p_from_frozen boolean default false, p_reference jsonb default null
) returns ledger.posting
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_posting ledger.posting;
  v_from public.balances;
  v_to public.balances;
  v_from_first boolean := (p_from_account collate "C", p_from_wallet collate "C") < (p_to_account collate "C", p_to_wallet collate "C");
begin
  if p_amount is null or not (p_amount > 0 and p_amount < 'NaN') then
    perform ledger.refuse('TG003');
  end if;

  if p_from_account = p_to_account and p_from_wallet = p_to_wallet then
    v_from := ledger.shift(p_from_account, p_from_wallet, p_token, p_amount, not p_from_frozen);
  else
    if p_from_wallet <> 'system' and v_from_first then
      v_from := ledger.take(p_from_account, p_from_wallet, p_token, p_amount, p_from_frozen);
    end if;
    if p_to_wallet <> 'system' then
      v_to := ledger.give(p_to_account, p_to_wallet, p_token, p_amount);
    end if;
    if p_from_wallet <> 'system' and not v_from_first then
      v_from := ledger.take(p_from_account, p_from_wallet, p_token, p_amount, p_from_frozen);
    end if;
  end if;

  -- After the locks: one account's movements carry times and ids in the order they happened.
  v_posting.created_at := clock_timestamp();
  v_posting.transfer_id := ledger.new_id(v_posting.created_at);
  v_posting.from_balance := v_from;
  v_posting.to_balance := v_to;

  insert into public.transfers (id, kind, token, amount, from_account, from_wallet, to_account, to_wallet, reference, created_at)
    values (v_posting.transfer_id, p_kind, p_token, p_amount, p_from_account, p_from_wallet, p_to_account, p_to_wallet, p_reference, v_posting.created_at);

  if p_from_account = p_to_account and p_from_wallet = p_to_wallet then
    insert into public.entries (account, id, transfer_id, wallet, token, available_delta, frozen_delta, available_after, frozen_after, version)
      values (p_from_account, ledger.new_id(v_posting.created_at), v_posting.transfer_id, p_from_wallet, p_token,
        case when p_from_frozen then p_amount else -p_amount end, case when p_from_frozen then -p_amount else p_amount end,
        v_from.available, v_from.frozen, v_from.version);
  else
    insert into public.entries (account, id, transfer_id, wallet, token, available_delta, frozen_delta, available_after, frozen_after, version)
      values
        (p_from_account, ledger.new_id(v_posting.created_at), v_posting.transfer_id, p_from_wallet, p_token,
          case when p_from_frozen then 0 else -p_amount end, case when p_from_frozen then -p_amount else 0 end,
          v_from.available, v_from.frozen, v_from.version),
        (p_to_account, ledger.new_id(v_posting.created_at), v_posting.transfer_id, p_to_wallet, p_token,
          p_amount, 0, v_to.available, v_to.frozen, v_to.version);
  end if;
  return v_posting;
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

-- source: db/ledger/credit.sql
-- Testnet faucet: issuance -> an account's spot wallet, with its audit row.
create or replace function ledger.credit(
  p_account text, p_token text, p_amount numeric, p_reason text, p_request_id text, p_key text, p_request_hash bytea
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_key public.idempotency_keys;
  v_token public.tokens;
  v_posting ledger.posting;
  v_answer json := '{"ok":true}';
begin
  if p_key is not null then
    v_key := ledger.claim_key('admin', 'admin-credit', p_key, p_request_hash);
    if v_key.answer is not null then
      return json_build_object('answer', v_key.answer, 'replayed', true, 'pushes', '[]'::json);
    end if;
  end if;

  v_token := ledger.checked_token(p_token, p_amount);
  v_posting := ledger.post('credit', p_token, p_amount, 'issuance', 'system', p_account, 'spot',
    p_reference => case when p_reason is null then null else jsonb_build_object('reason', p_reason) end);

  insert into public.spot_admin_credits (id, user_address, token, amount, reason, admin_actor, transfer_id, request_id, created_at)
    values (ledger.new_id(v_posting.created_at), p_account, p_token, p_amount, p_reason, 'admin_api_key',
      v_posting.transfer_id, p_request_id, v_posting.created_at);
  if p_key is not null then
    insert into public.idempotency_keys (account, endpoint, key, request_hash, transfer_id, answer, created_at)
      values ('admin', 'admin-credit', p_key, p_request_hash, v_posting.transfer_id, v_answer, v_posting.created_at);
  end if;
  return json_build_object('answer', v_answer, 'replayed', false,
    'pushes', json_build_array(ledger.push_of(v_posting.to_balance)));
end $$;

revoke all on function ledger.credit(text, text, numeric, text, text, text, bytea) from public;
grant execute on function ledger.credit(text, text, numeric, text, text, text, bytea) to tidegate_admin;
--> statement-breakpoint

-- source: db/ledger/expire.sql
-- signed -> expired for a batch, with the proof that the chain never paid and never will: block B is final and its time is
-- past the deadline, so nothing after it can pay; the account's counter AT B is not past the row's nonce, so nothing up to
-- it has paid. p_rows: [{id, next_nonce}], next_nonce read from the vault at B. Every condition is looked at again here,
-- under the row's lock. `unproved`: past the deadline, but the counter is past the nonce and no event is known: never expired.
-- Where another payment is known to have used the nonce, nothing is missing: a person decides (void.sql).
create or replace function ledger.expire(
  p_chain_id bigint, p_vault text, p_block bigint, p_block_hash text, p_block_timestamp bigint, p_rows jsonb
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor public.chain_cursors;
  v_row record;
  v_log public.chain_logs;
  v_posting ledger.posting;
  v_pushes json[] := '{}';
  v_unproved uuid[] := '{}';
  v_since timestamptz;
begin
  select * into v_cursor from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault;
  if not found or v_cursor.block_number < p_block or v_cursor.block_timestamp < p_block_timestamp
     or (v_cursor.block_number = p_block and v_cursor.block_hash <> p_block_hash) then
    return json_build_object('expired', 0, 'unproved', '[]'::json, 'pushes', '[]'::json);
  end if;
  perform ledger.lock_withdrawers(p_chain_id, p_vault, array(
    select distinct w.account from public.withdrawals w
    join jsonb_to_recordset(p_rows) as r(id uuid) on r.id = w.id));

  for v_row in
    select w.*, greatest(r.next_nonce, n.next_on_chain) as chain_nonce
    from jsonb_to_recordset(p_rows) as r(id uuid, next_nonce numeric)
    join public.withdrawals w on w.id = r.id
    left join public.withdrawal_nonces n on n.account = w.account and n.chain_id = w.chain_id and n.vault = w.vault
    where w.chain_id = p_chain_id and w.vault = p_vault and w.status = 'signed' and w.deadline < p_block_timestamp
      and r.next_nonce is not null
      -- A payment of the account that is not processed yet, or made no sense, may be this row's: no proof, and nothing missing.
      -- Two questions, since each has an index of its own, and together they would read every log there is.
      and not exists (select from public.chain_logs l where l.account = w.account and l.status = 'quarantined' and l.event = 'withdrawal')
      and not exists (select from public.chain_logs l where l.account = w.account and l.status = 'pending' and l.event = 'withdrawal')
    order by w.account collate "C", w.token collate "C", w.id
  loop
    if v_row.chain_nonce > v_row.nonce then
      v_log := ledger.nonce_used_by(v_row.id);
      if v_log.tx_hash is not null then
        perform ledger.raise_alert('nonce_used ' || v_row.id, 'nonce_used', jsonb_build_object('withdrawal_id', v_row.id,
          'account', v_row.account, 'nonce', v_row.nonce, 'tx_hash', v_log.tx_hash, 'log_index', v_log.log_index));
        continue;
      end if;
      v_unproved := v_unproved || v_row.id;
      v_since := least(v_since, v_row.requested_at);
      continue;
    end if;
    update public.withdrawals w set status = 'expired', closed_at = clock_timestamp()
      where w.id = v_row.id and w.status = 'signed';
    v_posting := ledger.post('withdraw_expire', v_row.token, v_row.amount + v_row.fee, v_row.account, 'spot',
      v_row.account, 'spot', p_from_frozen => true,
      p_reference => jsonb_build_object('withdrawal_id', v_row.id, 'block', p_block));
    v_pushes := v_pushes || ledger.push_of(v_posting.from_balance);
  end loop;

  if cardinality(v_unproved) > 0 then
    perform ledger.raise_alert('event_missing ' || p_chain_id || ' ' || p_vault, 'event_missing', jsonb_build_object(
      'chain_id', p_chain_id, 'block', p_block, 'count', cardinality(v_unproved), 'withdrawal_ids', to_jsonb(v_unproved[1:20])));
  end if;
  return json_build_object('expired', cardinality(v_pushes), 'unproved', to_json(v_unproved),
    'unproved_since', ledger.unix_seconds(v_since), 'pushes', to_json(v_pushes));
end $$;

revoke all on function ledger.expire(bigint, text, bigint, text, bigint, jsonb) from public;
grant execute on function ledger.expire(bigint, text, bigint, text, bigint, jsonb) to tidegate_settle;
--> statement-breakpoint

-- source: db/ledger/login.sql
-- Uses up a login nonce: the check and the step are one statement, so of two replays one wins. False: somebody was first.
create or replace function ledger.use_login_nonce(p_account text, p_nonce bigint) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_nonce = 0 then
    insert into public.login_nonces (account, next_nonce) values (p_account, 1) on conflict (account) do nothing;
  else
    update public.login_nonces n set next_nonce = n.next_nonce + 1, last_login_at = clock_timestamp()
      where n.account = p_account and n.next_nonce = p_nonce;
  end if;
  return found;
end $$;

revoke all on function ledger.use_login_nonce(text, bigint) from public;
grant execute on function ledger.use_login_nonce(text, bigint) to tidegate_edge;
--> statement-breakpoint

-- source: db/ledger/pause.sql
-- Stops signing. The first reason stays until somebody resumes; an alert stays open meanwhile.
create or replace function ledger.pause_withdrawals(p_reason text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.switches s set engaged = true, reason = p_reason, changed_at = clock_timestamp()
    where s.name = 'withdrawals_paused' and not s.engaged;
  perform ledger.raise_alert('withdrawals_paused', 'withdrawals_paused', jsonb_build_object('reason', p_reason));
end $$;

-- Lets signing go on. The owner alone may: whatever paused it, a person has looked. False: it was not paused.
create or replace function ledger.resume_withdrawals(p_why text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_was_engaged boolean;
begin
  update public.switches s set engaged = false, reason = p_why, changed_at = clock_timestamp()
    where s.name = 'withdrawals_paused' and s.engaged;
  v_was_engaged := found;
  update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', p_why)
    where a.key = 'withdrawals_paused' and a.resolved_at is null;
  return v_was_engaged;
end $$;

revoke all on function ledger.pause_withdrawals(text), ledger.resume_withdrawals(text) from public;
--> statement-breakpoint

-- source: db/ledger/record-logs.sql
-- Raw logs of the vault and the cursor that says how far they reach: both move in one transaction.

create or replace function ledger.event_of(p_topics text[]) returns text
language sql immutable as $$
  select case p_topics[1]
    when '0x175353e3ca145fd7765bcddc19e6045e15845e35122dc401873f8f375cb438a1' then 'withdrawal'
    when '0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d' then 'deposit'
    else 'other' end
$$;

-- The address in an indexed topic; null when the topic is none.
create or replace function ledger.address_of(p_topic text) returns text
language sql immutable as $$
  select case when p_topic ~ '^0x0{24}[0-9a-f]{40}$' then '0x' || right(p_topic, 40) end
$$;

-- The deployment's first cursor. Two copies at once: the first one's stands.
create or replace function ledger.start_cursor(p_chain_id bigint, p_vault text, p_block bigint, p_hash text, p_timestamp bigint)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into public.chain_cursors (chain_id, vault, block_number, block_hash, block_timestamp)
    values (p_chain_id, p_vault, p_block, p_hash, p_timestamp) on conflict do nothing;
end $$;

-- Stores what is not stored yet and answers how many those were. A log that is known by its place but differs is news.
create or replace function ledger.store_logs(p_chain_id bigint, p_vault text, p_logs jsonb, p_cursor_block bigint) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_stored integer;
  v_late integer;
  v_changed text;
begin
  select min(l.tx_hash) into v_changed
  from jsonb_to_recordset(p_logs) as n(tx_hash text, log_index integer, block_hash text, data text, topics text[])
  join public.chain_logs l on l.chain_id = p_chain_id and l.tx_hash = n.tx_hash and l.log_index = n.log_index
  where l.block_hash <> n.block_hash or l.data <> n.data or l.topics <> n.topics;
  if v_changed is not null then
    perform ledger.raise_alert('log_changed ' || v_changed, 'log_changed', jsonb_build_object('tx_hash', v_changed, 'chain_id', p_chain_id));
  end if;

  with inserted as (
    insert into public.chain_logs (chain_id, tx_hash, log_index, vault, block_number, block_hash, block_timestamp, topics, data, event, account)
      select p_chain_id, n.tx_hash, n.log_index, p_vault, n.block_number, n.block_hash, n.block_timestamp, n.topics, n.data,
        ledger.event_of(n.topics), case when ledger.event_of(n.topics) <> 'other' then ledger.address_of(n.topics[2]) end
      from jsonb_to_recordset(p_logs) as n(tx_hash text, log_index integer, block_number bigint, block_hash text,
        block_timestamp bigint, topics text[], data text)
      order by n.tx_hash, n.log_index
      on conflict (chain_id, tx_hash, log_index) do nothing
      returning block_number
  )
  select count(*), count(*) filter (where block_number <= p_cursor_block) into v_stored, v_late from inserted;
  if v_late > 0 then
    perform ledger.raise_alert('logs_were_missed', 'logs_were_missed',
      jsonb_build_object('found', v_late, 'cursor', p_cursor_block, 'chain_id', p_chain_id));
  end if;
  return jsonb_build_object('stored', v_stored, 'late', v_late);
end $$;

-- Logs up to p_to_block, and the cursor with them. p_seen_hash is what the node says now of the block the cursor stands
-- on: when it differs from what was stored, the chain was reorganised below the safe head and nothing moves.
-- outcome: moved; taken (another copy has moved the cursor meanwhile); hash_break.
create or replace function ledger.record_logs(
  p_chain_id bigint, p_vault text, p_cursor_block bigint, p_seen_hash text,
  p_to_block bigint, p_to_hash text, p_to_timestamp bigint, p_logs jsonb
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor public.chain_cursors;
  v_counts jsonb;
begin
  select * into v_cursor from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault for update;
  if not found or v_cursor.block_number <> p_cursor_block then
    return json_build_object('outcome', 'taken', 'stored', 0, 'late', 0);
  end if;
  if v_cursor.block_hash <> p_seen_hash or p_to_block < p_cursor_block or p_to_timestamp < v_cursor.block_timestamp
     or (p_to_block = p_cursor_block and p_to_hash <> v_cursor.block_hash) then
    perform ledger.raise_alert('chain_hash_break', 'chain_hash_break', jsonb_build_object('chain_id', p_chain_id,
      'block', p_cursor_block, 'stored', v_cursor.block_hash, 'seen', p_seen_hash, 'to_block', p_to_block));
    return json_build_object('outcome', 'hash_break', 'stored', 0, 'late', 0);
  end if;
  v_counts := ledger.store_logs(p_chain_id, p_vault, p_logs, p_cursor_block);
  update public.chain_cursors c
    set block_number = p_to_block, block_hash = p_to_hash, block_timestamp = p_to_timestamp, updated_at = clock_timestamp()
    where c.chain_id = p_chain_id and c.vault = p_vault;
  return jsonb_build_object('outcome', 'moved') || v_counts;
end $$;

-- Asks for the blocks from p_from_block on to be read once more; an older wish stays.
create or replace function ledger.request_rescan(p_chain_id bigint, p_vault text, p_from_block bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.chain_cursors c set rescan_from = least(coalesce(c.rescan_from, p_from_block), p_from_block)
    where c.chain_id = p_chain_id and c.vault = p_vault;
end $$;

-- One more range of such a repetition; another copy that was faster makes this one do nothing.
create or replace function ledger.record_rescan(p_chain_id bigint, p_vault text, p_from_block bigint, p_to_block bigint, p_logs jsonb)
returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor public.chain_cursors;
  v_counts jsonb;
begin
  select * into v_cursor from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault for update;
  if not found or v_cursor.rescan_from is distinct from p_from_block or p_to_block > v_cursor.block_number then
    return json_build_object('outcome', 'taken', 'stored', 0, 'late', 0);
  end if;
  v_counts := ledger.store_logs(p_chain_id, p_vault, p_logs, v_cursor.block_number);
  update public.chain_cursors c set rescan_from = case when p_to_block < v_cursor.block_number then p_to_block + 1 end
    where c.chain_id = p_chain_id and c.vault = p_vault;
  return jsonb_build_object('outcome', 'moved') || v_counts;
end $$;

revoke all on function ledger.start_cursor(bigint, text, bigint, text, bigint), ledger.request_rescan(bigint, text, bigint),
  ledger.record_logs(bigint, text, bigint, text, bigint, text, bigint, jsonb), ledger.record_rescan(bigint, text, bigint, bigint, jsonb) from public;
grant execute on function ledger.start_cursor(bigint, text, bigint, text, bigint), ledger.request_rescan(bigint, text, bigint),
  ledger.record_logs(bigint, text, bigint, text, bigint, text, bigint, jsonb), ledger.record_rescan(bigint, text, bigint, bigint, jsonb) to tidegate_settle;
--> statement-breakpoint

-- source: db/ledger/release-stale.sql
-- reserved -> released for requests that died between reserving and storing the signature. By this clock alone, as
-- requested_at is; no signature has left for such a row, so no chain is needed.
create or replace function ledger.release_stale(p_ttl_seconds integer, p_limit integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id uuid;
  v_result json;
  v_pushes json[] := '{}';
begin
  -- In the order in which every verb locks balances; a row that its own request is just ending is left to it.
  for v_id in
    select stale.id from (
      select w.id, w.account, w.token from public.withdrawals w
      where w.status = 'reserved' and w.requested_at < clock_timestamp() - make_interval(secs => p_ttl_seconds)
      order by w.requested_at limit p_limit for update skip locked
    ) stale order by stale.account collate "C", stale.token collate "C", stale.id
  loop
    v_result := ledger.release(v_id, 'reservation_timeout');
    if (v_result ->> 'released')::boolean then
      v_pushes := v_pushes || (v_result -> 'pushes' -> 0);
    end if;
  end loop;
  return json_build_object('released', cardinality(v_pushes), 'pushes', to_json(v_pushes));
end $$;

revoke all on function ledger.release_stale(integer, integer) from public;
grant execute on function ledger.release_stale(integer, integer) to tidegate_settle;
--> statement-breakpoint

-- source: db/ledger/release.sql
-- reserved -> released: frozen -> available. Needs no chain, since no signature has left for a row that is `reserved`.
-- Safe to call at any moment and any number of times: no row touched = nothing moved, and the answer says which.
create or replace function ledger.release(p_id uuid, p_reason text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_posting ledger.posting;
begin
  update public.withdrawals w set status = 'released', release_reason = p_reason, closed_at = clock_timestamp()
    where w.id = p_id and w.status = 'reserved'
    returning * into v_row;
  if not found then
    return json_build_object('released', false, 'pushes', '[]'::json);
  end if;
  v_posting := ledger.post('withdraw_release', v_row.token, v_row.amount + v_row.fee, v_row.account, 'spot',
    v_row.account, 'spot', p_from_frozen => true,
    p_reference => jsonb_build_object('withdrawal_id', v_row.id, 'reason', p_reason));
  -- A request that moved nothing does not use up its key.
  if v_row.idempotency_key is not null then
    delete from public.idempotency_keys k
      where k.account = v_row.account and k.endpoint = 'spot-withdraw-request' and k.key = v_row.idempotency_key
        and k.withdrawal_id = v_row.id;
  end if;
  return json_build_object('released', true, 'pushes', json_build_array(ledger.push_of(v_posting.from_balance)));
end $$;

revoke all on function ledger.release(uuid, text) from public;
grant execute on function ledger.release(uuid, text) to tidegate_edge, tidegate_settle;
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
  if not exists (select from public.tokens t where t.symbol = p_token and t.withdrawable and t.chain_id = p_chain_id) then
    perform ledger.refuse('TG001');
  end if;
  v_token := ledger.checked_token(p_token, p_amount);
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

-- source: db/ledger/settle-deposit.sql
-- {push} credited, {unsupported} recorded without a credit, {reason} to be quarantined.
create or replace function ledger.settle_deposit(p_log public.chain_logs) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_contract text := ledger.address_of(p_log.topics[3]);
  v_wei numeric := ledger.uint256_at(p_log.data, 0);
  v_token public.tokens;
  v_amount numeric;
  v_posting ledger.posting;
  v_now timestamptz;
begin
  if p_log.account is null or v_contract is null or v_wei is null or length(p_log.data) <> 66 or v_wei = 0 then
    return json_build_object('reason', 'malformed');
  end if;
  if exists (select from public.deposits d where d.chain_id = p_log.chain_id and d.tx_hash = p_log.tx_hash and d.log_index = p_log.log_index) then
    return json_build_object('reason', 'deposit_seen_before');
  end if;
  select * into v_token from public.tokens t where t.chain_id = p_log.chain_id and t.contract = v_contract;
  if not found then
    v_now := clock_timestamp();
    insert into public.deposits (id, account, contract, amount_in_wei, chain_id, tx_hash, log_index, block_number, status, created_at)
      values (ledger.new_id(v_now), p_log.account, v_contract, v_wei, p_log.chain_id, p_log.tx_hash, p_log.log_index,
        p_log.block_number, 'unsupported', v_now);
    return json_build_object('unsupported', v_contract);
  end if;
  -- Times a power of ten below one: exact, where a division would cut digits off.
  v_amount := v_wei * ('1e-' || v_token.decimals)::numeric;
  if v_amount >= 1e20 then
    return json_build_object('reason', 'amount_too_large');
  end if;
  v_posting := ledger.post('deposit', v_token.symbol, v_amount, 'vault', 'system', p_log.account, 'spot',
    p_reference => jsonb_build_object('tx_hash', p_log.tx_hash, 'log_index', p_log.log_index));
  insert into public.deposits (id, account, token, contract, amount, amount_in_wei, chain_id, tx_hash, log_index, block_number,
      status, transfer_id, created_at, confirmed_at)
    values (ledger.new_id(v_posting.created_at), p_log.account, v_token.symbol, v_contract, v_amount, v_wei, p_log.chain_id,
      p_log.tx_hash, p_log.log_index, p_log.block_number, 'credited', v_posting.transfer_id, v_posting.created_at, v_posting.created_at);
  return json_build_object('push', ledger.push_of(v_posting.to_balance));
end $$;
--> statement-breakpoint

-- source: db/ledger/settle-events.sql
-- Stored logs become money. Each event stands in a sub-transaction of its own: a bad one is quarantined with its reason,
-- and the others go on.

-- The n-th 32-byte word of hex data as an exact number; null when there is no such word.
create or replace function ledger.uint256_at(p_data text, p_word integer) returns numeric
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  v_hex text := substr(p_data, 3 + 64 * p_word, 64);
  v_value numeric := 0;
begin
  if v_hex !~ '^[0-9a-f]{64}$' then
    return null;
  end if;
  for i in 0..7 loop
    v_value := v_value * 4294967296 + ('x' || substr(v_hex, 1 + 8 * i, 8))::bit(32)::bigint;
  end loop;
  return v_value;
end $$;

-- Events of the vault that move no money of an account, but change what signatures are worth.
create or replace function ledger.settle_other(p_log public.chain_logs) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_kind text := case p_log.topics[1]
    when '0x9154a324422ab4bd034bf7f5dffffe4ef3a4d96b4019b333674815289657e378' then 'vault_signer_changed'
    when '0x0a6387c9ea3628b88a633bb4f3b151770f70085117a15f9bf3787cda53f13d31' then 'vault_domain_changed'
    when '0x62e78cea01bee320cd4e420270b5ea74000d11b0c9f74754ebdbfc544b05a258' then 'vault_paused' end;
begin
  -- The deployment itself sets the first signer, in the place of nobody.
  if v_kind is null or (v_kind = 'vault_signer_changed' and p_log.topics[2] ~ '^0x0{64}$') then
    return;
  end if;
  perform ledger.raise_alert(v_kind || ' ' || p_log.tx_hash, v_kind,
    jsonb_build_object('tx_hash', p_log.tx_hash, 'block', p_log.block_number, 'topics', to_jsonb(p_log.topics)));
end $$;

-- Locks what a batch will touch in the order every verb keeps: nonce rows, then balance rows.
create or replace function ledger.lock_withdrawers(p_chain_id bigint, p_vault text, p_accounts text[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform from public.withdrawal_nonces n where n.chain_id = p_chain_id and n.vault = p_vault and n.account = any(p_accounts)
    order by n.account collate "C" for update;
  perform from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault and w.account = any(p_accounts)
    and w.status in ('reserved', 'signed') order by w.id for update;
  perform from public.balances b where b.account = any(p_accounts) and b.wallet = 'spot'
    order by b.account collate "C", b.wallet collate "C", b.token collate "C" for update;
end $$;

-- One log in a sub-transaction. Answers what became of it; 'later' leaves it pending (a busy row, a database in trouble).
create or replace function ledger.settle_log(p_log public.chain_logs) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_state text;
  v_message text;
begin
  if p_log.event = 'withdrawal' then
    return ledger.settle_withdrawal(p_log);
  elsif p_log.event = 'deposit' then
    return ledger.settle_deposit(p_log);
  end if;
  perform ledger.settle_other(p_log);
  return '{}';
exception when others then
  get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  if left(v_state, 2) in ('08', '40', '53', '54', '55', '57', '58', 'XX') then
    return json_build_object('later', v_state);
  end if;
  return json_build_object('reason', 'failed: ' || v_state || ' ' || left(v_message, 200));
end $$;

-- A batch of pending logs in the order of the chain. Two copies at once take different logs.
create or replace function ledger.settle_events(p_chain_id bigint, p_vault text, p_limit integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_log public.chain_logs;
  v_logs public.chain_logs[];
  v_result json;
  v_reason text;
  v_pushes json[] := '{}';
  v_done integer := 0;
  v_confirmed integer := 0;
  v_deposited integer := 0;
  v_quarantined integer := 0;
begin
  select array_agg(claimed) into v_logs from (
    select l.* from public.chain_logs l
    where l.chain_id = p_chain_id and l.status = 'pending' and l.vault = p_vault
    order by l.chain_id, l.block_number, l.log_index limit p_limit for update skip locked
  ) claimed;
  if v_logs is null then
    return json_build_object('claimed', 0, 'waiting', exists (select from public.chain_logs l
      where l.chain_id = p_chain_id and l.status = 'pending' and l.vault = p_vault), 'confirmed', 0, 'deposited', 0, 'quarantined', 0, 'pushes', '[]'::json);
  end if;
  perform ledger.lock_withdrawers(p_chain_id, p_vault, array(select distinct l.account from unnest(v_logs) l where l.account is not null));

  foreach v_log in array v_logs loop
    v_result := ledger.settle_log(v_log);
    if v_result ->> 'later' is not null then
      continue;
    end if;
    v_done := v_done + 1;
    v_reason := v_result ->> 'reason';
    update public.chain_logs l set status = case when v_reason is null then 'processed' else 'quarantined' end, reason = coalesce(v_reason, l.reason),
        processed_at = clock_timestamp()
      where l.chain_id = v_log.chain_id and l.tx_hash = v_log.tx_hash and l.log_index = v_log.log_index;
    if v_result -> 'push' is not null and json_typeof(v_result -> 'push') = 'object' then
      v_pushes := v_pushes || (v_result -> 'push');
    end if;
    if v_reason is not null then
      v_quarantined := v_quarantined + 1;
      perform ledger.raise_alert('quarantine ' || v_log.chain_id || ' ' || v_log.tx_hash || ' ' || v_log.log_index,
        case when v_reason = 'paid_after_expiry' then v_reason else 'log_quarantined' end,
        jsonb_build_object('event', v_log.event, 'account', v_log.account, 'tx_hash', v_log.tx_hash,
          'log_index', v_log.log_index, 'block', v_log.block_number, 'reason', v_reason));
      -- Whatever a withdrawal event fails on, a signature may have paid what the ledger did not mean.
      if v_log.event = 'withdrawal' then
        perform ledger.pause_withdrawals('settle: ' || v_reason || ' in ' || v_log.tx_hash);
      end if;
    elsif v_log.event = 'withdrawal' then
      v_confirmed := v_confirmed + 1;
    elsif v_result ->> 'unsupported' is not null then
      perform ledger.raise_alert('deposit_unsupported', 'deposit_unsupported',
        jsonb_build_object('contract', v_result ->> 'unsupported', 'account', v_log.account, 'tx_hash', v_log.tx_hash));
    elsif v_log.event = 'deposit' then
      v_deposited := v_deposited + 1;
    end if;
  end loop;
  return json_build_object('claimed', v_done, 'waiting', v_done < cardinality(v_logs), 'confirmed', v_confirmed, 'deposited', v_deposited,
    'quarantined', v_quarantined, 'pushes', to_json(v_pushes));
end $$;

-- For a person who has looked at a quarantined log: 'retry' processes it again, else it stays as it is, resolved.
create or replace function ledger.resolve_log(p_chain_id bigint, p_tx_hash text, p_log_index integer, p_retry boolean, p_why text)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.chain_logs l set status = case when p_retry then 'pending' else 'resolved' end,
      reason = coalesce(l.reason, '') || '; ' || p_why
    where l.chain_id = p_chain_id and l.tx_hash = p_tx_hash and l.log_index = p_log_index and l.status = 'quarantined';
  if not found then
    return false;
  end if;
  update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', p_why)
    where a.key = 'quarantine ' || p_chain_id || ' ' || p_tx_hash || ' ' || p_log_index and a.resolved_at is null;
  return true;
end $$;

revoke all on function ledger.settle_events(bigint, text, integer), ledger.resolve_log(bigint, text, integer, boolean, text) from public;
grant execute on function ledger.settle_events(bigint, text, integer) to tidegate_settle;
--> statement-breakpoint

-- source: db/ledger/settle-run.sql
-- Upkeep that needs no chain: next months' partitions, and rows that can no longer matter.
create or replace function ledger.upkeep() returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_pruned integer;
begin
  -- A message is refused as expired by itself; the day is for clocks that disagree.
  delete from public.signed_messages m where m.digest in (
    select s.digest from public.signed_messages s where s.expires_at < clock_timestamp() - interval '1 day'
    order by s.expires_at limit 10000 for update skip locked);
  get diagnostics v_pruned = row_count;
  delete from public.settle_runs r where r.id < ledger.first_id(clock_timestamp() - interval '7 days');
  return json_build_object('partitions', ledger.ensure_partitions(), 'pruned', v_pruned);
end $$;

-- Ends a run: keeps its summary, closes the alerts of faults that are over (p_cleared: kinds that this run proved gone) and
-- answers what the webhook must hear: open alerts not told yet, or seen again an hour after they were told.
-- A node or a run that fails now and then is told only when it failed three times in a row.
create or replace function ledger.finish_run(p_summary jsonb, p_cleared text[]) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
  v_open integer;
begin
  update public.alerts a set resolved_at = v_now where a.resolved_at is null and a.kind = any(p_cleared);
  select count(*) into v_open from public.alerts a where a.resolved_at is null;
  insert into public.settle_runs (id, finished_at, summary)
    values (ledger.new_id(v_now), v_now, p_summary || jsonb_build_object('alerts', v_open));
  return json_build_object('open', v_open, 'tell', (
    select coalesce(json_agg(json_build_object('id', a.id, 'key', a.key, 'kind', a.kind, 'detail', a.detail,
      'created_at', ledger.unix_seconds(a.created_at), 'last_seen_at', ledger.unix_seconds(a.last_seen_at), 'times_seen', a.times_seen)
      order by a.created_at), '[]'::json)
    from public.alerts a
    where a.resolved_at is null
      and (a.notified_at is null or (a.notified_at < v_now - interval '1 hour' and a.last_seen_at > a.notified_at + interval '1 hour'))
      and (a.times_seen >= 3 or a.kind not in ('rpc_unavailable', 'node_behind', 'settle_failed'))));
end $$;

revoke all on function ledger.upkeep(), ledger.finish_run(jsonb, text[]) from public;
grant execute on function ledger.upkeep(), ledger.finish_run(jsonb, text[]) to tidegate_settle;
--> statement-breakpoint

-- source: db/ledger/settle-withdrawal.sql
-- A payment that was also given back: must be impossible. What is left of available is taken, the rest is a debt.
create or replace function ledger.settle_paid_after_expiry(p_log public.chain_logs, p_row public.withdrawals) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_left numeric;
  v_posting ledger.posting;
  v_push json;
begin
  if exists (select from public.debts d where d.chain_id = p_log.chain_id and d.tx_hash = p_log.tx_hash and d.log_index = p_log.log_index) then
    return null;
  end if;
  select least(b.available, p_row.amount) into v_left from public.balances b
    where b.account = p_row.account and b.wallet = 'spot' and b.token = p_row.token for update;
  v_left := coalesce(v_left, 0);
  if v_left > 0 then
    v_posting := ledger.post('withdraw_paid_after_expiry', p_row.token, v_left, p_row.account, 'spot', 'vault', 'system',
      p_reference => jsonb_build_object('withdrawal_id', p_row.id, 'tx_hash', p_log.tx_hash));
    v_push := ledger.push_of(v_posting.from_balance);
  end if;
  insert into public.debts (id, account, token, amount, withdrawal_id, chain_id, tx_hash, log_index, created_at)
    values (ledger.new_id(clock_timestamp()), p_row.account, p_row.token, p_row.amount - v_left, p_row.id,
      p_log.chain_id, p_log.tx_hash, p_log.log_index, clock_timestamp());
  return v_push;
end $$;

-- {push} when the event settled a withdrawal; {reason} when it is to be quarantined and signing paused.
create or replace function ledger.settle_withdrawal(p_log public.chain_logs) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_contract text := ledger.address_of(p_log.topics[3]);
  v_wei numeric := ledger.uint256_at(p_log.data, 0);
  v_nonce numeric := ledger.uint256_at(p_log.data, 1);
  v_row public.withdrawals;
  v_expired public.withdrawals;
  v_posting ledger.posting;
begin
  if p_log.account is null or v_contract is null or v_wei is null or v_nonce is null or length(p_log.data) <> 130
     or v_nonce >= 9007199254740991 then
    return json_build_object('reason', 'malformed');
  end if;
  -- The chain has used this nonce up, whatever the ledger makes of the payment.
  insert into public.withdrawal_nonces as n (account, chain_id, vault, next_on_chain)
    values (p_log.account, p_log.chain_id, p_log.vault, v_nonce + 1)
    on conflict (account, chain_id, vault) do update set next_on_chain = greatest(n.next_on_chain, excluded.next_on_chain);

  select * into v_row from public.withdrawals w
    where w.chain_id = p_log.chain_id and w.vault = p_log.vault and w.account = p_log.account and w.nonce = v_nonce
      and w.status in ('reserved', 'signed', 'confirmed') for update;
  if v_row.status = 'confirmed' then
    return json_build_object('reason', 'paid_twice');
  end if;
  if v_row.status is distinct from 'signed' or v_row.contract <> v_contract or v_row.amount_in_wei <> v_wei then
    -- Also with a live row on the nonce: the slot of an expired one is used again.
    select * into v_expired from public.withdrawals w
      where w.chain_id = p_log.chain_id and w.vault = p_log.vault and w.account = p_log.account and w.nonce = v_nonce
        and w.status = 'expired' and w.contract = v_contract and w.amount_in_wei = v_wei
      order by w.id desc limit 1 for update;
    if found then
      return json_build_object('reason', 'paid_after_expiry', 'push', ledger.settle_paid_after_expiry(p_log, v_expired));
    end if;
    return json_build_object('reason', case when v_row.id is null then 'unknown_withdrawal'
      when v_row.status = 'reserved' then 'paid_without_signature' else 'withdrawal_mismatch' end);
  end if;

  update public.withdrawals w set status = 'confirmed', tx_hash = p_log.tx_hash, log_index = p_log.log_index,
      block_number = p_log.block_number, confirmed_at = clock_timestamp(), closed_at = clock_timestamp()
    where w.id = v_row.id and w.status = 'signed';
  v_posting := ledger.post('withdraw_confirm', v_row.token, v_row.amount, v_row.account, 'spot', 'vault', 'system',
    p_from_frozen => true, p_reference => jsonb_build_object('withdrawal_id', v_row.id, 'tx_hash', p_log.tx_hash));
  if v_row.fee > 0 then
    v_posting := ledger.post('withdraw_fee', v_row.token, v_row.fee, v_row.account, 'spot', 'fees', 'system',
      p_from_frozen => true, p_reference => jsonb_build_object('withdrawal_id', v_row.id));
  end if;
  return json_build_object('push', ledger.push_of(v_posting.from_balance));
end $$;
--> statement-breakpoint

-- source: db/ledger/signed.sql
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
    select distinct hashtextextended('account' || E'\n' || a, 0) from unnest(p_accounts) a order by 1
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
    perform ledger.refuse('TG021');
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
  perform pg_advisory_xact_lock(hashtextextended('message' || E'\n' || encode(p_digest, 'hex'), 0));
  select * into v_first from public.signed_messages m where m.digest = p_digest;
  if found then
    perform ledger.refuse('TG023', case when v_first.account = p_account and v_first.transfer_id is not null then
      ledger.first_movement(v_first.transfer_id, v_first.created_at)::text end);
  end if;
end $$;

create or replace function ledger.first_movement(p_transfer_id uuid, p_at timestamptz) returns json
language sql stable as $$
  select json_build_object('transfer_id', p_transfer_id, 'created_at', ledger.unix_milliseconds(p_at))
$$;

-- In the transaction of the effect, so that a refused message may be sent again.
create or replace function ledger.record_message(
  p_account text, p_digest bytea, p_expires_at_ms bigint, p_transfer_id uuid, p_at timestamptz
) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  insert into public.signed_messages (digest, account, transfer_id, expires_at, created_at)
    values (p_digest, p_account, p_transfer_id, to_timestamp(p_expires_at_ms / 1000.0), p_at)
$$;
--> statement-breakpoint

-- source: db/ledger/solvency.sql
-- What the vault holds at block B against what the ledger owes in spot. Frozen amounts are part of what is owed, and every
-- live signature is frozen, so what signatures may still take is in it.
-- p_holdings: [{token, in_wei}]; p_pause: a breach pauses signing.
create or replace function ledger.check_solvency(p_chain_id bigint, p_vault text, p_block bigint, p_holdings jsonb, p_pause boolean)
returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row record;
  v_breaches text[] := '{}';
  v_took integer;
  v_started timestamptz := clock_timestamp();
begin
  for v_row in
    select h.token, h.in_wei, coalesce(sum((b.available + b.frozen) * ('1e' || t.decimals)::numeric), 0) as owed_in_wei
    from jsonb_to_recordset(p_holdings) as h(token text, in_wei numeric)
    join public.tokens t on t.symbol = h.token and t.chain_id = p_chain_id
    left join public.balances b on b.wallet = 'spot' and b.token = h.token
    group by h.token, h.in_wei order by h.token
  loop
    v_took := coalesce(v_took, ceil(extract(epoch from clock_timestamp() - v_started) * 1000));
    insert into public.solvency_checks as c (chain_id, vault, token, block_number, vault_in_wei, owed_in_wei, checked_at, took_ms)
      values (p_chain_id, p_vault, v_row.token, p_block, v_row.in_wei, v_row.owed_in_wei, clock_timestamp(), v_took)
      on conflict (chain_id, vault, token) do update set block_number = excluded.block_number, vault_in_wei = excluded.vault_in_wei,
        owed_in_wei = excluded.owed_in_wei, checked_at = excluded.checked_at, took_ms = excluded.took_ms;
    if v_row.in_wei < v_row.owed_in_wei then
      v_breaches := v_breaches || v_row.token;
      perform ledger.raise_alert('solvency ' || p_chain_id || ' ' || v_row.token, 'solvency_breach', jsonb_build_object(
        'token', v_row.token, 'block', p_block, 'vault_in_wei', v_row.in_wei::text, 'owed_in_wei', trunc(v_row.owed_in_wei)::text, 'paused', p_pause));
    end if;
  end loop;
  if p_pause and cardinality(v_breaches) > 0 then
    perform ledger.pause_withdrawals('solvency: the vault holds less than is owed of ' || array_to_string(v_breaches, ', '));
  end if;
  return json_build_object('breaches', to_json(v_breaches));
end $$;

-- The cheap invariants, every run: their cost grows with what is open, never with the ledger.
create or replace function ledger.check_open_withdrawals() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_broken integer;
begin
  select count(*) into v_broken from (
    select w.account, w.token, sum(w.amount + w.fee) as held from public.withdrawals w
    where w.status in ('reserved', 'signed') group by w.account, w.token
  ) open
  left join public.balances b on b.account = open.account and b.wallet = 'spot' and b.token = open.token
  where b.frozen is distinct from open.held;
  if v_broken > 0 then
    perform ledger.raise_alert('frozen_mismatch', 'frozen_mismatch', jsonb_build_object('accounts', v_broken));
    perform ledger.pause_withdrawals('settle: frozen does not equal the open withdrawals');
  end if;
  if exists (select from public.debts d where d.amount > 0) then
    perform ledger.raise_alert('debts', 'debts', jsonb_build_object('count', (select count(*) from public.debts d where d.amount > 0)));
  end if;
  return v_broken;
end $$;

revoke all on function ledger.check_solvency(bigint, text, bigint, jsonb, boolean), ledger.check_open_withdrawals() from public;
grant execute on function ledger.check_solvency(bigint, text, bigint, jsonb, boolean), ledger.check_open_withdrawals() to tidegate_settle;
--> statement-breakpoint

-- source: db/ledger/store-signature.sql
-- reserved -> signed. Only after this has committed may the signature leave the process. No row `reserved` any more means
-- that somebody gave the funds back: the caller throws the signature away.
create or replace function ledger.store_signature(p_id uuid, p_signature text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_answer json;
begin
  update public.withdrawals w set status = 'signed', signature = p_signature, signed_at = clock_timestamp()
    where w.id = p_id and w.status = 'reserved'
    returning * into v_row;
  if not found then
    -- The same signature again is this caller repeating a call whose answer was lost: nobody else has it.
    select * into v_row from public.withdrawals w where w.id = p_id and w.status = 'signed' and w.signature = p_signature;
    if not found then
      perform ledger.refuse('TG013');
    end if;
  -- A pause that came while KMS worked holds: this signature is one the pause was meant to stop.
  elsif ledger.withdrawals_paused(v_row.account) then
    perform ledger.refuse('TG010');
  end if;

  v_answer := json_build_object('id', v_row.id, 'token', v_row.token, 'amount', ledger.amount_text(v_row.amount),
    'amount_in_wei', v_row.amount_in_wei::text, 'recipient', v_row.recipient, 'nonce', v_row.nonce,
    'signature', v_row.signature, 'deadline', v_row.deadline, 'vault_address', v_row.vault,
    'chain_id', v_row.chain_id, 'status', v_row.status);
  if v_row.idempotency_key is not null then
    update public.idempotency_keys k set answer = v_answer
      where k.account = v_row.account and k.endpoint = 'spot-withdraw-request' and k.key = v_row.idempotency_key
        and k.withdrawal_id = v_row.id;
  end if;
  return json_build_object('answer', v_answer, 'replayed', false, 'pushes', '[]'::json);
end $$;

revoke all on function ledger.store_signature(uuid, text) from public;
grant execute on function ledger.store_signature(uuid, text) to tidegate_edge;
--> statement-breakpoint

-- source: db/ledger/subaccount-transfer.sql
-- Main account <-> its subaccount, spot wallet or perp margin, on a wallet's signature: one movement, one database turn.
-- The edge has checked the signature and the times; whether the signer may act, and whether it did already, is decided here.
-- p_agent: the agent that signed, null when the account did. p_amount: null when the text is not an amount.
create or replace function ledger.subaccount_transfer(
  p_account text, p_agent text, p_to text, p_wallet text, p_token text, p_amount numeric, p_key text,
  p_digest bytea, p_expires_at_ms bigint
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_endpoint constant text := 'subaccount-spot-transfer';
  v_first public.idempotency_keys;
  v_posting ledger.posting;
  v_answer json;
begin
  -- First of all: who may not act for the account learns nothing of its keys.
  if p_agent is not null then
    perform ledger.lock_accounts(array[p_account, p_agent], true);
    perform ledger.require_agent(p_account, p_agent);
  end if;

  -- Then what was done already: a retry hears so, even when the balance would no longer do.
  if p_key is not null then
    perform pg_advisory_xact_lock(hashtextextended(p_account || E'\n' || v_endpoint || E'\n' || p_key, 0));
    select * into v_first from public.idempotency_keys k
      where k.account = p_account and k.endpoint = v_endpoint and k.key = p_key;
    if found then
      perform ledger.refuse('TG022', ledger.first_movement(v_first.transfer_id, v_first.created_at)::text);
    end if;
  end if;
  perform ledger.claim_message(p_account, p_digest);

  -- A relationship never ends, so it needs no lock.
  if p_account = p_to or not exists (select from public.subaccounts s
      where (s.subaccount = p_account and s.main_account = p_to) or (s.subaccount = p_to and s.main_account = p_account)) then
    perform ledger.refuse('TG020');
  end if;
  if p_amount is null or not (p_amount > 0) then
    perform ledger.refuse('TG002');
  end if;
  perform ledger.checked_token(p_token, p_amount);

  v_posting := ledger.post('subaccount_' || p_wallet || '_transfer', p_token, p_amount, p_account, p_wallet, p_to, p_wallet,
    p_reference => case when p_agent is not null then jsonb_build_object('agent_wallet', p_agent) end);
  v_answer := json_build_object('success', true, 'error', null,
    'transfer_id', v_posting.transfer_id, 'created_at', ledger.unix_milliseconds(v_posting.created_at));

  perform ledger.record_message(p_account, p_digest, p_expires_at_ms, v_posting.transfer_id, v_posting.created_at);
  if p_key is not null then
    insert into public.idempotency_keys (account, endpoint, key, request_hash, transfer_id, answer, created_at)
      values (p_account, v_endpoint, p_key, p_digest, v_posting.transfer_id, v_answer, v_posting.created_at);
  end if;
  return json_build_object('answer', v_answer, 'replayed', false, 'pushes', case when p_wallet = 'spot' then
    json_build_array(ledger.push_of(v_posting.from_balance), ledger.push_of(v_posting.to_balance)) else '[]'::json end);
end $$;

revoke all on function ledger.subaccount_transfer(text, text, text, text, text, numeric, text, bytea, bigint) from public;
grant execute on function ledger.subaccount_transfer(text, text, text, text, text, numeric, text, bytea, bigint) to tidegate_edge;
--> statement-breakpoint

-- source: db/ledger/subaccounts.sql
-- Makes an unused account the subaccount of another. Both have signed; a relationship never ends, so a replay only
-- finds it there.
create or replace function ledger.subaccount_create(p_main text, p_sub text, p_limit integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz;
begin
  perform ledger.lock_accounts(array[p_main, p_sub]);

  if exists (select from public.subaccounts s where s.subaccount = p_sub and s.main_account = p_main) then
    perform ledger.refuse('TG025');
  end if;
  if exists (select from public.subaccounts s where s.subaccount = p_main) then
    perform ledger.refuse('TG026');
  end if;
  if exists (select from public.subaccounts s where s.subaccount = p_sub) then
    perform ledger.refuse('TG027');
  end if;
  -- Every movement leaves a balance row for ever, so a row is a history too.
  if exists (select from public.balances b where b.account = p_sub)
     or exists (select from public.subaccounts s where s.main_account = p_sub) then
    perform ledger.refuse('TG028');
  end if;
  if (select count(*) from public.subaccounts s where s.main_account = p_main) >= p_limit then
    perform ledger.refuse('TG024');
  end if;

  perform ledger.release_agents(array[p_main, p_sub]);
  v_now := clock_timestamp();
  insert into public.subaccounts (subaccount, main_account, created_at) values (p_sub, p_main, v_now);
  return json_build_object('main_account', p_main, 'subaccount', p_sub, 'created_at', ledger.unix_milliseconds(v_now));
end $$;

-- The subaccounts of an account with their perp margin in USDT, for the account or its agent.
create or replace function ledger.subaccount_list(p_account text, p_agent text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_agent is not null then
    perform ledger.require_agent(p_account, p_agent);
  end if;
  return (
    select coalesce(json_agg(json_build_object(
      'address', s.subaccount, 'balance', ledger.amount_text(coalesce(b.available, 0)),
      'pending_balance', ledger.amount_text(coalesce(b.frozen, 0)),
      'created_at', ledger.unix_milliseconds(s.created_at)) order by s.created_at, s.subaccount), '[]'::json)
    from public.subaccounts s
    left join public.balances b on b.account = s.subaccount and b.wallet = 'perp' and b.token = 'USDT'
    where s.main_account = p_account);
end $$;

revoke all on function ledger.subaccount_create(text, text, integer) from public;
revoke all on function ledger.subaccount_list(text, text) from public;
grant execute on function ledger.subaccount_create(text, text, integer) to tidegate_edge;
grant execute on function ledger.subaccount_list(text, text) to tidegate_edge;
--> statement-breakpoint

-- source: db/ledger/transfer.sql
-- Perp margin <-> spot wallet of one account: one movement, one database turn.
create or replace function ledger.transfer(
  p_account text, p_token text, p_direction text, p_amount numeric, p_key text, p_request_hash bytea
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_key public.idempotency_keys;
  v_token public.tokens;
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
  if not exists (select from public.tokens t where t.symbol = p_token and t.transferable) then
    perform ledger.refuse('TG001');
  end if;
  v_token := ledger.checked_token(p_token, p_amount);

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

-- source: db/ledger/void.sql
-- signed -> expired for a withdrawal that can never be paid, because another payment has used its nonce up: the vault's
-- counter takes each nonce once. Such a row must not expire by itself, since something is wrong that a person has to see.

-- The stored event that used the withdrawal's nonce for something else. Events are stored below the safe head alone, and one
-- that settled its withdrawal leaves no other row signed on its nonce: what is left was quarantined.
create or replace function ledger.nonce_used_by(p_id uuid) returns public.chain_logs
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_log public.chain_logs;
begin
  select l.* into v_log from public.withdrawals w
  join public.chain_logs l on l.account = w.account and l.status in ('quarantined', 'resolved') and l.event = 'withdrawal'
    and l.chain_id = w.chain_id and l.vault = w.vault
  where w.id = p_id and length(l.data) = 130 and ledger.uint256_at(l.data, 1) = w.nonce
    and (ledger.address_of(l.topics[3]) is distinct from w.contract or ledger.uint256_at(l.data, 0) <> w.amount_in_wei)
  order by l.block_number, l.log_index limit 1;
  return v_log;
end $$;

-- For a person. {voided, reason}: the reason says what keeps it from being voided, and then nothing has changed.
create or replace function ledger.void_withdrawal(p_id uuid, p_why text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_log public.chain_logs;
  v_now timestamptz := clock_timestamp();
begin
  select * into v_row from public.withdrawals w where w.id = p_id;
  if not found then
    return json_build_object('voided', false, 'reason', 'there is no such withdrawal');
  end if;
  perform ledger.lock_withdrawers(v_row.chain_id, v_row.vault, array[v_row.account]);
  select * into v_row from public.withdrawals w where w.id = p_id;
  if v_row.status <> 'signed' then
    return json_build_object('voided', false, 'reason', format('the withdrawal is %s: nothing is frozen for a signature', v_row.status));
  end if;
  if exists (select from public.chain_logs l where l.account = v_row.account and l.status = 'pending' and l.event = 'withdrawal') then
    return json_build_object('voided', false, 'reason', 'an event of the account is waiting to be settled: run settle first');
  end if;
  select * into v_log from public.chain_logs l
    where l.account = v_row.account and l.status in ('quarantined', 'resolved') and l.event = 'withdrawal' and l.chain_id = v_row.chain_id
      and l.vault = v_row.vault and ledger.uint256_at(l.data, 1) = v_row.nonce
      and ledger.address_of(l.topics[3]) = v_row.contract and ledger.uint256_at(l.data, 0) = v_row.amount_in_wei;
  if found then
    return json_build_object('voided', false, 'reason', format('the vault has paid exactly this withdrawal: %s %s', v_log.tx_hash, v_log.log_index));
  end if;
  v_log := ledger.nonce_used_by(p_id);
  if v_log.tx_hash is null or not exists (select from public.withdrawal_nonces n where n.account = v_row.account
      and n.chain_id = v_row.chain_id and n.vault = v_row.vault and n.next_on_chain > v_row.nonce) then
    return json_build_object('voided', false, 'reason',
      format('no final event is known that used nonce %s of the account: the signature may still be paid', v_row.nonce));
  end if;

  update public.withdrawals w set status = 'expired', release_reason = 'nonce_used', closed_at = v_now
    where w.id = p_id and w.status = 'signed';
  -- Movements are append-only: who asks later finds the proof and the reason here.
  perform ledger.post('withdraw_expire', v_row.token, v_row.amount + v_row.fee, v_row.account, 'spot', v_row.account, 'spot',
    p_from_frozen => true, p_reference => jsonb_build_object('withdrawal_id', p_id, 'nonce_used_by', v_log.tx_hash,
      'log_index', v_log.log_index, 'voided', p_why));
  perform ledger.raise_alert('nonce_used ' || p_id, 'nonce_used', jsonb_build_object('withdrawal_id', p_id, 'account', v_row.account,
    'nonce', v_row.nonce, 'tx_hash', v_log.tx_hash, 'log_index', v_log.log_index));
  update public.alerts a set resolved_at = v_now, detail = a.detail || jsonb_build_object('resolved', 'voided: ' || p_why)
    where a.key = 'nonce_used ' || p_id and a.resolved_at is null;
  return json_build_object('voided', true, 'reason', format('%s %s are available to %s again',
    ledger.amount_text(v_row.amount + v_row.fee), v_row.token, v_row.account));
end $$;

revoke all on function ledger.void_withdrawal(uuid, text) from public;
--> statement-breakpoint

revoke all on all functions in schema ledger from public;
