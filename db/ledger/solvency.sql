-- What the vault holds at block B against what the ledger owes in spot. Frozen amounts are part of what is owed, and every
-- live signature is frozen, so what signatures may still take is in it.
-- p_holdings: [{token, in_wei}]; null is a contract that could not be read. p_pause: a breach pauses signing.
create or replace function ledger.check_solvency(p_chain_id bigint, p_vault text, p_block bigint, p_holdings jsonb, p_pause boolean)
returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row record;
  v_owed jsonb;
  v_took integer;
  v_breaches text[] := '{}';
  v_started timestamptz := clock_timestamp();
begin
  -- Before anything is written: on a large ledger this takes long, and nobody shall wait for it.
  select jsonb_agg(s order by s.token) into v_owed from (
    select h.token, h.in_wei, coalesce(o.owed, 0) * ('1e' || t.decimals)::numeric as owed_in_wei
    -- Told twice, the lower sum counts.
    from (select t.token, min(t.in_wei) as in_wei from jsonb_to_recordset(p_holdings) as t(token text, in_wei numeric) group by t.token) h
    join public.tokens t on t.symbol = h.token and t.chain_id = p_chain_id and h.in_wei is not null
    left join (select b.token_no, sum(b.available + b.frozen) as owed from ledger.balances b where b.wallet = 's' group by b.token_no) o
      on o.token_no = t.token_no) s;
  v_took := ceil(extract(epoch from clock_timestamp() - v_started) * 1000);
  for v_row in select o.* from jsonb_to_recordset(v_owed) as o(token text, in_wei numeric, owed_in_wei numeric) loop
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

-- Tokens of which the vault does not say what it holds: an alert for each, until it does, or until the token is no longer listed
-- with that contract, after which nobody asks for it.
create or replace function ledger.check_readable(p_chain_id bigint, p_vault text, p_block bigint, p_holdings jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row record;
begin
  for v_row in
    select t.symbol, t.contract from jsonb_to_recordset(p_holdings) as h(token text, in_wei numeric)
    join public.tokens t on t.symbol = h.token and t.chain_id = p_chain_id
    group by t.symbol, t.contract having count(h.in_wei) = 0 order by t.symbol
  loop
    perform ledger.raise_alert(concat_ws(' ', 'token_unreadable', p_chain_id, p_vault, v_row.symbol), 'token_unreadable', jsonb_build_object(
      'chain_id', p_chain_id, 'vault', p_vault, 'token', v_row.symbol, 'contract', v_row.contract, 'block', p_block));
  end loop;
  update public.alerts a set resolved_at = clock_timestamp()
    where a.resolved_at is null and a.kind = 'token_unreadable' and (a.detail ->> 'chain_id', a.detail ->> 'vault') = (p_chain_id::text, p_vault)
      and (exists (select from jsonb_to_recordset(p_holdings) as h(token text, in_wei numeric)
          where h.token = a.detail ->> 'token' and h.in_wei is not null)
        or not exists (select from public.tokens t
          where (t.symbol, t.chain_id, t.contract) = (a.detail ->> 'token', p_chain_id, a.detail ->> 'contract')));
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
  if exists (select from public.debts d where d.settled_at is null) then
    perform ledger.raise_alert('debts', 'debts', (select jsonb_build_object('count', count(*), 'ids', to_jsonb((array_agg(d.id order by d.id))[1:20]))
      from public.debts d where d.settled_at is null));
  end if;
  return v_broken;
end $$;

revoke all on function ledger.check_solvency(bigint, text, bigint, jsonb, boolean), ledger.check_readable(bigint, text, bigint, jsonb),
  ledger.check_open_withdrawals() from public;
grant execute on function ledger.check_solvency(bigint, text, bigint, jsonb, boolean), ledger.check_readable(bigint, text, bigint, jsonb),
  ledger.check_open_withdrawals() to tidegate_settle;
