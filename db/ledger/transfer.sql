-- Perp margin <-> spot wallet of one account: one movement, one database turn.
create or replace function ledger.transfer(
  p_account text, p_token text, p_direction text, p_amount numeric, p_key text, p_request_hash bytea
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_key ledger.idempotency_keys;
  v_decimals smallint;
  v_token_no smallint;
  v_refusal text;
  v_posting ledger.posting;
  v_pushes json := '[]';
begin
  if p_key is not null then
    v_key := ledger.claim_key(p_account, 'spot-transfer', p_key, p_request_hash);
    if v_key.movement_id is not null then
      return json_build_object('answer', ledger.transfer_answer(v_key), 'replayed', true, 'pushes', '[]'::json);
    end if;
  end if;

  if p_direction is null or p_direction not in ('perp_to_spot', 'spot_to_perp') then
    perform ledger.refuse('invalid_direction');
  end if;
  select t.decimals, t.token_no into v_decimals, v_token_no from public.tokens t where t.symbol = p_token and t.transferable;
  if not found then
    perform ledger.refuse('unsupported_token');
  end if;
  v_refusal := ledger.amount_refusal(p_amount, v_decimals);
  if v_refusal is not null then
    perform ledger.refuse(v_refusal);
  end if;

  if p_direction = 'perp_to_spot' then
    v_posting := ledger.post('perp_to_spot', p_token, p_amount, p_account, 'perp', p_account, 'spot', p_token_no => v_token_no);
  else
    v_posting := ledger.post('spot_to_perp', p_token, p_amount, p_account, 'spot', p_account, 'perp', p_token_no => v_token_no);
  end if;
  if p_key is not null then
    perform ledger.record_key(p_account, 'spot-transfer', p_key, p_request_hash, v_posting);
  end if;
  if ledger.is_heard(p_account) then
    v_pushes := json_build_array(ledger.push_of(case p_direction when 'perp_to_spot' then v_posting.to_balance else v_posting.from_balance end));
  end if;
  return json_build_object('answer', ledger.transfer_answer(p_direction, p_token, p_amount, (v_posting.from_balance).available,
    (v_posting.to_balance).available, v_posting.transfer_id, v_posting.created_at), 'replayed', false, 'pushes', v_pushes);
end $$;

-- The answer to a transfer, and the same again from the row that its key names.
create or replace function ledger.transfer_answer(
  p_direction text, p_token text, p_amount numeric, p_from_available numeric, p_to_available numeric, p_id uuid, p_at timestamptz
) returns json
language sql stable as $$
  select json_build_object(
    'direction', p_direction, 'token', p_token, 'amount', ledger.amount_text(p_amount),
    'perp_balance_after', ledger.amount_text(case p_direction when 'perp_to_spot' then p_from_available else p_to_available end),
    'spot_balance_after', ledger.amount_text(case p_direction when 'perp_to_spot' then p_to_available else p_from_available end),
    'transfer_id', p_id, 'created_at', ledger.unix_seconds(p_at))
$$;

create or replace function ledger.transfer_answer(p_key ledger.idempotency_keys) returns json
language plpgsql stable as $$
declare
  v_movement ledger.movements;
  v_token text;
begin
  select * into strict v_movement from ledger.movements m where m.family_no = p_key.family_no and m.id = p_key.movement_id;
  select t.symbol into strict v_token from public.tokens t where t.token_no = v_movement.token_no;
  return ledger.transfer_answer((ledger.movement_kinds())[v_movement.kind], v_token, v_movement.amount, v_movement.from_available,
    v_movement.to_available, v_movement.id, ledger.time_of(v_movement.id));
end $$;

revoke all on function ledger.transfer(text, text, text, numeric, text, bytea) from public;
grant execute on function ledger.transfer(text, text, text, numeric, text, bytea) to tidegate_transfers;
