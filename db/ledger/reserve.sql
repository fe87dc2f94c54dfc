-- available -> frozen, with the nonce, the deadline and every field that will be signed fixed on a row `reserved`.
--
-- Locks: the key, the account's nonce row, then its balance row. The checks stand in the order of the contract's error
-- table; what the edge could not read comes as null and is refused in its turn, so that one round trip keeps that order.
-- The deadline is by this clock, as requested_at is. It needs no agreement with the chain's: a wrong one gives the user
-- more or less time to use the signature, and expiry is only ever decided on chain time.
-- The nonce follows from what is proved alone; what the chain says of it now is asked while the signer works.
create or replace function ledger.reserve(
  p_account text, p_token text, p_amount numeric, p_recipient text, p_chain_id bigint, p_vault text,
  p_ttl_seconds integer, p_key text, p_request_hash bytea
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  -- WITHDRAWALS_OPEN_MAX of functions/_lib/limits.ts.
  v_open_max constant integer := 50;
  -- WITHDRAW_TTL_SECONDS_MAX of the same.
  v_ttl_max constant integer := 2592000;
  v_key ledger.idempotency_keys;
  v_token public.tokens;
  v_refusal text;
  v_next bigint;
  v_nonce bigint;
  v_now timestamptz;
  v_id uuid;
  v_wei numeric;
  v_deadline bigint;
  v_posting ledger.posting;
  v_answer json;
begin
  -- The configuration keeps to this. A stolen login does not have to, and would freeze an account's coins for centuries.
  if p_ttl_seconds is null or p_ttl_seconds not between 1 and v_ttl_max then
    raise exception using errcode = 'invalid_parameter_value', message = 'p_ttl_seconds is out of range';
  end if;
  if p_key is not null then
    v_key := ledger.claim_key(p_account, 'spot-withdraw-request', p_key, p_request_hash);
    if v_key.withdrawal_id is not null then
      v_answer := ledger.withdrawal_answer(v_key.withdrawal_id);
      if v_answer is null then
        perform ledger.refuse('request_in_progress');
      end if;
      return json_build_object('outcome', 'replayed', 'answer', v_answer, 'pushes', '[]'::json);
    end if;
  end if;

  if ledger.withdrawals_paused(p_account) then
    perform ledger.refuse('withdrawals_paused');
  end if;
  select * into v_token from public.tokens t where t.symbol = p_token and t.withdrawable and t.chain_id = p_chain_id;
  if not found then
    perform ledger.refuse('unsupported_token');
  end if;
  v_refusal := ledger.amount_refusal(p_amount, v_token.decimals);
  if v_refusal is not null then
    perform ledger.refuse(v_refusal);
  end if;
  if p_amount < v_token.min_withdraw then
    perform ledger.refuse('below_minimum', ledger.amount_text(v_token.min_withdraw));
  end if;
  -- What is paid to the vault or to a token's contract, by somebody who pastes the recipient somewhere else, is lost.
  if p_recipient is null or p_recipient = p_vault or exists (select from public.tokens t where t.contract = p_recipient) then
    perform ledger.refuse('invalid_recipient');
  end if;
  if p_account !~ '^0x[0-9a-f]{40}$' then
    perform ledger.refuse('unsupported_account');
  end if;

  insert into public.withdrawal_nonces (account, chain_id, vault, next_on_chain)
    values (p_account, p_chain_id, p_vault, 0) on conflict do nothing;
  select n.next_on_chain into v_next from public.withdrawal_nonces n
    where n.account = p_account and n.chain_id = p_chain_id and n.vault = p_vault for update;

  -- ledger.post guards the balance again; looking first gives this refusal its place before the two below.
  if coalesce(ledger.spot_available(p_account, p_token) < p_amount, true) then
    perform ledger.refuse('insufficient_balance');
  end if;
  if exists (select from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault
      and w.account = p_account and w.status = 'reserved') then
    perform ledger.refuse('withdrawal_in_progress');
  end if;
  if (select count(*) from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault
      and w.account = p_account and w.status in ('reserved', 'signed')) >= v_open_max then
    perform ledger.refuse('limit_reached');
  end if;

  select min(candidate.nonce) into v_nonce from (
    select v_next as nonce
    union all
    select w.nonce + 1 from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault
      and w.account = p_account and w.nonce >= v_next and w.status in ('reserved', 'signed', 'confirmed')
  ) candidate
  where not exists (select from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault
    and w.account = p_account and w.nonce = candidate.nonce and w.status in ('reserved', 'signed', 'confirmed'));

  v_now := clock_timestamp();
  v_id := ledger.new_id(v_now);
  v_wei := round(p_amount * ('1e' || v_token.decimals)::numeric);
  v_deadline := ledger.unix_seconds(v_now) + p_ttl_seconds;
  v_posting := ledger.post('withdraw_reserve', p_token, p_amount, p_account, 'spot', p_account, 'spot',
    p_reference => jsonb_build_object('withdrawal_id', v_id));
  insert into public.withdrawals (id, account, token, amount, amount_in_wei, recipient, chain_id, vault, contract, nonce,
      deadline, status, idempotency_key, requested_at)
    values (v_id, p_account, p_token, p_amount, v_wei, p_recipient, p_chain_id, p_vault, v_token.contract, v_nonce,
      v_deadline, 'reserved', p_key, v_now);
  if p_key is not null then
    perform ledger.record_key(p_account, 'spot-withdraw-request', p_key, p_request_hash, v_posting, v_id);
  end if;
  return json_build_object(
    'outcome', 'reserved',
    'reservation', json_build_object('id', v_id, 'account', p_account, 'contract', v_token.contract,
      'amount_in_wei', v_wei::text, 'nonce', v_nonce, 'deadline', v_deadline),
    'pushes', ledger.pushes_of(v_posting.from_balance));
end $$;

-- Is signing paused, for everybody or (an event of the account could not be processed, or the vault's counter could not be
-- explained) for this account?
create or replace function ledger.withdrawals_paused(p_account text) returns boolean
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
begin
  return exists (select from public.switches s where s.name = 'withdrawals_paused' and s.engaged)
    or exists (select from public.chain_logs l where l.account = p_account and l.status = 'quarantined')
    or exists (select from public.counter_doubts d where d.account = p_account and d.blocks and d.cleared_at is null)
    or exists (select from public.subaccounts s where s.subaccount = p_account and s.ended_at is not null);
end $$;

revoke all on function ledger.reserve(text, text, numeric, text, bigint, text, integer, text, bytea) from public;
grant execute on function ledger.reserve(text, text, numeric, text, bigint, text, integer, text, bytea) to tidegate_withdrawals;
