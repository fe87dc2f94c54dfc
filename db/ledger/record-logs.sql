-- Raw logs of the vault and the cursor that says how far they reach: both move in one transaction.

create or replace function ledger.event_of(p_topics text[]) returns text
language sql immutable as $$
  select case p_topics[1]
    when '0x175353e3ca145fd7765bcddc19e6045e15845e35122dc401873f8f375cb438a1' then 'withdrawal'
    when '0x2a567932661c755b8fdbf4932cdfa2600eca2314a0093c83b57e78b3362f9c6d' then 'deposit'
    else 'other' end
$$;

-- The address in an indexed topic; null when the topic is none.
create or replace function ledger.address_of(p_topic text) returns text
language sql immutable as $$
  select case when p_topic ~ '^0x0{24}[0-9a-f]{40}$' then '0x' || right(p_topic, 40) end
$$;

-- The deployment's first cursor. Two copies at once: the first one's stands.
create or replace function ledger.start_cursor(p_chain_id bigint, p_vault text, p_block bigint, p_hash text, p_timestamp bigint)
returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  insert into public.chain_cursors (chain_id, vault, block_number, block_hash, block_timestamp)
    values (p_chain_id, p_vault, p_block, p_hash, p_timestamp) on conflict do nothing;
end $$;

-- Stores what is not stored yet and answers how many those were. A log that is known by its place but differs is news.
create or replace function ledger.store_logs(p_chain_id bigint, p_vault text, p_logs jsonb, p_cursor_block bigint) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_stored integer;
  v_late integer;
  v_changed text;
begin
  select min(l.tx_hash) into v_changed
  from jsonb_to_recordset(p_logs) as n(tx_hash text, log_index integer, block_hash text, data text, topics text[])
  join public.chain_logs l on l.chain_id = p_chain_id and l.tx_hash = n.tx_hash and l.log_index = n.log_index
  where l.block_hash <> n.block_hash or l.data <> n.data or l.topics <> n.topics;
  if v_changed is not null then
    perform ledger.raise_alert('log_changed ' || v_changed, 'log_changed', jsonb_build_object('tx_hash', v_changed, 'chain_id', p_chain_id));
  end if;

  with inserted as (
    insert into public.chain_logs (chain_id, tx_hash, log_index, vault, block_number, block_hash, block_timestamp, topics, data, event, account)
      select p_chain_id, n.tx_hash, n.log_index, p_vault, n.block_number, n.block_hash, n.block_timestamp, n.topics, n.data,
        ledger.event_of(n.topics), case when ledger.event_of(n.topics) <> 'other' then ledger.address_of(n.topics[2]) end
      from jsonb_to_recordset(p_logs) as n(tx_hash text, log_index integer, block_number bigint, block_hash text,
        block_timestamp bigint, topics text[], data text)
      order by n.tx_hash, n.log_index
      on conflict (chain_id, tx_hash, log_index) do nothing
      returning block_number
  )
  select count(*), count(*) filter (where block_number <= p_cursor_block) into v_stored, v_late from inserted;
  if v_late > 0 then
    perform ledger.raise_alert('logs_were_missed', 'logs_were_missed',
      jsonb_build_object('found', v_late, 'cursor', p_cursor_block, 'chain_id', p_chain_id));
  end if;
  return jsonb_build_object('stored', v_stored, 'late', v_late);
end $$;

-- Logs up to p_to_block, and the cursor with them. p_seen_hash is what the node says now of the block the cursor stands
-- on: when it differs from what was stored, the chain was reorganised below the safe head and nothing moves.
-- outcome: moved; taken (another copy has moved the cursor meanwhile); hash_break.
create or replace function ledger.record_logs(
  p_chain_id bigint, p_vault text, p_cursor_block bigint, p_seen_hash text,
  p_to_block bigint, p_to_hash text, p_to_timestamp bigint, p_logs jsonb
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor public.chain_cursors;
  v_counts jsonb;
begin
  select * into v_cursor from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault for update;
  if not found or v_cursor.block_number <> p_cursor_block then
    return json_build_object('outcome', 'taken', 'stored', 0, 'late', 0);
  end if;
  if v_cursor.block_hash <> p_seen_hash or p_to_block < p_cursor_block or p_to_timestamp < v_cursor.block_timestamp
     or (p_to_block = p_cursor_block and p_to_hash <> v_cursor.block_hash) then
    perform ledger.raise_alert('chain_hash_break', 'chain_hash_break', jsonb_build_object('chain_id', p_chain_id,
      'block', p_cursor_block, 'stored', v_cursor.block_hash, 'seen', p_seen_hash, 'to_block', p_to_block));
    return json_build_object('outcome', 'hash_break', 'stored', 0, 'late', 0);
  end if;
  v_counts := ledger.store_logs(p_chain_id, p_vault, p_logs, p_cursor_block);
  update public.chain_cursors c
    set block_number = p_to_block, block_hash = p_to_hash, block_timestamp = p_to_timestamp, updated_at = clock_timestamp()
    where c.chain_id = p_chain_id and c.vault = p_vault;
  return jsonb_build_object('outcome', 'moved') || v_counts;
end $$;

-- Asks for the blocks from p_from_block on to be read once more; an older wish stays.
create or replace function ledger.request_rescan(p_chain_id bigint, p_vault text, p_from_block bigint) returns void
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  update public.chain_cursors c set rescan_from = least(coalesce(c.rescan_from, p_from_block), p_from_block)
    where c.chain_id = p_chain_id and c.vault = p_vault;
end $$;

-- One more range of such a repetition; another copy that was faster makes this one do nothing.
create or replace function ledger.record_rescan(p_chain_id bigint, p_vault text, p_from_block bigint, p_to_block bigint, p_logs jsonb)
returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor public.chain_cursors;
  v_counts jsonb;
begin
  select * into v_cursor from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault for update;
  if not found or v_cursor.rescan_from is distinct from p_from_block or p_to_block > v_cursor.block_number then
    return json_build_object('outcome', 'taken', 'stored', 0, 'late', 0);
  end if;
  v_counts := ledger.store_logs(p_chain_id, p_vault, p_logs, v_cursor.block_number);
  update public.chain_cursors c set rescan_from = case when p_to_block < v_cursor.block_number then p_to_block + 1 end
    where c.chain_id = p_chain_id and c.vault = p_vault;
  return jsonb_build_object('outcome', 'moved') || v_counts;
end $$;

revoke all on function ledger.start_cursor(bigint, text, bigint, text, bigint), ledger.request_rescan(bigint, text, bigint),
  ledger.record_logs(bigint, text, bigint, text, bigint, text, bigint, jsonb), ledger.record_rescan(bigint, text, bigint, bigint, jsonb) from public;
grant execute on function ledger.start_cursor(bigint, text, bigint, text, bigint), ledger.request_rescan(bigint, text, bigint),
  ledger.record_logs(bigint, text, bigint, text, bigint, text, bigint, jsonb), ledger.record_rescan(bigint, text, bigint, bigint, jsonb) to tidegate_settle;
