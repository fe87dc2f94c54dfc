-- Main account <-> its subaccount, spot wallet or perp margin, on a wallet's signature: one movement, one database turn.
-- The edge has checked the signature and the times; whether the signer may act, and whether it did already, is decided here.
-- p_agent: the agent that signed, null when the account did. p_amount: null when the text is not an amount.
create or replace function ledger.transfer_in_family(
  p_account text, p_agent text, p_to text, p_wallet text, p_token text, p_amount numeric, p_key text,
  p_digest bytea, p_expires_at_ms bigint
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_endpoint constant text := 'subaccount-spot-transfer';
  v_first ledger.idempotency_keys;
  v_posting ledger.posting;
  v_answer json;
begin
  -- A movement between two system wallets would be written and take nothing from anybody.
  if p_wallet is null or p_wallet not in ('perp', 'spot') then
    raise exception using errcode = '22023', message = 'the wallet must be perp or spot';
  end if;

  -- First of all: who may not act for the account learns nothing of its keys.
  perform ledger.lock_accounts(array_remove(array[p_account, p_to, p_agent], null), true);
  if p_agent is not null then
    perform ledger.require_agent(p_account, p_agent);
  end if;

  -- Then what was done already: a retry hears so, even when the balance would no longer do.
  if p_key is not null then
    v_first := ledger.find_key(p_account, v_endpoint, p_key);
    if v_first.movement_id is not null then
      perform ledger.refuse('duplicate_idempotency_key', ledger.first_movement(v_first.movement_id)::text);
    end if;
  end if;
  perform ledger.claim_message(p_account, p_digest);

  -- Whoever ends one waits for the lock above, and then brings back what was moved.
  if p_account = p_to or not exists (select from public.subaccounts s
      where s.ended_at is null
        and ((s.subaccount = p_account and s.main_account = p_to) or (s.subaccount = p_to and s.main_account = p_account))) then
    perform ledger.refuse('invalid_relationship');
  end if;
  if p_amount is null or not (p_amount > 0) then
    perform ledger.refuse('invalid_amount');
  end if;
  perform ledger.checked_token(p_token, p_amount);

  v_posting := ledger.post(case p_wallet when 'perp' then 'subaccount_perp_transfer' else 'subaccount_spot_transfer' end, p_token, p_amount, p_account, p_wallet, p_to, p_wallet,
    p_reference => case when p_agent is not null then jsonb_build_object('agent_wallet', p_agent) end);
  v_answer := json_build_object('success', true, 'error', null,
    'transfer_id', v_posting.transfer_id, 'created_at', ledger.unix_milliseconds(v_posting.created_at));

  perform ledger.record_message(p_account, p_digest, p_expires_at_ms, v_posting.transfer_id);
  if p_key is not null then
    perform ledger.record_key(p_account, v_endpoint, p_key, p_digest, v_posting);
  end if;
  return json_build_object('answer', v_answer, 'replayed', false, 'pushes', case when p_wallet = 'spot' then
    ledger.pushes_of(v_posting.from_balance, v_posting.to_balance) else '[]'::json end);
end $$;

revoke all on function ledger.transfer_in_family(text, text, text, text, text, numeric, text, bytea, bigint) from public;
grant execute on function ledger.transfer_in_family(text, text, text, text, text, numeric, text, bytea, bigint) to tidegate_signed;
