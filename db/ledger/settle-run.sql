-- Upkeep that needs no chain: next months' partitions, and rows that can no longer matter. doubts: counters are in doubt; listed:
-- recorded deposits have a token by now. So a run without any need not ask for them. others: see other-vaults.sql.
create or replace function ledger.run_upkeep(p_chain_id bigint, p_vault text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_pruned integer;
begin
  -- A message is refused as expired by itself; the day is for clocks that disagree.
  delete from public.signed_messages m where m.digest in (
    select s.digest from public.signed_messages s where s.expires_at < clock_timestamp() - interval '1 day'
    order by s.expires_at limit 10000 for update skip locked);
  get diagnostics v_pruned = row_count;
  delete from public.ended_sessions e where e.id in (
    select s.id from public.ended_sessions s where s.expires_at < clock_timestamp() - interval '1 day'
    order by s.expires_at limit 10000 for update skip locked);
  -- Who listens again makes the row again.
  delete from public.stream_listeners l where l.account in (
    select s.account from public.stream_listeners s where s.listens_until < clock_timestamp() - interval '1 day'
    limit 10000 for update skip locked);
  delete from public.settle_runs r where r.id < ledger.first_id(clock_timestamp() - interval '7 days');
  return json_build_object('partitions', ledger.ensure_partitions(), 'pruned', v_pruned,
    'doubts', exists (select from public.counter_doubts d where d.cleared_at is null),
    'listed', ledger.deposits_were_listed(), 'others', ledger.other_vaults(p_chain_id, p_vault));
end $$;

-- Ends a run: keeps its summary, closes the alerts of faults that are over (p_cleared: keys that this run proved gone), notes which
-- vaults have had their turn, and answers what the webhook must hear, at most p_tell_max: open alerts not told yet, or seen again an
-- hour after they were told. In the order in which they became due, so that one which the receiver refuses keeps no other waiting.
-- A node or a run that fails now and then is told only when it failed three times in a row; so are coins whose event may only be late.
create or replace function ledger.finish_run(p_summary jsonb, p_cleared jsonb, p_chain_id bigint, p_turns jsonb, p_tell_max integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_now timestamptz := clock_timestamp();
  v_open integer;
begin
  update public.alerts a set resolved_at = v_now where a.resolved_at is null and a.key in (select jsonb_array_elements_text(p_cleared));
  update public.chain_cursors c set updated_at = v_now where c.chain_id = p_chain_id and c.vault in (select jsonb_array_elements_text(p_turns));
  select count(*) into v_open from public.alerts a where a.resolved_at is null;
  insert into public.settle_runs (id, finished_at, summary)
    values (ledger.new_id(v_now), v_now, p_summary || jsonb_build_object('alerts', v_open));
  return json_build_object('open', v_open, 'tell', (
    select coalesce(json_agg(json_build_object('id', a.id, 'key', a.key, 'kind', a.kind, 'detail', a.detail,
      'created_at', ledger.unix_seconds(a.created_at), 'last_seen_at', ledger.unix_seconds(a.last_seen_at), 'times_seen', a.times_seen)
      order by a.due_at, a.id), '[]'::json)
    from (
      select o.*, coalesce(o.tell_after, o.notified_at + interval '1 hour', o.created_at) as due_at from public.alerts o
      where o.resolved_at is null and (o.tell_after is null or o.tell_after <= v_now)
        and (o.notified_at is null or (o.notified_at < v_now - interval '1 hour' and o.last_seen_at > o.notified_at + interval '1 hour'))
        and (o.times_seen >= 3 or o.kind not in ('rpc_unavailable', 'finality_unknown', 'node_failing', 'nodes_disagree', 'node_behind', 'falling_behind',
          'settle_failed', 'vault_unexplained', 'state_missing', 'witness_unavailable'))
      order by due_at, o.id limit p_tell_max
    ) a));
end $$;

revoke all on function ledger.run_upkeep(bigint, text), ledger.finish_run(jsonb, jsonb, bigint, jsonb, integer) from public;
grant execute on function ledger.run_upkeep(bigint, text), ledger.finish_run(jsonb, jsonb, bigint, jsonb, integer) to tidegate_settle;
drop function if exists ledger.finish_run(jsonb, text[]);
