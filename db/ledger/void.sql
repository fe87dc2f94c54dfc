-- signed -> expired for a withdrawal that can never be paid, because another payment has used its nonce up: the vault's
-- counter takes each nonce once. Such a row must not expire by itself, since something is wrong that a person has to see.

-- The stored event that used the withdrawal's nonce for something else. Events are stored below the final block alone, and one
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
  order by l.block_number, l.tx_hash, l.content_hash, l.ordinal limit 1;
  return v_log;
end $$;

-- Did a person accept, after it was signed, that the vault's counter is past its nonce: that every payment below is booked, or is
-- another system's? Then what used its nonce has no event that the ledger will ever read, and was not this. A person may be wrong, so
-- it counts once the chain has passed the deadline: until then a payment of it could still come.
create or replace function ledger.nonce_was_accepted(p_row public.withdrawals) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from public.counter_doubts d where d.account = p_row.account and d.chain_id = p_row.chain_id and d.vault = p_row.vault
    and d.cleared_at > p_row.signed_at and exists (select from public.chain_cursors c
      where c.chain_id = p_row.chain_id and c.vault = p_row.vault and c.block_timestamp > p_row.deadline) and substring(d.cleared_why from '^accepted (\d+) by ')::numeric > p_row.nonce);
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
    return json_build_object('voided', false, 'reason', format('the vault has paid exactly this withdrawal: retry %s %s', v_log.tx_hash,
      ledger.log_name(v_log.content_hash, v_log.ordinal)));
  end if;
  v_log := ledger.nonce_used_by(p_id);
  if (v_log.tx_hash is null and not ledger.nonce_was_accepted(v_row)) or not exists (select from public.withdrawal_nonces n
      where n.account = v_row.account and n.chain_id = v_row.chain_id and n.vault = v_row.vault and n.next_on_chain > v_row.nonce) then
    return json_build_object('voided', false, 'reason',
      format('no final event is known that used nonce %s of the account: the signature may still be paid', v_row.nonce));
  end if;

  update public.withdrawals w set status = 'expired', given_back_reason = 'nonce_used', closed_at = v_now
    where w.id = p_id and w.status = 'signed';
  if not found then
    return json_build_object('voided', false, 'reason', 'somebody else was faster: nothing is frozen for a signature');
  end if;
  -- Movements are append-only: who asks later finds the proof and the reason here.
  perform ledger.post('withdraw_expire', v_row.token, v_row.amount + v_row.fee, v_row.account, 'spot', v_row.account, 'spot',
    p_from_frozen => true, p_reference => jsonb_build_object('withdrawal_id', p_id, 'nonce_used_by', coalesce(v_log.tx_hash, 'accepted'),
      'log_index', v_log.log_index, 'voided', p_why));
  if v_log.tx_hash is not null then
    perform ledger.raise_alert('nonce_used ' || p_id, 'nonce_used', jsonb_build_object('withdrawal_id', p_id, 'account', v_row.account,
      'nonce', v_row.nonce, 'tx_hash', v_log.tx_hash, 'log', ledger.log_name(v_log.content_hash, v_log.ordinal)));
  end if;
  update public.alerts a set resolved_at = v_now, detail = a.detail || jsonb_build_object('resolved', 'voided: ' || p_why)
    where a.key = 'nonce_used ' || p_id and a.resolved_at is null;
  return json_build_object('voided', true, 'reason', format('%s %s are available to %s again',
    ledger.amount_text(v_row.amount + v_row.fee), v_row.token, v_row.account));
end $$;

revoke all on function ledger.void_withdrawal(uuid, text) from public;
