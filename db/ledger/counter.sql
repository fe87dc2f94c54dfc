-- The vault's counter for an account, against what the ledger can explain of it. Each nonce below the counter was used by a
-- payment: of one that the ledger has settled (below next_on_chain), or of a signature it has given out (a live row). Where a
-- nonce is neither, the ledger has forgotten a signature, or the node says what is not so. Nothing may be signed then: the
-- amount may have been paid already.

-- What is proved of the account's counter; nothing was ever paid to one that has no row.
create or replace function ledger.proved_counter(p_account text, p_chain_id bigint, p_vault text) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce((select n.next_on_chain from public.withdrawal_nonces n
    where n.account = p_account and n.chain_id = p_chain_id and n.vault = p_vault), 0)
$$;

-- A payment that is mined and not final yet is explained: its row is signed. One statement, so that a row which settle is just
-- confirming counts once.
create or replace function ledger.counter_is_explained(p_account text, p_chain_id bigint, p_vault text, p_counter bigint)
returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p_counter <= proved.next or p_counter - proved.next = (
    select count(*) from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault and w.account = p_account
      and w.nonce >= proved.next and w.nonce < p_counter and w.status in ('signed', 'confirmed'))
  from (select ledger.proved_counter(p_account, p_chain_id, p_vault) as next) proved
$$;

create or replace function ledger.doubt_counter(p_account text, p_chain_id bigint, p_vault text, p_counter bigint, p_blocks boolean)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  insert into public.counter_doubts as d (id, account, chain_id, vault, counter, blocks, created_at, last_seen_at)
    values (ledger.new_id(v_now), p_account, p_chain_id, p_vault, p_counter, p_blocks, v_now, v_now)
    on conflict (account, chain_id, vault) where cleared_at is null do update
      set counter = excluded.counter, blocks = d.blocks or excluded.blocks, last_seen_at = excluded.last_seen_at;
  if p_blocks then
    perform ledger.raise_alert('counter_unexplained ' || p_chain_id || ' ' || p_vault || ' ' || p_account, 'counter_unexplained',
      jsonb_build_object('account', p_account, 'chain_id', p_chain_id, 'vault', p_vault, 'counter', p_counter,
        'proved', ledger.proved_counter(p_account, p_chain_id, p_vault)));
  end if;
end $$;

