-- Deposits of contracts that the ledger does not know are recorded, not credited. What becomes of them here: credited once the
-- token is listed, or marked as returned by a person; and the alert that names them.

-- Brings the alert up to date: every such deposit, the oldest 20 by name, all of them in the sums of their contracts (of which
-- anybody can make as many as he likes: the first 100). p_news: there are more than before, so a person hears of it again. Closed when none is left; one that a person closed is not opened by what he knew.
create or replace function ledger.list_unsupported(p_chain_id bigint, p_news boolean) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_named_max constant integer := 20;
  v_contracts_max constant integer := 100;
  v_key text := 'deposit_unsupported ' || p_chain_id;
  v_count integer;
  v_detail jsonb;
  v_tokens jsonb;
begin
  -- One at a time, so that nobody closes the alert over a deposit that another run is just recording.
  perform pg_advisory_xact_lock(hashtextextended(v_key, 0));
  select count(*) into v_count from public.deposits d
    where d.chain_id = p_chain_id and d.status = 'unsupported' and d.returned_at is null;
  if v_count = 0 then
    update public.alerts a set resolved_at = clock_timestamp() where a.key = v_key and a.resolved_at is null;
    return;
  end if;
  select jsonb_agg(jsonb_build_object('contract', s.contract, 'count', s.count, 'amount_in_wei', s.wei::text) order by s.first) into v_tokens
    from (select d.contract, count(*) as count, sum(d.amount_in_wei) as wei, (array_agg(d.id order by d.id))[1] as first
      from public.deposits d where d.chain_id = p_chain_id and d.status = 'unsupported' and d.returned_at is null
      group by d.contract order by first limit v_contracts_max) s;
  select jsonb_build_object('chain_id', p_chain_id, 'count', v_count, 'more', greatest(v_count - v_named_max, 0), 'tokens', v_tokens,
      'deposits', jsonb_agg(
      jsonb_build_object('id', o.id, 'account', o.account, 'contract', o.contract, 'amount_in_wei', o.amount_in_wei::text,
        'tx_hash', o.tx_hash, 'block', o.block_number) order by o.id)) into v_detail
    from (select d.* from public.deposits d where d.chain_id = p_chain_id and d.status = 'unsupported' and d.returned_at is null
      order by d.id limit v_named_max) o;
  if p_news then
    perform ledger.raise_alert(v_key, 'deposit_unsupported', v_detail);
  else
    update public.alerts a set detail = v_detail where a.key = v_key and a.resolved_at is null;
  end if;
end $$;

-- Has any recorded deposit a token by now?
create or replace function ledger.deposits_were_listed() returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from public.tokens t join public.deposits d on d.chain_id = t.chain_id and d.contract = t.contract
    where d.status = 'unsupported' and d.returned_at is null)
$$;

-- One deposit whose token is known by now, in a sub-transaction. Null: it cannot be credited as things are (the ledger has no room
-- for the amount, or another run was faster), and stays as it is; whatever the reason is, the others must not wait for this one.
create or replace function ledger.credit_listed_deposit(p_deposit public.deposits) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_token public.tokens;
  v_posting ledger.posting;
begin
  select * into strict v_token from public.tokens t where t.chain_id = p_deposit.chain_id and t.contract = p_deposit.contract;
  v_posting := ledger.post('deposit', v_token.symbol, p_deposit.amount_in_wei * ('1e-' || v_token.decimals)::numeric, 'vault', 'system',
    p_deposit.account, 'spot', p_reference => jsonb_build_object('tx_hash', p_deposit.tx_hash, 'log_index', p_deposit.log_index));
  update public.deposits d set status = 'credited', token = v_token.symbol,
      amount = p_deposit.amount_in_wei * ('1e-' || v_token.decimals)::numeric,
      transfer_id = v_posting.transfer_id, confirmed_at = v_posting.created_at
    where d.id = p_deposit.id and d.status = 'unsupported' and d.returned_at is null;
  if not found then
    raise exception 'the deposit was taken by another run';
  end if;
  return ledger.push_of(v_posting.to_balance);
exception when others then
  return null;
end $$;

-- A batch of them after p_after, in the order of their ids. It needs no chain: the events are final and stored.
create or replace function ledger.credit_listed_deposits(p_chain_id bigint, p_limit integer, p_after uuid) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_deposits public.deposits[];
  v_deposit public.deposits;
  v_push json;
  v_pushes json[] := '{}';
  v_last uuid;
begin
  select array_agg(claimed order by claimed.account collate "C", claimed.id), (array_agg(claimed.id order by claimed.id desc))[1]
    into v_deposits, v_last from (
      select d.* from public.tokens t
      join public.deposits d on d.chain_id = t.chain_id and d.contract = t.contract and d.status = 'unsupported' and d.returned_at is null
      where t.chain_id = p_chain_id and (p_after is null or d.id > p_after)
      order by d.id limit p_limit for update of d skip locked
    ) claimed;
  if v_deposits is null then
    return json_build_object('deposited', 0, 'last', null, 'pushes', '[]'::json);
  end if;
  perform ledger.lock_spot_balances(array(select d.account from unnest(v_deposits) d));
  foreach v_deposit in array v_deposits loop
    v_push := ledger.credit_listed_deposit(v_deposit);
    if v_push is not null then
      v_pushes := v_pushes || v_push;
    end if;
  end loop;
  if cardinality(v_pushes) > 0 then
    perform ledger.list_unsupported(p_chain_id, false);
  end if;
  return json_build_object('deposited', cardinality(v_pushes), 'last', case when cardinality(v_deposits) = p_limit then v_last end,
    'pushes', ledger.heard(v_pushes));
end $$;

-- For a person who has sent the coins back: it is never credited, also when its token is listed one day. False: no such deposit.
create or replace function ledger.return_deposit(p_id uuid, p_why text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_chain_id bigint;
begin
  update public.deposits d set returned_at = clock_timestamp(), returned_why = p_why
    where d.id = p_id and d.status = 'unsupported' and d.returned_at is null returning d.chain_id into v_chain_id;
  if not found then
    return false;
  end if;
  perform ledger.list_unsupported(v_chain_id, false);
  return true;
end $$;

revoke all on function ledger.credit_listed_deposits(bigint, integer, uuid), ledger.return_deposit(uuid, text) from public;
grant execute on function ledger.credit_listed_deposits(bigint, integer, uuid) to tidegate_settle;
