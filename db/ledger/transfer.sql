-- Perp margin <-> spot wallet of one account: one movement, one database turn.
create or replace function ledger.transfer(
  p_account text, p_token text, p_direction text, p_amount numeric, p_key text, p_request_hash bytea
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_key public.idempotency_keys;
  v_decimals smallint;
  v_refusal text;
  v_posting ledger.posting;
  v_perp public.balances;
  v_spot public.balances;
  v_answer json;
begin
  if p_key is not null then
    v_key := ledger.claim_key(p_account, 'spot-transfer', p_key, p_request_hash);
    if v_key.answer is not null then
      return json_build_object('answer', v_key.answer, 'replayed', true, 'pushes', '[]'::json);
    end if;
  end if;

  if p_direction is null or p_direction not in ('perp_to_spot', 'spot_to_perp') then
    perform ledger.refuse('TG007');
  end if;
  select t.decimals into v_decimals from public.tokens t where t.symbol = p_token and t.transferable;
  if not found then
    perform ledger.refuse('TG001');
  end if;
  v_refusal := ledger.amount_refusal(p_amount, v_decimals);
  if v_refusal is not null then
    perform ledger.refuse(v_refusal);
  end if;

  if p_direction = 'perp_to_spot' then
    v_posting := ledger.post('perp_to_spot', p_token, p_amount, p_account, 'perp', p_account, 'spot');
    v_perp := v_posting.from_balance;
    v_spot := v_posting.to_balance;
  else
    v_posting := ledger.post('spot_to_perp', p_token, p_amount, p_account, 'spot', p_account, 'perp');
    v_spot := v_posting.from_balance;
    v_perp := v_posting.to_balance;
  end if;

  v_answer := json_build_object(
    'direction', p_direction, 'token', p_token, 'amount', ledger.amount_text(p_amount),
    'perp_balance_after', ledger.amount_text(v_perp.available), 'spot_balance_after', ledger.amount_text(v_spot.available),
    'transfer_id', v_posting.transfer_id, 'created_at', ledger.unix_seconds(v_posting.created_at));
  if p_key is not null then
    insert into public.idempotency_keys (account, endpoint, key, request_hash, transfer_id, answer, created_at)
      values (p_account, 'spot-transfer', p_key, p_request_hash, v_posting.transfer_id, v_answer, v_posting.created_at);
  end if;
  return json_build_object('answer', v_answer, 'replayed', false, 'pushes', json_build_array(ledger.push_of(v_spot)));
end $$;

revoke all on function ledger.transfer(text, text, text, numeric, text, bytea) from public;
grant execute on function ledger.transfer(text, text, text, numeric, text, bytea) to tidegate_edge;
