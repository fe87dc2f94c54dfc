-- reserved -> signed. Only after this has committed may the signature leave the process. No row `reserved` any more means
-- that somebody gave the funds back: the caller throws the signature away.
--
-- p_counter is the vault's counter for the account, asked while the signer worked (counter.sql). outcome: signed; unexplained
-- (nothing changed: ask once more, then ledger.refuse_counter); behind (the node says less than is proved, so it is no witness
-- of what came after: the funds are back, and settle looks which of the two is wrong); restored (the witness, asked meanwhile too, has
-- seen in the ledger what is not there: the funds are back, and signing is paused for everybody).
create or replace function ledger.store_signature(p_id uuid, p_signature text, p_counter bigint, p_seen uuid[] default '{}',
  p_signed uuid[] default '{}') returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_answer json;
begin
  select * into v_row from public.withdrawals w where w.id = p_id and w.status = 'reserved';
  if found then
    -- A pause that came while KMS worked holds: this signature is one the pause was meant to stop.
    if ledger.withdrawals_paused(v_row.account) then
      perform ledger.refuse('withdrawals_paused');
    elsif cardinality(ledger.lost_ids(p_seen, p_signed)) > 0 then
      -- Only the caller's word: settle asks the witness itself in its next run, and what it notices a person must reconcile.
      perform ledger.pause_withdrawals('a withdrawal misses what the ledger’s witness has seen: settle looks at it in its next run');
      v_answer := ledger.give_back(p_id, 'ledger_restored');
      return json_build_object('outcome', 'restored', 'pushes', v_answer -> 'pushes');
    elsif p_counter < ledger.proved_counter(v_row.account, v_row.chain_id, v_row.vault) then
      v_answer := ledger.give_back(p_id, 'chain_behind');
      perform ledger.doubt_counter(v_row.account, v_row.chain_id, v_row.vault, p_counter, false);
      return json_build_object('outcome', 'behind', 'pushes', v_answer -> 'pushes');
    elsif p_counter is null or not ledger.counter_is_explained(v_row.account, v_row.chain_id, v_row.vault, p_counter) then
      return json_build_object('outcome', 'unexplained', 'pushes', '[]'::json);
    end if;
  end if;

  v_answer := ledger.sign_reservation(p_id, p_signature);
  if v_answer is null then
    -- The same signature again is this caller repeating a call whose answer was lost: nobody else has it.
    select * into v_row from public.withdrawals w where w.id = p_id and w.status = 'signed' and w.signature = p_signature;
    if not found then
      perform ledger.refuse('reservation_gone');
    end if;
    v_answer := ledger.withdrawal_answer(p_id);
  end if;
  return json_build_object('outcome', 'signed', 'answer', v_answer, 'pushes', '[]'::json);
end $$;

-- What a request is answered once it is signed; null before. Nothing of it changes afterwards, so a repeated request is
-- answered the same whatever has become of the withdrawal.
create or replace function ledger.withdrawal_answer(p_id uuid) returns json
language sql stable set search_path = pg_catalog, pg_temp as $$
  select json_build_object('id', w.id, 'token', w.token, 'token_contract', w.contract, 'amount', ledger.amount_text(w.amount),
    'amount_in_wei', w.amount_in_wei::text, 'recipient', w.recipient, 'nonce', w.nonce,
    'signature', w.signature, 'deadline', w.deadline, 'vault_address', w.vault,
    'chain_id', w.chain_id, 'status', 'signed')
  from public.withdrawals w where w.id = p_id and w.signature is not null
$$;

-- reserved -> signed, with the answer. Null: the row is not reserved any more.
create or replace function ledger.sign_reservation(p_id uuid, p_signature text) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  update public.withdrawals w set status = 'signed', signature = p_signature, signed_at = clock_timestamp()
    where w.id = p_id and w.status = 'reserved';
  if not found then
    return null;
  end if;
  return ledger.withdrawal_answer(p_id);
end $$;

revoke all on function ledger.store_signature(uuid, text, bigint, uuid[], uuid[]) from public;
grant execute on function ledger.store_signature(uuid, text, bigint, uuid[], uuid[]) to tidegate_withdrawals;
