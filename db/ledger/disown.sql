-- signed -> expired for what is signed for a vault that is none of ours: a stolen login can name any address as its vault, and settle
-- follows none but those it was configured with, so nothing would ever end such a row. Nothing of ours can be paid by it.

-- For a person. {given_back, left, reason}: at most p_limit rows in one transaction; the reason says why nothing may be given back.
create or replace function ledger.disown_vault(p_chain_id bigint, p_vault text, p_by text, p_why text, p_limit integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
  v_given integer := 0;
begin
  if coalesce(trim(p_by), '') = '' or coalesce(trim(p_why), '') = '' then
    return json_build_object('given_back', 0, 'left', 0, 'reason', 'it says neither who nor why, or only one of them');
  end if;
  if exists (select from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault) then
    return json_build_object('given_back', 0, 'left', 0, 'reason', 'settle has followed that vault, so it may have paid: what is signed for it ends by settle alone');
  end if;
  perform ledger.lock_withdrawers(p_chain_id, p_vault, array(select distinct w.account from (
    select s.account from public.withdrawals s where s.status = 'signed' and s.chain_id = p_chain_id and s.vault = p_vault order by s.id limit p_limit) w));
  for v_row in
    select w.* from (select * from public.withdrawals s where s.status = 'signed' and s.chain_id = p_chain_id and s.vault = p_vault
      order by s.id limit p_limit) w
    order by w.account collate "C", w.token collate "C", w.id
  loop
    update public.withdrawals w set status = 'expired', given_back_reason = 'vault_disowned', closed_at = clock_timestamp()
      where w.id = v_row.id and w.status = 'signed';
    continue when not found;
    perform ledger.post('withdraw_expire', v_row.token, v_row.amount + v_row.fee, v_row.account, 'spot', v_row.account, 'spot',
      p_from_frozen => true, p_reference => jsonb_build_object('withdrawal_id', v_row.id, 'vault_disowned', p_vault, 'by', p_by, 'why', p_why));
    v_given := v_given + 1;
  end loop;
  -- A stolen login can also say that an account's counter there is unexplained, which blocks the account.
  perform ledger.clear_doubt(d.account, p_chain_id, p_vault, format('disowned by %s: %s', p_by, p_why))
    from public.counter_doubts d where d.chain_id = p_chain_id and d.vault = p_vault and d.cleared_at is null;
  return json_build_object('given_back', v_given, 'reason', null, 'left', (select count(*) from public.withdrawals w
    where w.status in ('reserved', 'signed') and w.chain_id = p_chain_id and w.vault = p_vault));
end $$;

revoke all on function ledger.disown_vault(bigint, text, text, text, integer) from public;
