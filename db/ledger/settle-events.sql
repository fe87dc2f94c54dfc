-- Stored logs become money. Each event stands in a sub-transaction of its own: a bad one is quarantined with its reason,
-- and the others go on.

-- The n-th 32-byte word of hex data as an exact number; null when there is no such word.
create or replace function ledger.uint256_at(p_data text, p_word integer) returns numeric
language plpgsql immutable set search_path = pg_catalog, pg_temp as $$
declare
  v_hex text := substr(p_data, 3 + 64 * p_word, 64);
  v_value numeric := 0;
begin
  if v_hex !~ '^[0-9a-f]{64}$' then
    return null;
  end if;
  for i in 0..7 loop
    v_value := v_value * 4294967296 + ('x' || substr(v_hex, 1 + 8 * i, 8))::bit(32)::bigint;
  end loop;
  return v_value;
end $$;

-- Events of the vault that move no money of an account, but change what signatures are worth: from here on signing would
-- freeze amounts for signatures that the vault does not take. Only a person knows whether that was meant.
create or replace function ledger.settle_other(p_log public.chain_logs) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_kind text := case p_log.topics[1]
    when '0x9154a324422ab4bd034bf7f5dffffe4ef3a4d96b4019b333674815289657e378' then 'vault_signer_changed'
    when '0x0a6387c9ea3628b88a633bb4f3b151770f70085117a15f9bf3787cda53f13d31' then 'vault_domain_changed'
    when '0x62e78cea01bee320cd4e420270b5ea74000d11b0c9f74754ebdbfc544b05a258' then 'vault_paused' end;
begin
  -- The deployment itself sets the first signer, in the place of nobody.
  if v_kind is null or (v_kind = 'vault_signer_changed' and p_log.topics[2] ~ '^0x0{64}$') then
    return;
  end if;
  perform ledger.raise_alert(v_kind || ' ' || p_log.tx_hash, v_kind,
    jsonb_build_object('tx_hash', p_log.tx_hash, 'block', p_log.block_number, 'topics', to_jsonb(p_log.topics)));
  -- Before the first withdrawal it is the vault being set up. The minute is for a chain's clock that runs ahead of this one.
  if exists (select from public.withdrawals w where w.chain_id = p_log.chain_id and w.vault = p_log.vault
      and w.requested_at < to_timestamp(p_log.block_timestamp) - interval '1 minute') then
    perform ledger.pause_withdrawals('settle: ' || v_kind || ' in ' || p_log.tx_hash);
  end if;
end $$;

-- Locks what a batch will touch in the order every verb keeps: nonce rows, then balance rows.
create or replace function ledger.lock_withdrawers(p_chain_id bigint, p_vault text, p_accounts text[]) returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
begin
  perform from public.withdrawal_nonces n where n.chain_id = p_chain_id and n.vault = p_vault and n.account = any(p_accounts)
    order by n.account collate "C" for update;
  perform from public.withdrawals w where w.chain_id = p_chain_id and w.vault = p_vault and w.account = any(p_accounts)
    and w.status in ('reserved', 'signed') order by w.id for update;
  perform ledger.lock_spot_balances(p_accounts);
end $$;

-- The block of another log of the same transaction, where it is another block: null is how it should be. What such a log says may be
-- a second telling of what was settled from the first.
create or replace function ledger.other_block_of(p_log public.chain_logs) returns bigint
language sql stable set search_path = pg_catalog, pg_temp as $$
  select min(l.block_number) from public.chain_logs l
  where l.chain_id = p_log.chain_id and l.tx_hash = p_log.tx_hash and l.block_hash <> p_log.block_hash and l.status in ('pending', 'processed')
$$;

-- One log in a sub-transaction. Answers what became of it; 'later' leaves it pending (a busy row, a database in trouble).
create or replace function ledger.settle_log(p_log public.chain_logs) returns json
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_state text;
  v_message text;
  v_other_block bigint := ledger.other_block_of(p_log);
begin
  if v_other_block is not null then
    perform ledger.transaction_moved(p_log.chain_id, p_log.tx_hash,
      jsonb_build_object('from_block', v_other_block, 'to_block', p_log.block_number));
    return json_build_object('reason', 'transaction_moved');
  elsif p_log.event = 'withdrawal' then
    return ledger.settle_withdrawal(p_log);
  elsif p_log.event = 'deposit' then
    return ledger.settle_deposit(p_log);
  end if;
  perform ledger.settle_other(p_log);
  return '{}';
exception when others then
  get stacked diagnostics v_state = returned_sqlstate, v_message = message_text;
  if left(v_state, 2) in ('08', '40', '53', '54', '55', '57', '58', 'XX') then
    return json_build_object('later', v_state);
  end if;
  return json_build_object('reason', 'failed: ' || v_state || ' ' || left(v_message, 200));
end $$;

create or replace function ledger.quarantine_key(p_chain_id bigint, p_tx_hash text, p_content_hash bytea, p_ordinal integer) returns text
language sql immutable as $$
  select concat_ws(' ', 'quarantine', p_chain_id, p_tx_hash, ledger.log_name(p_content_hash, p_ordinal))
$$;

