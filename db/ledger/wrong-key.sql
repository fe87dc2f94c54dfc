-- The key holder signed with a key that is not the configured signer's: no such signature leaves the process, and no request
-- succeeds until somebody has put the two together again. Closed by a person.
create or replace function ledger.report_wrong_key(p_id uuid) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
begin
  select * into v_row from public.withdrawals w where w.id = p_id;
  if found then
    perform ledger.raise_alert('kms_wrong_key', 'kms_wrong_key',
      jsonb_build_object('withdrawal_id', p_id, 'chain_id', v_row.chain_id, 'vault', v_row.vault));
  end if;
end $$;

revoke all on function ledger.report_wrong_key(uuid) from public;
grant execute on function ledger.report_wrong_key(uuid) to tidegate_withdrawals;
