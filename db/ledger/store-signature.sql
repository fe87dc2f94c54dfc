-- reserved -> signed. Only after this has committed may the signature leave the process. No row `reserved` any more means
-- that somebody gave the funds back: the caller throws the signature away.
--
-- p_counter is the vault's counter for the account, asked while the signer worked (counter.sql). outcome: signed; unexplained
-- (nothing changed: ask once more, then ledger.refuse_counter); behind (the node says less than is proved, so it is no witness
-- of what came after: the funds are back, and settle looks which of the two is wrong); restored (the witness, asked meanwhile too, has
-- seen in the ledger what is not there: the funds are back, and signing is paused for everybody).
create or replace function ledger.store_signature(p_id uuid, p_signature text, p_counter bigint, p_seen uuid[] default '{}',
  p_signer text default null) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_answer json;
begin
  select * into v_row from public.withdrawals w where w.id = p_id and w.status = 'reserved';
  if found then
    -- A pause that came while KMS worked holds: this signature is one the pause was meant to stop.
    if ledger.withdrawals_paused(v_row.account) then
      perform ledger.refuse('TG010');
    elsif cardinality(ledger.lost_ids(p_seen)) > 0 then
      -- Only the caller's word: settle asks the witness itself in its next run, and what it notices a person must reconcile.
      perform ledger.pause_withdrawals('a withdrawal misses what the ledger’s witness has seen: settle looks at it in its next run');
      v_answer := ledger.release(p_id, 'ledger_restored');
      return json_build_object('outcome', 'restored', 'pushes', v_answer -> 'pushes');
    elsif p_counter < ledger.proved_counter(v_row.account, v_row.chain_id, v_row.vault) then
      v_answer := ledger.release(p_id, 'chain_behind');
      perform ledger.doubt_counter(v_row.account, v_row.chain_id, v_row.vault, p_counter, false);
      return json_build_object('outcome', 'behind', 'pushes', v_answer -> 'pushes');
    elsif p_counter is null or not ledger.counter_is_explained(v_row.account, v_row.chain_id, v_row.vault, p_counter) then
      return json_build_object('outcome', 'unexplained', 'pushes', '[]'::json);
    end if;
  end if;

  update public.withdrawals w set status = 'signed', signature = p_signature, signed_at = clock_timestamp()
    where w.id = p_id and w.status = 'reserved'
    returning * into v_row;
  if not found then
    -- The same signature again is this caller repeating a call whose answer was lost: nobody else has it.
    select * into v_row from public.withdrawals w where w.id = p_id and w.status = 'signed' and w.signature = p_signature;
    if not found then
      perform ledger.refuse('TG013');
    end if;
  end if;

  v_answer := json_build_object('id', v_row.id, 'token', v_row.token, 'amount', ledger.amount_text(v_row.amount),
    'amount_in_wei', v_row.amount_in_wei::text, 'recipient', v_row.recipient, 'nonce', v_row.nonce,
    'signature', v_row.signature, 'deadline', v_row.deadline, 'vault_address', v_row.vault,
    'chain_id', v_row.chain_id, 'status', v_row.status);
  if v_row.idempotency_key is not null then
    update public.idempotency_keys k set answer = v_answer
      where k.account = v_row.account and k.endpoint = 'spot-withdraw-request' and k.key = v_row.idempotency_key
        and k.withdrawal_id = v_row.id and k.answer is null;
  end if;
  return json_build_object('outcome', 'signed', 'answer', v_answer, 'pushes', '[]'::json);
end $$;

revoke all on function ledger.store_signature(uuid, text, bigint, uuid[], text) from public;
grant execute on function ledger.store_signature(uuid, text, bigint, uuid[], text) to tidegate_edge;
