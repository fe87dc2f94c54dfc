-- A payment that was also given back: must be impossible. What is left of available is taken, the rest is a debt.
create or replace function ledger.settle_paid_after_expiry(p_log public.chain_logs, p_row public.withdrawals) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_left numeric;
  v_posting ledger.posting;
  v_now timestamptz := clock_timestamp();
begin
  perform ledger.lock_spot_balances(array[p_row.account]);
  v_left := least(coalesce(ledger.spot_available(p_row.account, p_row.token), 0), p_row.amount);
  -- One debt for each event, however often it is looked at.
  insert into public.debts (id, account, token, amount, withdrawal_id, chain_id, tx_hash, content_hash, ordinal, log_index,
      created_at, settled_at, settled_why)
    values (ledger.new_id(v_now), p_row.account, p_row.token, p_row.amount - v_left, p_row.id,
      p_log.chain_id, p_log.tx_hash, p_log.content_hash, p_log.ordinal, p_log.log_index, v_now,
      case when v_left = p_row.amount then v_now end, case when v_left = p_row.amount then 'all of it was still available' end)
    on conflict (chain_id, tx_hash, content_hash, ordinal) do nothing;
  if not found or v_left = 0 then
    return null;
  end if;
  v_posting := ledger.post('withdraw_paid_after_expiry', p_row.token, v_left, p_row.account, 'spot', 'vault', 'system',
    p_reference => jsonb_build_object('withdrawal_id', p_row.id, 'tx_hash', p_log.tx_hash));
  return ledger.push_of(v_posting.from_balance);
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

  update public.withdrawals w set status = 'confirmed', tx_hash = p_log.tx_hash, content_hash = p_log.content_hash,
      ordinal = p_log.ordinal, log_index = p_log.log_index, block_number = p_log.block_number, confirmed_at = clock_timestamp(),
      closed_at = clock_timestamp()
    where w.id = v_row.id and w.status = 'signed';
  if not found then
    return json_build_object('reason', 'withdrawal_mismatch');
  end if;
  v_posting := ledger.post('withdraw_confirm', v_row.token, v_row.amount, v_row.account, 'spot', 'vault', 'system',
    p_from_frozen => true, p_reference => jsonb_build_object('withdrawal_id', v_row.id, 'tx_hash', p_log.tx_hash));
  if v_row.fee > 0 then
    v_posting := ledger.post('withdraw_fee', v_row.token, v_row.fee, v_row.account, 'spot', 'fees', 'system',
      p_from_frozen => true, p_reference => jsonb_build_object('withdrawal_id', v_row.id));
  end if;
  return json_build_object('push', ledger.push_of(v_posting.from_balance));
end $$;
