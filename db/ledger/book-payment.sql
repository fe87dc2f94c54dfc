-- For a person: books a payment of the vault that the ledger has no signature for, as `reconcile` does after a restore: what the
-- account has left goes where the payment went, the rest is a debt. Until then the account has those coins twice.
-- {booked, reason}: the reason says what keeps it from being booked, and then nothing has changed.
create or replace function ledger.book_payment(p_chain_id bigint, p_tx_hash text, p_content_hash bytea, p_ordinal integer, p_why text)
returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_log public.chain_logs;
  v_row public.withdrawals;
  v_debt public.debts;
begin
  select * into v_log from public.chain_logs l
    where (l.chain_id, l.tx_hash, l.content_hash, l.ordinal) = (p_chain_id, p_tx_hash, p_content_hash, p_ordinal) and l.status = 'quarantined'
    for update;
  if not found then
    return json_build_object('booked', false, 'reason', 'there is no such quarantined log');
  end if;
  if v_log.event <> 'withdrawal' or not coalesce(ledger.is_payment_unknown(v_log.reason), false) then
    return json_build_object('booked', false, 'reason', format('it is no payment without a signature of the ledger, but: %s', v_log.reason));
  end if;
  perform ledger.lock_withdrawers(v_log.chain_id, v_log.vault, array[v_log.account]);
  -- What is frozen for a signature that can never be paid covers the payment once it is back.
  select * into v_row from public.withdrawals w
    where (w.chain_id, w.vault, w.account) = (v_log.chain_id, v_log.vault, v_log.account) and w.nonce = ledger.uint256_at(v_log.data, 1)
      and w.status in ('reserved', 'signed');
  if found then
    return json_build_object('booked', false, 'reason', case
      when (ledger.withdrawal_paid_by(v_log)).id = v_row.id then format(
        case v_row.status when 'signed' then 'it paid exactly the withdrawal %s, which is signed: retry it'
          else 'it paid exactly the withdrawal %s, which waits for its signature: resume, let settle sign it, then retry it' end, v_row.id)
      when v_row.status = 'signed' then format('the withdrawal %s is signed with the nonce that this payment used: void it first', v_row.id)
      else format('the withdrawal %s with that nonce waits for its signature: let settle end it first', v_row.id) end);
  end if;
  if not ledger.book_lost_payment(v_log, p_why) then
    return json_build_object('booked', false, 'reason', 'its token is not listed, or its amount is more than a wallet can hold');
  end if;
  select * into v_debt from public.debts d
    where (d.chain_id, d.tx_hash, d.content_hash, d.ordinal) = (p_chain_id, p_tx_hash, p_content_hash, p_ordinal);
  return json_build_object('booked', true, 'reason', case when v_debt.id is null then format('taken from %s', v_log.account)
    else format('what %s had left is taken; %s %s are a debt', v_log.account, ledger.amount_text(v_debt.amount), v_debt.token) end);
end $$;

revoke all on function ledger.book_payment(bigint, text, bytea, integer, text) from public;
