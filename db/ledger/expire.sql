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
    -- Told twice, the reading that says more was used counts.
    from (select t.id, max(t.next_nonce) as next_nonce from jsonb_to_recordset(p_rows) as t(id uuid, next_nonce numeric) group by t.id) r
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
          'account', v_row.account, 'nonce', v_row.nonce, 'tx_hash', v_log.tx_hash, 'log', ledger.log_name(v_log.content_hash, v_log.ordinal)));
        continue;
      end if;
      v_unproved := v_unproved || v_row.id;
      v_since := least(v_since, v_row.requested_at);
      continue;
    end if;
    update public.withdrawals w set status = 'expired', closed_at = clock_timestamp()
      where w.id = v_row.id and w.status = 'signed';
    continue when not found;
    v_posting := ledger.post('withdraw_expire', v_row.token, v_row.amount + v_row.fee, v_row.account, 'spot',
      v_row.account, 'spot', p_from_frozen => true,
      p_reference => jsonb_build_object('withdrawal_id', v_row.id, 'block', p_block));
    v_pushes := v_pushes || ledger.push_of(v_posting.from_balance);
  end loop;

  if cardinality(v_unproved) > 0 then
    perform ledger.raise_alert('event_missing ' || p_chain_id || ' ' || p_vault, 'event_missing', jsonb_build_object(
      'chain_id', p_chain_id, 'vault', p_vault, 'block', p_block, 'count', cardinality(v_unproved), 'withdrawal_ids', to_jsonb(v_unproved[1:20])));
  end if;
  return json_build_object('expired', cardinality(v_pushes), 'unproved', to_json(v_unproved),
    'unproved_since', ledger.unix_seconds(v_since), 'pushes', ledger.heard(v_pushes));
end $$;

revoke all on function ledger.expire(bigint, text, bigint, text, bigint, jsonb) from public;
grant execute on function ledger.expire(bigint, text, bigint, text, bigint, jsonb) to tidegate_settle;
