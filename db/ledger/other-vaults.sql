-- Vaults other than the configured one that still matter: the configuration was moved while signatures for them were in people's
-- hands. Only settle gives a vault its cursor, and only for the configured one, so a vault that has one was the exchange's:
-- what a withdrawal names as its vault is no proof of that, since a leaked login could name any address.

-- Says which of them settle has to follow, and keeps the alerts: `vault_followed`, one a vault, as long as something signed is open
-- at it; `vault_not_followed`, one for all, where something signed is open and settle can neither confirm nor expire it.
create or replace function ledger.other_vaults(p_chain_id bigint, p_vault text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_named_max constant integer := 20;
  v_row record;
  v_followed text[] := '{}';
  v_lost jsonb := '[]';
  v_lost_count integer := 0;
  v_others json;
  v_kept text[];
begin
  for v_row in
    select w.chain_id, w.vault, count(*) as signed, max(w.deadline) as last_deadline,
      c.vault is not null and w.chain_id = p_chain_id as followed
    from public.withdrawals w left join public.chain_cursors c on (c.chain_id, c.vault) = (w.chain_id, w.vault)
    where w.status = 'signed' and (w.chain_id, w.vault) <> (p_chain_id, p_vault)
    group by w.chain_id, w.vault, c.vault order by w.chain_id, w.vault
  loop
    if v_row.followed then
      v_followed := v_followed || ('vault_followed ' || v_row.chain_id || ' ' || v_row.vault);
      perform ledger.raise_alert(v_followed[cardinality(v_followed)], 'vault_followed', to_jsonb(v_row) - 'followed');
    else
      v_lost_count := v_lost_count + 1;
      if v_lost_count <= v_named_max then
        v_lost := v_lost || (to_jsonb(v_row) - 'followed');
      end if;
    end if;
  end loop;
  if v_lost_count > 0 then
    perform ledger.raise_alert('vault_not_followed', 'vault_not_followed',
      jsonb_build_object('count', v_lost_count, 'more', greatest(v_lost_count - v_named_max, 0), 'vaults', v_lost));
  end if;
  update public.alerts a set resolved_at = clock_timestamp() where a.resolved_at is null
    and ((a.kind = 'vault_followed' and a.key <> all(v_followed)) or (a.kind = 'vault_not_followed' and v_lost_count = 0));
  -- Also for events that are stored and not settled, for counters in doubt, which block their accounts, and for blocks that are to be
  -- read again, which are looked through for coins that nobody explains. Every one while a restore is not reconciled: what was signed
  -- for which of them is forgotten.
  -- The one whose turn was longest ago first: where a run has not the room for all, none is left out for ever.
  select coalesce(json_agg(to_json(v) order by v.turn_at, v.vault), '[]'), coalesce(array_agg(p_chain_id || ' ' || v.vault), '{}')
    into v_others, v_kept from (
      select c.vault, c.updated_at as turn_at, c.first_block, c.block_number as number, c.block_hash as hash, c.block_timestamp as "timestamp",
        c.rescan_from, c.behind, c.node_limits,
        (select min(w.deadline) from public.withdrawals w where w.status = 'signed' and (w.chain_id, w.vault) = (c.chain_id, c.vault)) as first_deadline,
        exists (select from public.chain_logs l where l.chain_id = c.chain_id and l.vault = c.vault and l.status = 'pending') as pending,
        exists (select from public.counter_doubts d where d.chain_id = c.chain_id and d.vault = c.vault and d.cleared_at is null) as doubts
      from public.chain_cursors c where c.chain_id = p_chain_id and c.vault <> p_vault
    ) v
    where exists (select from public.restores r where r.reconciled_at is null) or v.first_deadline is not null or v.rescan_from is not null or v.pending or v.doubts;
  -- Each vault's alerts are closed by what its own reading says. One that is not read any more says nothing.
  update public.alerts a set resolved_at = clock_timestamp() where a.resolved_at is null and a.detail ? 'vault'
    and a.kind in ('rpc_unavailable', 'nodes_disagree', 'node_failing', 'state_missing', 'node_behind', 'falling_behind', 'event_missing', 'token_unreadable')
    and concat_ws(' ', a.detail ->> 'chain_id', a.detail ->> 'vault') <> all(v_kept
      -- The nodes' faults at the configured vault are everybody's, and name none.
      || case when a.kind not in ('rpc_unavailable', 'nodes_disagree', 'node_failing') then p_chain_id || ' ' || p_vault else '' end);
  return v_others;
end $$;

revoke all on function ledger.other_vaults(bigint, text) from public;
grant execute on function ledger.other_vaults(bigint, text) to tidegate_settle;
