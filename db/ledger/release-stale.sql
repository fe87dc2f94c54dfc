-- reserved -> released for requests that died between reserving and storing the signature. By this clock alone, as
-- requested_at is; no signature has left for such a row, so no chain is needed.
create or replace function ledger.release_stale(p_ttl_seconds integer, p_limit integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id uuid;
  v_result json;
  v_pushes json[] := '{}';
begin
  -- In the order in which every verb locks balances; a row that its own request is just ending is left to it.
  for v_id in
    select stale.id from (
      select w.id, w.account, w.token from public.withdrawals w
      where w.status = 'reserved' and w.requested_at < clock_timestamp() - make_interval(secs => p_ttl_seconds)
      order by w.requested_at limit p_limit for update skip locked
    ) stale order by stale.account collate "C", stale.token collate "C", stale.id
  loop
    v_result := ledger.release(v_id, 'reservation_timeout');
    if (v_result ->> 'released')::boolean then
      v_pushes := v_pushes || (v_result -> 'pushes' -> 0);
    end if;
  end loop;
  return json_build_object('released', cardinality(v_pushes), 'pushes', to_json(v_pushes));
end $$;

revoke all on function ledger.release_stale(integer, integer) from public;
grant execute on function ledger.release_stale(integer, integer) to tidegate_settle;