-- A batch of pending logs in the order of the chain. Two copies at once take different logs.
create or replace function ledger.settle_events(p_chain_id bigint, p_vault text, p_limit integer) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_log public.chain_logs;
  v_logs public.chain_logs[];
  v_result json;
  v_reason text;
  v_pushes json[] := '{}';
  v_done integer := 0;
  v_confirmed integer := 0;
  v_deposited integer := 0;
  v_quarantined integer := 0;
  v_unsupported integer := 0;
begin
  select array_agg(claimed) into v_logs from (
    select l.* from public.chain_logs l
    where l.chain_id = p_chain_id and l.status = 'pending' and l.vault = p_vault
    order by l.block_number, l.log_index, l.tx_hash, l.content_hash, l.ordinal limit p_limit for update skip locked
  ) claimed;
  if v_logs is null then
    return json_build_object('claimed', 0, 'waiting', exists (select from public.chain_logs l
      where l.chain_id = p_chain_id and l.status = 'pending' and l.vault = p_vault), 'confirmed', 0, 'deposited', 0, 'quarantined', 0, 'pushes', '[]'::json);
  end if;
  perform ledger.lock_withdrawers(p_chain_id, p_vault, array(select distinct l.account from unnest(v_logs) l where l.account is not null));

  foreach v_log in array v_logs loop
    v_result := ledger.settle_log(v_log);
    if v_result ->> 'later' is not null then
      continue;
    end if;
    v_done := v_done + 1;
    v_reason := v_result ->> 'reason';
    update public.chain_logs l set status = case when v_reason is null then 'processed' else 'quarantined' end, reason = coalesce(v_reason, l.reason),
        processed_at = clock_timestamp()
      where (l.chain_id, l.tx_hash, l.content_hash, l.ordinal) = (v_log.chain_id, v_log.tx_hash, v_log.content_hash, v_log.ordinal)
        and l.status = 'pending';
    if v_result -> 'push' is not null and json_typeof(v_result -> 'push') = 'object' then
      v_pushes := v_pushes || (v_result -> 'push');
    end if;
    if v_reason is not null then
      v_quarantined := v_quarantined + 1;
      perform ledger.raise_alert(ledger.quarantine_key(v_log.chain_id, v_log.tx_hash, v_log.content_hash, v_log.ordinal),
        case when v_reason = 'paid_after_expiry' then v_reason else 'log_quarantined' end,
        jsonb_build_object('event', v_log.event, 'account', v_log.account, 'tx_hash', v_log.tx_hash, 'log',
          ledger.log_name(v_log.content_hash, v_log.ordinal), 'block', v_log.block_number, 'reason', v_reason));
      -- Whatever a withdrawal event fails on, a signature may have paid what the ledger did not mean.
      if v_log.event = 'withdrawal' then
        perform ledger.pause_withdrawals('settle: ' || v_reason || ' in ' || v_log.tx_hash);
      end if;
    elsif v_log.event = 'withdrawal' then
      v_confirmed := v_confirmed + 1;
    elsif v_result ->> 'unsupported' is not null then
      v_unsupported := v_unsupported + 1;
    elsif v_log.event = 'deposit' then
      v_deposited := v_deposited + 1;
    end if;
  end loop;
  if v_unsupported > 0 then
    perform ledger.list_unsupported(p_chain_id, true);
  end if;
  return json_build_object('claimed', v_done, 'waiting', v_done < cardinality(v_logs), 'confirmed', v_confirmed, 'deposited', v_deposited,
    'quarantined', v_quarantined, 'pushes', ledger.heard(v_pushes));
end $$;

-- For a person who has looked at a quarantined log: 'retry' processes it again, else it stays as it is, resolved. False: it is
-- quarantined no more, or it paid exactly a withdrawal that is still open, which could end in no way once it is resolved.
create or replace function ledger.resolve_log(p_chain_id bigint, p_tx_hash text, p_content_hash bytea, p_ordinal integer, p_retry boolean, p_why text)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_log public.chain_logs;
begin
  select * into v_log from public.chain_logs l
    where (l.chain_id, l.tx_hash, l.content_hash, l.ordinal) = (p_chain_id, p_tx_hash, p_content_hash, p_ordinal) and l.status = 'quarantined'
    for update;
  if not found or (not p_retry and v_log.event = 'withdrawal' and (ledger.withdrawal_paid_by(v_log)).id is not null) then
    return false;
  end if;
  update public.chain_logs l set status = case when p_retry then 'pending' else 'resolved' end,
      reason = coalesce(l.reason, '') || '; ' || p_why
    where (l.chain_id, l.tx_hash, l.content_hash, l.ordinal) = (p_chain_id, p_tx_hash, p_content_hash, p_ordinal);
  update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', p_why)
    where a.key = ledger.quarantine_key(p_chain_id, p_tx_hash, p_content_hash, p_ordinal) and a.resolved_at is null;
  return true;
end $$;

revoke all on function ledger.settle_events(bigint, text, integer), ledger.resolve_log(bigint, text, bytea, integer, boolean, text) from public;
grant execute on function ledger.settle_events(bigint, text, integer) to tidegate_settle;
