-- A person says that a debt (paid on chain and also given back) has been made good. False when there is no such open debt.
create or replace function ledger.settle_debt(p_id uuid, p_why text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.debts d set settled_at = clock_timestamp(), settled_why = p_why where d.id = p_id and d.settled_at is null;
  if not found then
    return false;
  end if;
  if not exists (select from public.debts d where d.settled_at is null) then
    update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', p_why)
      where a.key = 'debts' and a.resolved_at is null;
  end if;
  return true;
end $$;

revoke all on function ledger.settle_debt(uuid, text) from public;