create or replace function ledger.clear_doubt(p_account text, p_chain_id bigint, p_vault text, p_why text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
  v_cleared boolean;
begin
  update public.counter_doubts d set cleared_at = v_now, cleared_why = p_why
    where d.account = p_account and d.chain_id = p_chain_id and d.vault = p_vault and d.cleared_at is null;
  v_cleared := found;
  update public.alerts a set resolved_at = v_now, detail = a.detail || jsonb_build_object('resolved', p_why)
    where a.key = 'counter_unexplained ' || p_chain_id || ' ' || p_vault || ' ' || p_account and a.resolved_at is null;
  return v_cleared;
end $$;

-- Ends a reservation whose counter could not be explained, twice asked: the funds go back, and nothing is signed for the account
-- until it is explained. Where it is explained now, the two answers contradict each other and only the funds go back.
-- outcome: blocked, contradicted.
create or replace function ledger.refuse_counter(p_id uuid, p_counter bigint) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_explained boolean;
  v_released json;
begin
  select * into v_row from public.withdrawals w where w.id = p_id;
  if not found then
    return json_build_object('outcome', 'contradicted', 'released', false, 'pushes', '[]'::json);
  end if;
  perform from public.withdrawal_nonces n where n.account = v_row.account and n.chain_id = v_row.chain_id and n.vault = v_row.vault
    for update;
  v_explained := ledger.counter_is_explained(v_row.account, v_row.chain_id, v_row.vault, p_counter);
  v_released := ledger.give_back(p_id, case when v_explained then 'counter_contradicted' else 'counter_unexplained' end);
  if not v_explained then
    perform ledger.doubt_counter(v_row.account, v_row.chain_id, v_row.vault, p_counter, true);
  end if;
  return json_build_object('outcome', case when v_explained then 'contradicted' else 'blocked' end,
    'released', v_released -> 'released', 'pushes', v_released -> 'pushes');
end $$;

-- What a final block says of doubted counters; p_rows: [{account, counter}], read from the vault at block B. The cursor must
-- stand on B: then every payment up to B is settled, and a later one is in nobody's books yet.
-- A doubt ends when B is later than it and its counter is explained. What was taken for proved is corrected where B says less.
-- Answers the accounts that are still blocked.
create or replace function ledger.settle_counters(p_chain_id bigint, p_vault text, p_block bigint, p_block_hash text, p_rows jsonb)
returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor public.chain_cursors;
  v_row record;
begin
  select * into v_cursor from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault;
  if found and v_cursor.block_number = p_block and v_cursor.block_hash = p_block_hash then
    for v_row in
      select r.account, r.counter, d.last_seen_at from jsonb_to_recordset(p_rows) as r(account text, counter bigint)
      join public.counter_doubts d on d.account = r.account and d.chain_id = p_chain_id and d.vault = p_vault and d.cleared_at is null
      where r.counter is not null and r.counter >= 0
      order by r.account collate "C"
    loop
      perform ledger.correct_counter(v_row.account, p_chain_id, p_vault, v_row.counter, p_block);
      if v_row.last_seen_at < to_timestamp(v_cursor.block_timestamp)
         and ledger.counter_is_explained(v_row.account, p_chain_id, p_vault, v_row.counter) then
        perform ledger.clear_doubt(v_row.account, p_chain_id, p_vault, format('explained at block %s, counter %s', p_block, v_row.counter));
      end if;
    end loop;
  end if;
  return (select coalesce(json_agg(d.account order by d.account), '[]'::json) from public.counter_doubts d
    where d.chain_id = p_chain_id and d.vault = p_vault and d.blocks and d.cleared_at is null);
end $$;

-- The counter never goes back, so what it is at a final block is the most that can be proved up to there. Events are not argued
-- away: where one that is stored says more, the node contradicts itself, and a person must find out in what.
create or replace function ledger.correct_counter(p_account text, p_chain_id bigint, p_vault text, p_counter bigint, p_block bigint)
returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_proved bigint;
  v_least bigint;
  v_kind text;
begin
  select n.next_on_chain into v_proved from public.withdrawal_nonces n
    where n.account = p_account and n.chain_id = p_chain_id and n.vault = p_vault and n.next_on_chain > p_counter for update;
  if not found then
    return;
  end if;
  v_least := greatest(p_counter, ledger.nonces_in_events(p_account, p_chain_id, p_vault));
  v_kind := case when v_least = p_counter then 'counter_corrected' else 'counter_contradicted' end;
  update public.withdrawal_nonces n set next_on_chain = v_least
    where n.account = p_account and n.chain_id = p_chain_id and n.vault = p_vault and n.next_on_chain > v_least;
  perform ledger.raise_alert(v_kind || ' ' || p_chain_id || ' ' || p_vault || ' ' || p_account, v_kind,
    jsonb_build_object('account', p_account, 'chain_id', p_chain_id, 'vault', p_vault, 'block', p_block,
      'proved', v_proved, 'counter', p_counter));
end $$;

-- The counter as the account's stored events prove it: those that were settled are rows, of the others there are few.
create or replace function ledger.nonces_in_events(p_account text, p_chain_id bigint, p_vault text) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(
    (select max(w.nonce) + 1 from public.withdrawals w
      where w.chain_id = p_chain_id and w.vault = p_vault and w.account = p_account and w.status = 'confirmed'),
    (select max(ledger.uint256_at(l.data, 1)) + 1 from public.chain_logs l
      where l.account = p_account and l.status in ('quarantined', 'resolved') and l.event = 'withdrawal' and length(l.data) = 130
        and l.chain_id = p_chain_id and l.vault = p_vault and ledger.uint256_at(l.data, 1) < 9007199254740991), 0)::bigint
$$;

-- For a person: every nonce below p_counter, and no other, was used by payments that are booked or that this ledger need not book
-- (another system's, before it). False: a payment above it was settled, and nothing changed.
create or replace function ledger.accept_counter(p_account text, p_chain_id bigint, p_vault text, p_counter bigint, p_why text)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
  v_why text := format('accepted %s by %s: %s', p_counter, session_user, p_why);
begin
  insert into public.withdrawal_nonces (account, chain_id, vault, next_on_chain) values (p_account, p_chain_id, p_vault, 0)
    on conflict do nothing;
  update public.withdrawal_nonces n set next_on_chain = p_counter
    where n.account = p_account and n.chain_id = p_chain_id and n.vault = p_vault
      and not exists (select from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault and w.account = p_account
        and w.status = 'confirmed' and w.nonce >= p_counter);
  if not found then
    return false;
  end if;
  if not ledger.clear_doubt(p_account, p_chain_id, p_vault, v_why) then
    insert into public.counter_doubts (id, account, chain_id, vault, counter, blocks, created_at, last_seen_at, cleared_at, cleared_why)
      values (ledger.new_id(v_now), p_account, p_chain_id, p_vault, p_counter, false, v_now, v_now, v_now, v_why);
  end if;
  return true;
end $$;

revoke all on function ledger.refuse_counter(uuid, bigint), ledger.settle_counters(bigint, text, bigint, text, jsonb),
  ledger.accept_counter(text, bigint, text, bigint, text) from public;
grant execute on function ledger.refuse_counter(uuid, bigint) to tidegate_withdrawals;
grant execute on function ledger.settle_counters(bigint, text, bigint, text, jsonb) to tidegate_settle;
