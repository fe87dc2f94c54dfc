-- Gives back what was reserved: reserved -> released, frozen -> available. Needs no chain, since no signature has left for a row that is `reserved`.
-- Safe to call at any moment and any number of times: no row touched = nothing moved, and the answer says which.
create or replace function ledger.give_back(p_id uuid, p_reason text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_posting ledger.posting;
  v_key_id uuid;
begin
  update public.withdrawals w set status = 'released', given_back_reason = p_reason, closed_at = clock_timestamp()
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
    v_key_id := ledger.key_id(v_row.account, 'spot-withdraw-request', v_row.idempotency_key);
    delete from ledger.idempotency_keys k
      where k.family_no = v_posting.family_no and k.key_id = v_key_id and k.withdrawal_id = v_row.id;
  end if;
  return json_build_object('released', true, 'pushes', ledger.pushes_of(v_posting.from_balance));
end $$;

revoke all on function ledger.give_back(uuid, text) from public;
grant execute on function ledger.give_back(uuid, text) to tidegate_withdrawals;
