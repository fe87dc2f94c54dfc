-- Stops signing. The first reason stays until somebody resumes; an alert stays open meanwhile.
create or replace function ledger.pause_withdrawals(p_reason text) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.switches s set engaged = true, reason = p_reason, changed_at = clock_timestamp()
    where s.name = 'withdrawals_paused' and not s.engaged;
  perform ledger.raise_alert('withdrawals_paused', 'withdrawals_paused', jsonb_build_object('reason', p_reason));
end $$;

-- Lets signing go on. The owner alone may: whatever paused it, a person has looked. False: it was not paused. After a restore
-- it is not enough to have looked: what was lost is reconciled first (restores.sql).
create or replace function ledger.resume_withdrawals(p_why text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_was_engaged boolean;
begin
  if exists (select from public.restores r where r.reconciled_at is null) then
    raise exception using errcode = 'TG099', message = 'not resumed: the database was set back, so `npm run reconcile` comes first';
  end if;
  update public.switches s set engaged = false, reason = p_why, changed_at = clock_timestamp()
    where s.name = 'withdrawals_paused' and s.engaged;
  v_was_engaged := found;
  update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', p_why)
    where a.key = 'withdrawals_paused' and a.resolved_at is null;
  return v_was_engaged;
end $$;

revoke all on function ledger.pause_withdrawals(text), ledger.resume_withdrawals(text) from public;
