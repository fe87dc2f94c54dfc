-- The only code that writes balances and movements. Every verb calls ledger.post; nobody else may.
--
-- Over a cluster (`npm run migrate -- --distribute`) balances, movements and keys lie with their family. So a statement on them
-- names the family in a variable, stands alone in a PL/pgSQL function, and changes nothing by a volatile function: what does not,
-- a cluster refuses, or asks of every node (tests/distribute-verbs.test.ts).

-- A movement's row has the place of its kind here: a new one comes last. db/ledger/history.ts has the same list.
create or replace function ledger.movement_kinds() returns text[]
language sql immutable parallel safe
return array['perp_to_spot', 'spot_to_perp', 'credit', 'withdraw_reserve', 'withdraw_release', 'withdraw_confirm', 'withdraw_expire',
  'withdraw_fee', 'withdraw_paid_after_expiry', 'withdraw_recovered', 'deposit', 'subaccount_spot_transfer', 'subaccount_perp_transfer'];

-- An entry's id is its movement's: as it is for the side that gives, with the last bit set for the side that takes.
create or replace function ledger.taker_id(p_movement_id uuid) returns uuid
language sql immutable parallel safe
return (left(p_movement_id::text, 35) || translate(right(p_movement_id::text, 1), '02468ace', '13579bdf'))::uuid;

-- The last bit is free for the entries, the three before it are zero: 58 random ones and 12 of time are left, and each function that
-- a movement calls costs it a hundredth.
create or replace function ledger.new_movement_id(p_at timestamptz) returns uuid
language sql volatile
return (overlay(lpad(to_hex(floor(extract(epoch from p_at) * 4096000)::bigint), 15, '0') placing '7' from 13 for 0)
  || substr(gen_random_uuid()::text, 20, 16) || '0')::uuid;

-- Both sides of a movement as entries: what each balance lost or gained, and what it was after that. Side: s, p, or of the exchange.
create or replace function ledger.entries_of(p_movement ledger.movements) returns table (
  id uuid, account_no bigint, side "char", available_delta numeric, frozen_delta numeric, available_after numeric, frozen_after numeric,
  version bigint
)
language sql stable parallel safe rows 2 as $$
  select p_movement.id, p_movement.from_no, case p_movement.from_side when 'h' then 's'::"char" else p_movement.from_side end,
    case when p_movement.from_side <> 'h' then -p_movement.amount when p_movement.to_side = 's' then p_movement.amount else 0 end,
    case when p_movement.from_side = 'h' then -p_movement.amount when p_movement.to_side = 'h' then p_movement.amount else 0 end,
    p_movement.from_available, p_movement.from_frozen, p_movement.from_version
  union all
  select ledger.taker_id(p_movement.id), p_movement.to_no, p_movement.to_side::"char", p_movement.amount, 0,
    p_movement.to_available, p_movement.to_frozen, p_movement.to_version
    where p_movement.to_no is null or p_movement.to_version is not null
$$;

-- The account's row, made now if it is new: then it is a family of its own.
create or replace function ledger.open_account(p_address text) returns ledger.accounts
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_row ledger.accounts;
  v_no bigint;
begin
  select * into v_row from ledger.accounts a where a.address = p_address;
  if not found then
    v_no := nextval('ledger.accounts_account_no_seq');
    insert into ledger.accounts (account_no, address, family_no) overriding system value values (v_no, p_address, v_no)
      on conflict (address) do nothing;
    select * into strict v_row from ledger.accounts a where a.address = p_address;
  end if;
  return v_row;
end $$;

