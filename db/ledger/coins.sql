-- Every coin of the vault is explained. For each token, what the vault holds at block B is what came in by deposits, less what it
-- paid and what was sent back by hand, and what a person recorded as come or gone without an event. Where it is not, a node has
-- left events out, and the logs are read again from where the sums last agreed; or coins came or went without an event, and a
-- person must say why.

-- What an event moves of which token. No row where it cannot be read: such a log is quarantined.
create or replace function ledger.coins_of(p_event text, p_topics text[], p_data text)
returns table (contract text, deposited numeric, paid numeric)
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select said.contract, case when p_event = 'deposit' then said.wei else 0 end, case when p_event = 'withdrawal' then said.wei else 0 end
  from (select ledger.address_of(p_topics[3]) as contract, ledger.uint256_at(p_data, 0) as wei) said
  where said.contract is not null and said.wei is not null
    and length(p_data) = case p_event when 'deposit' then 66 when 'withdrawal' then 130 end
$$;

-- Adds newly stored events to the sums; p_coins: [{contract, deposited, paid, first_block}]. One of a block at which the sums had
-- agreed shows that they agreed by chance: from where they last did so is not known then.
create or replace function ledger.add_coins(p_chain_id bigint, p_vault text, p_coins jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  insert into public.vault_coins as v (chain_id, vault, contract, deposited_in_wei, paid_in_wei)
    select p_chain_id, p_vault, c.contract, c.deposited, c.paid
    from jsonb_to_recordset(p_coins) as c(contract text, deposited numeric, paid numeric) order by c.contract collate "C"
    on conflict (chain_id, vault, contract) do update
      set deposited_in_wei = v.deposited_in_wei + excluded.deposited_in_wei, paid_in_wei = v.paid_in_wei + excluded.paid_in_wei,
        agreed_block = case when v.agreed_block < (select c.first_block from jsonb_to_recordset(p_coins) as c(contract text, first_block bigint)
          where c.contract = excluded.contract) then v.agreed_block end;
end $$;

create or replace function ledger.explained_coins(p_chain_id bigint, p_vault text, p_contract text) returns numeric
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(sum(e.amount_in_wei), 0) from public.coin_explanations e
  where e.chain_id = p_chain_id and e.vault = p_vault and e.contract = p_contract
$$;

-- Is that why a payment was quarantined: the ledger has no signature for it? Also where a later withdrawal has its nonce by now.
create or replace function ledger.is_payment_unknown(p_reason text) returns boolean
language sql immutable as $$
  select split_part(p_reason, ';', 1) in ('unknown_withdrawal', 'withdrawal_mismatch', 'paid_without_signature')
$$;

-- Deposits that were never credited and that a person has sent back, as far as no event says that they left: one that was sent
-- back by a signature has the vault's own payment, which no withdrawal of the ledger explains, and that is in the sums already.
create or replace function ledger.returned_coins(p_chain_id bigint, p_vault text, p_contract text) returns numeric
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(sum(greatest(r.wei - coalesce(paid.wei, 0), 0)), 0)
  from (
    select d.account, sum(d.amount_in_wei) as wei from public.deposits d
    join public.chain_logs l using (chain_id, tx_hash, content_hash, ordinal)
    where d.chain_id = p_chain_id and d.contract = p_contract and d.status = 'unsupported' and d.returned_at is not null and l.vault = p_vault
    group by d.account
  ) r
  left join lateral (
    select sum(c.paid) as wei from public.chain_logs l cross join lateral ledger.coins_of(l.event, l.topics, l.data) c
    where l.account = r.account and l.status in ('quarantined', 'resolved') and l.chain_id = p_chain_id and l.vault = p_vault
      and l.event = 'withdrawal' and c.contract = p_contract
      and ledger.is_payment_unknown(l.reason) and l.reason not like '%; reconciled: %'
  ) paid on true
$$;

create or replace function ledger.coins_key(p_chain_id bigint, p_vault text, p_contract text) returns text
language sql immutable as $$ select concat_ws(' ', 'vault_unexplained', p_chain_id, p_vault, p_contract) $$;

-- p_holdings: [{token, in_wei}], what the vault held at block B of each token that could be read; p_signer: whose signatures it took
-- then, null where it does not say. The cursor must stand on B: then every event up to B is in the sums, and no later one. False: it
-- does not, another run has moved it, and nothing is decided.
-- A difference is an alert until it is gone, and the logs are read again, but not below p_first_block, the vault's own.
create or replace function ledger.check_coins(p_chain_id bigint, p_vault text, p_block bigint, p_block_hash text, p_first_block bigint, p_holdings jsonb,
  p_signer text default null) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor public.chain_cursors;
  v_row record;
  v_coins public.vault_coins;
  v_explained numeric;
  v_from bigint;
begin
  select * into v_cursor from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault for update;
  if not found or v_cursor.block_number <> p_block or v_cursor.block_hash <> p_block_hash then
    return false;
  end if;
  if p_signer is not null then
    update public.chain_cursors c set signer = p_signer, signer_read_at = clock_timestamp() where c.chain_id = p_chain_id and c.vault = p_vault;
  end if;
  for v_row in
    select t.symbol, t.contract, t.decimals, min(h.in_wei) as held from jsonb_to_recordset(p_holdings) as h(token text, in_wei numeric)
    join public.tokens t on t.symbol = h.token and t.chain_id = p_chain_id
    where t.contract is not null and h.in_wei is not null
    group by t.symbol order by t.contract collate "C"
  loop
    -- Before what was recorded is read: a record that is being made is counted once, here or by who looks next.
    perform from public.vault_coins v where v.chain_id = p_chain_id and v.vault = p_vault and v.contract = v_row.contract for update;
    v_explained := ledger.explained_coins(p_chain_id, p_vault, v_row.contract) - ledger.returned_coins(p_chain_id, p_vault, v_row.contract);
    insert into public.vault_coins as v (chain_id, vault, contract, agreed_block, checked_block, unexplained_in_wei, checked_at)
      values (p_chain_id, p_vault, v_row.contract, case when v_row.held = v_explained then p_block end, p_block,
        v_row.held - v_explained, clock_timestamp())
      on conflict (chain_id, vault, contract) do update
        set checked_block = p_block, checked_at = excluded.checked_at,
          unexplained_in_wei = v_row.held - (v.deposited_in_wei - v.paid_in_wei + v_explained),
          agreed_block = case when v_row.held = v.deposited_in_wei - v.paid_in_wei + v_explained then p_block else v.agreed_block end
      returning * into v_coins;
    if v_coins.unexplained_in_wei = 0 then
      update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', format('explained at block %s', p_block))
        where a.key = ledger.coins_key(p_chain_id, p_vault, v_row.contract) and a.resolved_at is null;
      continue;
    end if;
    v_from := least(v_from, greatest(coalesce(v_coins.agreed_block + 1, p_first_block), p_first_block));
    perform ledger.raise_alert(ledger.coins_key(p_chain_id, p_vault, v_row.contract), 'vault_unexplained', jsonb_build_object(
      'token', v_row.symbol, 'chain_id', p_chain_id, 'vault', p_vault, 'block', p_block, 'agreed_block', v_coins.agreed_block,
      'held', ledger.coins_text(v_row.held, v_row.decimals), 'deposited', ledger.coins_text(v_coins.deposited_in_wei, v_row.decimals),
      'paid', ledger.coins_text(v_coins.paid_in_wei, v_row.decimals), 'explained', ledger.coins_text(v_explained, v_row.decimals),
      case when v_coins.unexplained_in_wei > 0 then 'surplus' else 'missing' end, ledger.coins_text(abs(v_coins.unexplained_in_wei), v_row.decimals)));
  end loop;
  -- One that is no longer listed, or with another contract, has moved nothing in this ledger, and is not looked at any more.
  update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', 'no longer listed')
    where a.resolved_at is null and a.kind = 'vault_unexplained' and (a.detail ->> 'chain_id', a.detail ->> 'vault') = (p_chain_id::text, p_vault)
      and not exists (select from public.tokens t
        where t.chain_id = p_chain_id and ledger.coins_key(p_chain_id, p_vault, t.contract) = a.key);
  if v_from is not null and v_cursor.rescan_from is null then
    update public.chain_cursors c set rescan_from = v_from where c.chain_id = p_chain_id and c.vault = p_vault and v_from <= c.block_number;
  end if;
  return true;
end $$;

-- The token's smallest units as whole tokens.
create or replace function ledger.coins_text(p_wei numeric, p_decimals integer) returns text
language sql immutable parallel safe as $$ select ledger.amount_text(p_wei * ('1e-' || p_decimals)::numeric) $$;

-- For a person: so much of the surplus that settle saw came without a deposit; or, a negative amount, so much of what it saw
-- missing left without an event, or was recorded as come without a deposit and was one. Never more than was seen at the last look,
-- so a record explains what has happened and nothing that will: the next coin that comes or goes so is a difference again.
-- p_vault: null where one vault alone has such a difference.
-- {explained, reason}: the reason says what keeps it from being recorded, and then nothing has changed.
create or replace function ledger.explain_coins(p_token text, p_amount numeric, p_by text, p_why text, p_vault text default null) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_token public.tokens;
  v_coins public.vault_coins;
  v_wei numeric;
  v_there numeric;
  v_vaults text[];
  v_now timestamptz := clock_timestamp();
begin
  select * into v_token from public.tokens t where t.symbol = p_token and t.contract is not null;
  if not found then
    return json_build_object('explained', false, 'reason', 'no such token is listed on a chain');
  end if;
  v_wei := p_amount * ('1e' || v_token.decimals)::numeric;
  if p_amount is null or p_amount = 0 or abs(p_amount) >= 1e20 or v_wei <> trunc(v_wei) then
    return json_build_object('explained', false, 'reason', format('that is no amount of %s, which has %s decimals', p_token, v_token.decimals));
  end if;
  if coalesce(trim(p_by), '') = '' or coalesce(trim(p_why), '') = '' then
    return json_build_object('explained', false, 'reason', 'it says neither who nor why, or only one of them');
  end if;
  select array_agg(v.vault order by v.vault) into v_vaults from public.vault_coins v where v.chain_id = v_token.chain_id
    and v.contract = v_token.contract and v.checked_at is not null and sign(v.unexplained_in_wei) = sign(v_wei);
  if p_vault is null and cardinality(v_vaults) > 1 then
    return json_build_object('explained', false, 'reason', 'several vaults have such a difference: name one of ' || array_to_string(v_vaults, ', '));
  end if;
  -- Where none has such a difference, the one that was looked at last tells how much of it there is.
  select * into v_coins from public.vault_coins v where v.chain_id = v_token.chain_id and v.contract = v_token.contract
    and v.checked_at is not null and v.vault = coalesce(p_vault, v_vaults[1], v.vault) order by v.checked_at desc limit 1 for update;
  if not found then
    return json_build_object('explained', false, 'reason', 'settle has not looked at what the vault holds of it yet');
  end if;
  v_there := greatest(sign(v_wei) * v_coins.unexplained_in_wei, 0);
  if abs(v_wei) > v_there then
    return json_build_object('explained', false, 'reason', format('at block %s only %s %s are %s', v_coins.checked_block,
      ledger.coins_text(v_there, v_token.decimals), p_token, case when v_wei > 0 then 'there without an explanation' else 'missing' end));
  end if;
  insert into public.coin_explanations (id, chain_id, vault, contract, amount_in_wei, recorded_by, why, created_at)
    values (ledger.new_id(v_now), v_coins.chain_id, v_coins.vault, v_coins.contract, v_wei, p_by, p_why, v_now);
  update public.vault_coins v set unexplained_in_wei = v.unexplained_in_wei - v_wei,
      agreed_block = case when v.unexplained_in_wei = v_wei then v.checked_block else v.agreed_block end
    where v.chain_id = v_coins.chain_id and v.vault = v_coins.vault and v.contract = v_coins.contract;
  if v_coins.unexplained_in_wei = v_wei then
    update public.alerts a set resolved_at = v_now, detail = a.detail || jsonb_build_object('resolved', p_by || ': ' || p_why)
      where a.key = ledger.coins_key(v_coins.chain_id, v_coins.vault, v_coins.contract) and a.resolved_at is null;
  end if;
  return json_build_object('explained', true, 'reason', format('%s %s are recorded; %s are left to be explained', ledger.amount_text(abs(p_amount)),
    p_token, ledger.coins_text(abs(v_coins.unexplained_in_wei - v_wei), v_token.decimals)));
end $$;

revoke all on function ledger.check_coins(bigint, text, bigint, text, bigint, jsonb, text), ledger.explain_coins(text, numeric, text, text, text) from public;
grant execute on function ledger.check_coins(bigint, text, bigint, text, bigint, jsonb, text) to tidegate_settle;
