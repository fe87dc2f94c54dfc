-- Settles one deposit event. Answers {push} when it was credited, {unsupported} when it was recorded without a credit, and
-- {reason} when it is to be quarantined.
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
  if exists (select from public.deposits d
      where (d.chain_id, d.tx_hash, d.content_hash, d.ordinal) = (p_log.chain_id, p_log.tx_hash, p_log.content_hash, p_log.ordinal)) then
    return json_build_object('reason', 'deposit_seen_before');
  end if;
  select * into v_token from public.tokens t where t.chain_id = p_log.chain_id and t.contract = v_contract;
  if not found then
    v_now := clock_timestamp();
    insert into public.deposits (id, account, contract, amount_in_wei, chain_id, tx_hash, content_hash, ordinal, log_index,
        block_number, status, created_at)
      values (ledger.new_id(v_now), p_log.account, v_contract, v_wei, p_log.chain_id, p_log.tx_hash, p_log.content_hash,
        p_log.ordinal, p_log.log_index, p_log.block_number, 'unsupported', v_now);
    return json_build_object('unsupported', v_contract);
  end if;
  -- Times a power of ten below one: exact, where a division would cut digits off.
  v_amount := v_wei * ('1e-' || v_token.decimals)::numeric;
  if v_amount >= 1e20 then
    return json_build_object('reason', 'amount_too_large');
  end if;
  v_posting := ledger.post('deposit', v_token.symbol, v_amount, 'vault', 'system', p_log.account, 'spot',
    p_reference => jsonb_build_object('tx_hash', p_log.tx_hash, 'log_index', p_log.log_index));
  insert into public.deposits (id, account, token, contract, amount, amount_in_wei, chain_id, tx_hash, content_hash,
      ordinal, log_index, block_number, status, transfer_id, created_at, confirmed_at)
    values (ledger.new_id(v_posting.created_at), p_log.account, v_token.symbol, v_contract, v_amount, v_wei, p_log.chain_id,
      p_log.tx_hash, p_log.content_hash, p_log.ordinal, p_log.log_index, p_log.block_number, 'credited', v_posting.transfer_id, v_posting.created_at, v_posting.created_at);
  return json_build_object('push', ledger.push_of(v_posting.to_balance));
end $$;
