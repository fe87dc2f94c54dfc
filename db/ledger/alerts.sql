-- What a person must see. At most one open row per key: a fault that lasts is counted in that row instead of flooding the table.
create or replace function ledger.raise_alert(p_key text, p_kind text, p_detail jsonb) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  insert into public.alerts as a (id, key, kind, detail, created_at, last_seen_at)
    values (ledger.new_id(v_now), p_key, p_kind, p_detail, v_now, v_now)
    on conflict (key) where resolved_at is null do update
      set times_seen = a.times_seen + 1, last_seen_at = excluded.last_seen_at, detail = excluded.detail;
end $$;

-- For a person. False: there is no such open alert.
create or replace function ledger.resolve_alert(p_id uuid, p_why text) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', p_why)
    where a.id = p_id and a.resolved_at is null;
  return found;
end $$;

-- The webhook took these (p_told), or not (p_refused): what it refuses is told again by the next run, then after 1, 3, 7 and 15
-- minutes, so that the others have their turn meanwhile.
create or replace function ledger.note_alerts_told(p_told uuid[], p_refused uuid[]) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
begin
  update public.alerts a set notified_at = v_now, tell_after = null, tell_failures = 0 where a.id = any(p_told);
  update public.alerts a set tell_failures = a.tell_failures + 1,
      tell_after = v_now + make_interval(mins => (1 << least(a.tell_failures, 4)) - 1)
    where a.id = any(p_refused);
end $$;

revoke all on function ledger.raise_alert(text, text, jsonb), ledger.resolve_alert(uuid, text), ledger.note_alerts_told(uuid[], uuid[]) from public;
grant execute on function ledger.raise_alert(text, text, jsonb), ledger.note_alerts_told(uuid[], uuid[]) to tidegate_settle;
