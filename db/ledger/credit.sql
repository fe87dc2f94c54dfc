-- Testnet faucet: issuance -> an account's spot wallet, with its audit row.
create or replace function ledger.credit(
  p_account text, p_token text, p_amount numeric, p_reason text, p_request_id text, p_key text, p_request_hash bytea
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_key ledger.idempotency_keys;
  v_token public.tokens;
  v_posting ledger.posting;
  v_answer constant json := '{"ok":true}';
begin
  if p_key is not null then
    v_key := ledger.claim_key('admin', 'admin-credit', p_key, p_request_hash);
    if v_key.movement_id is not null then
      return json_build_object('answer', v_answer, 'replayed', true, 'pushes', '[]'::json);
    end if;
  end if;

  v_token := ledger.checked_token(p_token, p_amount);
  v_posting := ledger.post('credit', p_token, p_amount, 'issuance', 'system', p_account, 'spot',
    p_reference => case when p_reason is null then null else jsonb_build_object('reason', p_reason) end);

  insert into public.spot_admin_credits (id, user_address, token, amount, reason, admin_actor, transfer_id, request_id, created_at)
    values (ledger.new_id(v_posting.created_at), p_account, p_token, p_amount, p_reason, 'admin_api_key',
      v_posting.transfer_id, p_request_id, v_posting.created_at);
  if p_key is not null then
    perform ledger.record_key('admin', 'admin-credit', p_key, p_request_hash, v_posting);
  end if;
  return json_build_object('answer', v_answer, 'replayed', false,
    'pushes', ledger.pushes_of(v_posting.to_balance));
end $$;

revoke all on function ledger.credit(text, text, numeric, text, text, text, bytea) from public;
grant execute on function ledger.credit(text, text, numeric, text, text, text, bytea) to tidegate_admin;