-- Spot balances of several accounts, in the order in which every movement locks: for what moves many of them.
create or replace function ledger.lock_spot_balances(p_addresses text[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_account ledger.accounts;
begin
  for v_account in select * from ledger.accounts a where a.address = any(p_addresses) order by a.account_no loop
    perform 1 from ledger.balances b
      where b.family_no = v_account.family_no and b.account_no = v_account.account_no and b.wallet = 's' order by b.token_no for update;
  end loop;
end $$;

-- What an account has available in its spot wallet; null where it never had any of the token.
create or replace function ledger.spot_available(p_account text, p_token text) returns numeric
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_account ledger.accounts;
  v_token_no smallint;
  v_available numeric;
begin
  select * into v_account from ledger.accounts a where a.address = p_account;
  select t.token_no into v_token_no from public.tokens t where t.symbol = p_token;
  select b.available into v_available from ledger.balances b
    where b.family_no = v_account.family_no and b.account_no = v_account.account_no and b.token_no = v_token_no and b.wallet = 's';
  return v_available;
end $$;

-- Every movement leaves a balance row for ever, so a row is a history too.
create or replace function ledger.has_history(p_account ledger.accounts) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  perform 1 from ledger.balances b where b.family_no = p_account.family_no and b.account_no = p_account.account_no limit 1;
  return found;
end $$;

-- One movement: takes from one side what it gives to the other, and writes both and the balances after it in one row. A wallet
-- 'system' is a side of the exchange: it has no balance, so it is never a hot row. The same account and wallet on both sides
-- freezes (p_from_frozen false) or unfreezes (true); else it takes from available, or from frozen when p_from_frozen.
-- p_token_no: the token's, by a verb that has looked it up already.
--
-- Only a verb calls it, so it has the verb's search_path: a SET of its own, or a function for each step, costs as much as
-- the movement's own statements do.
create or replace function ledger.post(
  p_kind text, p_token text, p_amount numeric,
  p_from_account text, p_from_wallet text, p_to_account text, p_to_wallet text,
  p_from_frozen boolean default false, p_reference jsonb default null, p_token_no smallint default null
) returns ledger.posting
language plpgsql volatile as $$
declare
  v_from_user boolean := p_from_wallet <> 'system';
  v_to_user boolean := p_to_wallet <> 'system';
  v_one_row boolean := p_from_account = p_to_account and p_from_wallet = p_to_wallet;
  v_from_side "char" := case when p_from_frozen then 'h' else left(case when v_from_user then p_from_wallet else p_from_account end, 1) end;
  v_to_side "char" := case when v_one_row and not p_from_frozen then 'h' else left(case when v_to_user then p_to_wallet else p_to_account end, 1) end;
  v_from_wallet "char" := left(p_from_wallet, 1);
  v_to_wallet "char" := left(p_to_wallet, 1);
  -- What the side that gives loses; within one row the other column gains it.
  v_available_delta numeric := case when not p_from_frozen then -p_amount when v_one_row then p_amount else 0 end;
  v_frozen_delta numeric := case when p_from_frozen then -p_amount when v_one_row then p_amount else 0 end;
  v_token_no smallint := p_token_no;
  v_giver ledger.accounts;
  v_taker ledger.accounts;
  v_family bigint;
  v_from ledger.balance_after;
  v_to ledger.balance_after;
  v_id uuid;
  v_at timestamptz := clock_timestamp();
  v_kind smallint := array_position(ledger.movement_kinds(), p_kind);
begin
  if p_amount is null or not (p_amount > 0 and p_amount < 'NaN') then
    perform ledger.refuse('amount_not_positive');
  end if;
  if v_token_no is null then
    select t.token_no into strict v_token_no from public.tokens t where t.symbol = p_token;
  end if;
  if v_from_user then
    select * into v_giver from ledger.accounts a where a.address = p_from_account;
    if not found then
      perform ledger.refuse('insufficient_balance');
    end if;
    v_from.account := p_from_account; v_from.wallet := p_from_wallet; v_from.token := p_token;
  end if;
  if v_to_user then
    if v_from_user and p_to_account = p_from_account then
      v_taker := v_giver;
    else
      v_taker := ledger.open_account(p_to_account);
    end if;
    v_to.account := p_to_account; v_to.wallet := p_to_wallet; v_to.token := p_token;
  end if;
  v_family := coalesce(v_giver.family_no, v_taker.family_no);
  if v_family is null or v_taker.family_no <> v_family then
    raise exception using errcode = 'integrity_constraint_violation', message = 'a movement stays in one family';
  end if;

  -- Balances are locked in the order of (account_no, wallet): where that is not the order of what follows, before it.
  if v_from_user and v_to_user and not v_one_row
     and (v_taker.account_no, v_to_wallet) < (v_giver.account_no, v_from_wallet) then
    perform 1 from ledger.balances b
      where b.family_no = v_family and b.account_no = v_taker.account_no and b.token_no = v_token_no and b.wallet = v_to_wallet
      for update;
    if not found then
      -- Only what is there can be locked first.
      insert into ledger.balances (family_no, account_no, token_no, wallet)
        values (v_family, v_taker.account_no, v_token_no, v_to_wallet) on conflict do nothing;
      perform 1 from ledger.balances b
        where b.family_no = v_family and b.account_no = v_taker.account_no and b.token_no = v_token_no and b.wallet = v_to_wallet
        for update;
    end if;
  end if;

  if v_from_user then
    -- The guard stands on the row being locked, so no waiter slips past it.
    update ledger.balances b
      set available = b.available + v_available_delta, frozen = b.frozen + v_frozen_delta,
        version = b.version + 1, updated_at = greatest(b.updated_at, v_at)
      where b.family_no = v_family and b.account_no = v_giver.account_no and b.token_no = v_token_no and b.wallet = v_from_wallet
        and b.available + v_available_delta >= 0 and b.frozen + v_frozen_delta >= 0
      returning b.available, b.frozen, b.version, b.updated_at
      into v_from.available, v_from.frozen, v_from.version, v_from.updated_at;
    if not found then
      perform ledger.refuse('insufficient_balance');
    end if;
  end if;

  if v_to_user and not v_one_row then
    update ledger.balances b
      set available = b.available + p_amount, version = b.version + 1, updated_at = greatest(b.updated_at, v_at)
      where b.family_no = v_family and b.account_no = v_taker.account_no and b.token_no = v_token_no and b.wallet = v_to_wallet
      returning b.available, b.frozen, b.version, b.updated_at into v_to.available, v_to.frozen, v_to.version, v_to.updated_at;
    if not found then
      -- Two first uses at once make one row, and both amounts arrive.
      insert into ledger.balances as b (family_no, account_no, token_no, wallet, available, version, updated_at)
        values (v_family, v_taker.account_no, v_token_no, v_to_wallet, p_amount, 1, v_at)
        on conflict (family_no, account_no, token_no, wallet) do update
          set available = b.available + excluded.available, version = b.version + 1, updated_at = greatest(b.updated_at, excluded.updated_at)
        returning b.available, b.frozen, b.version, b.updated_at into v_to.available, v_to.frozen, v_to.version, v_to.updated_at;
    end if;
    -- What is frozen keeps its room: else it could not come back, and one such row would stop a whole batch of expiries.
    if v_to.available + v_to.frozen >= 1e20 then
      perform ledger.refuse('invalid_amount');
    end if;
  end if;

  -- After the locks: one account's movements carry times and ids in the order they happened.
  v_at := clock_timestamp();
  v_id := ledger.new_movement_id(v_at);
  insert into ledger.movements (family_no, id, from_no, to_no, from_version, to_version, kind, token_no, from_side, to_side, amount,
      from_available, from_frozen, to_available, to_frozen, reference)
    values (v_family, v_id, v_giver.account_no, v_taker.account_no, v_from.version, v_to.version,
      v_kind, v_token_no, v_from_side, v_to_side, p_amount,
      v_from.available, v_from.frozen, v_to.available, v_to.frozen, coalesce(p_reference, '{}'));
  return row(v_id, v_at, v_family, v_giver.account_no, v_taker.account_no, v_from, v_to)::ledger.posting;
end $$;

-- What the stream tells the account after the commit.
create or replace function ledger.push_of(p_balance ledger.balance_after) returns json
language sql stable as $$
  select json_build_object('account', p_balance.account, 'token', p_balance.token,
    'available', ledger.amount_text(p_balance.available), 'frozen', ledger.amount_text(p_balance.frozen),
    'version', p_balance.version, 'ts', ledger.unix_seconds(p_balance.updated_at))
$$;

-- What the history reads by (history.ts).
grant execute on function ledger.movement_kinds(), ledger.taker_id(uuid), ledger.entries_of(ledger.movements) to tidegate_reads;
