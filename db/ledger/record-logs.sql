-- Stores raw logs of the vault together with the cursor that says how far they reach, in one transaction.

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
  insert into public.chain_cursors (chain_id, vault, block_number, block_hash, block_timestamp, first_block)
    values (p_chain_id, p_vault, p_block, p_hash, p_timestamp, p_block + 1) on conflict do nothing;
end $$;

-- How a person names a log within its transaction: the hash of what it says, and the how-manieth it is.
create or replace function ledger.log_name(p_content_hash bytea, p_ordinal integer) returns text
language sql immutable parallel safe
return encode(p_content_hash, 'hex') || '-' || p_ordinal;

-- The events in a node's answer, each once. An event is what it says, and where two say the same in one transaction they are
-- counted: `logIndex` differs between nodes, so it only tells a second event from a log that is in the answer twice.
create or replace function ledger.events_in(p_vault text, p_logs jsonb)
returns table (tx_hash text, content_hash bytea, ordinal integer, block_number bigint, block_hash text, block_timestamp bigint,
  log_index integer, topics text[], data text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select said.tx_hash, ledger.content_hash(p_vault, said.topics, said.data),
    (row_number() over (partition by said.tx_hash, said.block_hash, said.topics, said.data order by said.log_index))::integer - 1,
    said.block_number, said.block_hash, said.block_timestamp, said.log_index, said.topics, said.data
  from (
    select n.tx_hash, n.log_index, n.block_number, n.block_hash, n.topics, n.data, min(n.block_timestamp) as block_timestamp
    from jsonb_to_recordset(p_logs) as n(tx_hash text, log_index integer, block_number bigint, block_hash text,
      block_timestamp bigint, topics text[], data text)
    group by 1, 2, 3, 4, 5, 6
  ) said
$$;

-- A final transaction cannot change its block: the chain was reorganised below the block that was called final, or a node lies.
create or replace function ledger.transaction_moved(p_chain_id bigint, p_tx_hash text, p_detail jsonb) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform ledger.raise_alert('transaction_moved ' || p_chain_id || ' ' || p_tx_hash, 'transaction_moved',
    jsonb_build_object('chain_id', p_chain_id, 'tx_hash', p_tx_hash) || p_detail);
  perform ledger.pause_withdrawals('settle: a final transaction is in another block than before: ' || p_tx_hash);
end $$;

-- Stores what is not stored yet and answers how many those were. A known event of another block is news that is told once:
-- from then on the row says where it is now. What was made of it stays.
create or replace function ledger.store_logs(p_chain_id bigint, p_vault text, p_logs jsonb, p_cursor_block bigint) returns jsonb
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_row record;
  v_stored integer;
  v_late integer;
  v_coins jsonb;
begin
  for v_row in
    update public.chain_logs l
      set block_number = e.block_number, block_hash = e.block_hash, block_timestamp = e.block_timestamp, log_index = e.log_index
      from ledger.events_in(p_vault, p_logs) e
      join public.chain_logs was on (was.chain_id, was.tx_hash, was.content_hash, was.ordinal)
        = (p_chain_id, e.tx_hash, e.content_hash, e.ordinal) and was.block_hash <> e.block_hash
      where (l.chain_id, l.tx_hash, l.content_hash, l.ordinal) = (was.chain_id, was.tx_hash, was.content_hash, was.ordinal)
      returning l.tx_hash, was.block_number as from_block, l.block_number as to_block
  loop
    perform ledger.transaction_moved(p_chain_id, v_row.tx_hash,
      jsonb_build_object('from_block', v_row.from_block, 'to_block', v_row.to_block));
  end loop;

  with stored as (
    insert into public.chain_logs (chain_id, tx_hash, ordinal, vault, block_number, block_hash, block_timestamp, log_index, topics,
        data, event, account)
      select p_chain_id, e.tx_hash, e.ordinal, p_vault, e.block_number, e.block_hash, e.block_timestamp, e.log_index, e.topics,
        e.data, ledger.event_of(e.topics), case when ledger.event_of(e.topics) <> 'other' then ledger.address_of(e.topics[2]) end
      from ledger.events_in(p_vault, p_logs) e
      order by e.tx_hash, e.content_hash, e.ordinal
      on conflict (chain_id, tx_hash, content_hash, ordinal) do nothing
      returning *
  ), coins as (
    select c.contract, sum(c.deposited) as deposited, sum(c.paid) as paid, min(s.block_number) as first_block
    from stored s cross join lateral ledger.coins_of(s.event, s.topics, s.data) c group by c.contract
  )
  select (select count(*) from stored), (select count(*) from stored s where s.block_number <= p_cursor_block),
      (select jsonb_agg(to_jsonb(c)) from coins c)
    into v_stored, v_late, v_coins;
  if v_coins is not null then
    perform ledger.add_coins(p_chain_id, p_vault, v_coins);
  end if;
  if v_late > 0 then
    perform ledger.raise_alert('logs_were_missed', 'logs_were_missed',
      jsonb_build_object('found', v_late, 'cursor', p_cursor_block, 'chain_id', p_chain_id, 'vault', p_vault));
  end if;
  return jsonb_build_object('stored', v_stored, 'late', v_late);
end $$;

-- Logs up to p_to_block, and the cursor with them. p_seen_hash is what the node says now of the block the cursor stands
-- on: when it differs from what was stored, the chain was reorganised below the final block and nothing moves.
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
    perform ledger.raise_alert('chain_hash_break', 'chain_hash_break', jsonb_build_object('chain_id', p_chain_id, 'vault', p_vault,
      'block', p_cursor_block, 'stored', v_cursor.block_hash, 'seen', p_seen_hash, 'to_block', p_to_block));
    -- What has been settled may be undone by now: what is signed on top of it can be too much.
    perform ledger.pause_withdrawals('settle: the chain changed below its final block ' || p_cursor_block);
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
  update public.chain_cursors c set rescan_from = least(c.rescan_from, greatest(p_from_block, c.first_block))
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

-- How far reading came: what the nodes were found to take, and the distance to the final block (null: unknown in this run).
-- True, and an alert, when a run that was behind has left the next one further behind.
create or replace function ledger.note_reading(p_chain_id bigint, p_vault text, p_node_limits jsonb, p_safe_block bigint)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_cursor public.chain_cursors;
  v_behind bigint;
  v_grows boolean;
begin
  select * into v_cursor from public.chain_cursors c where c.chain_id = p_chain_id and c.vault = p_vault for update;
  v_behind := coalesce(greatest(p_safe_block - v_cursor.block_number, 0), v_cursor.behind);
  v_grows := v_cursor.behind > 0 and v_behind > v_cursor.behind;
  if v_grows then
    perform ledger.raise_alert('falling_behind ' || p_chain_id || ' ' || p_vault, 'falling_behind', jsonb_build_object('chain_id', p_chain_id, 'vault', p_vault,
      'cursor', v_cursor.block_number, 'final_block', p_safe_block, 'behind', v_behind, 'before', v_cursor.behind));
  end if;
  update public.chain_cursors c set behind = v_behind, node_limits = p_node_limits
    where c.chain_id = p_chain_id and c.vault = p_vault;
  return coalesce(v_grows, false);
end $$;

revoke all on function ledger.note_reading(bigint, text, jsonb, bigint) from public;
grant execute on function ledger.note_reading(bigint, text, jsonb, bigint) to tidegate_settle;
revoke all on function ledger.start_cursor(bigint, text, bigint, text, bigint), ledger.request_rescan(bigint, text, bigint),
  ledger.record_logs(bigint, text, bigint, text, bigint, text, bigint, jsonb), ledger.record_rescan(bigint, text, bigint, bigint, jsonb) from public;
grant execute on function ledger.start_cursor(bigint, text, bigint, text, bigint), ledger.request_rescan(bigint, text, bigint),
  ledger.record_logs(bigint, text, bigint, text, bigint, text, bigint, jsonb), ledger.record_rescan(bigint, text, bigint, bigint, jsonb) to tidegate_settle;
