-- A database that was set back does not know it. Outside Postgres somebody remembers what was in it last (the witness: marks of
-- settle's runs, the newest reservations, and which of them were signed); what he remembers and the ledger has not was lost.
-- Signatures may be in users' hands then that the ledger has forgotten: nothing is signed until a person has reconciled and no vault
-- takes them any more.

-- Of the ids that the witness remembers, those that the ledger does not know; p_signed: those of which it must know that they were
-- signed. It may have lost no more than that, where a standby takes over that was a moment behind.
create or replace function ledger.lost_ids(p_seen uuid[], p_signed uuid[]) returns uuid[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(distinct lost.id order by lost.id), '{}') from (
    select s.id from unnest(p_seen) as s(id)
    where not exists (select from public.ledger_marks m where m.id = s.id) and not exists (select from public.withdrawals w where w.id = s.id)
    union all
    select s.id from unnest(p_signed) as s(id)
    where not exists (select from public.withdrawals w where w.id = s.id and w.status in ('signed', 'confirmed', 'expired'))
  ) lost
  where lost.id is not null and not exists (select from public.restores r where lost.id = any(r.lost))
$$;

-- True when something was lost: then signing is paused from here on. p_signers: who signed until then, as the witness remembers.
create or replace function ledger.notice_restore(p_seen uuid[], p_signed uuid[], p_signers text[]) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_lost uuid[] := ledger.lost_ids(p_seen, p_signed);
  v_now timestamptz := clock_timestamp();
begin
  if cardinality(v_lost) = 0 then
    return false;
  end if;
  insert into public.restores (id, noticed_at, lost, signers) values (ledger.new_id(v_now), v_now, v_lost, p_signers);
  perform ledger.raise_alert('ledger_restored', 'ledger_restored', jsonb_build_object('lost', to_jsonb(v_lost), 'signers', to_jsonb(p_signers),
    'newest', (select m.id from public.ledger_marks m order by m.id desc limit 1)));
  perform ledger.pause_withdrawals('the database was set back: reconcile before resuming');
  return true;
end $$;

-- Begins a run of settle: looks whether the ledger still knows what its witness saw, and makes the mark that he is to remember next.
create or replace function ledger.mark_run(p_seen uuid[], p_signed uuid[], p_signers text[]) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_restored boolean := ledger.notice_restore(p_seen, p_signed, p_signers);
  v_now timestamptz := clock_timestamp();
  v_mark uuid := ledger.new_id(v_now);
begin
  -- Of a witness that could not be told for so long, more than any outage lasts.
  delete from public.ledger_marks m where m.id < ledger.first_id(v_now - interval '90 days')
    and m.id <> (select newest.id from public.ledger_marks newest order by newest.id desc limit 1);
  insert into public.ledger_marks (id) values (v_mark);
  return json_build_object('mark', v_mark, 'restored', v_restored);
end $$;

-- Payments whose withdrawals were lost, in the order of the chain, with every row that booking them can touch locked: of all accounts
-- at once and in the order every verb keeps, since they are booked in another.
create or replace function ledger.lock_lost_payments() returns public.chain_logs[]
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_logs public.chain_logs[];
begin
  -- The logs first, as settle does: who is just deciding about one of them has decided when it is read.
  select array_agg(l order by l.block_number, l.log_index, l.tx_hash, l.content_hash, l.ordinal) into v_logs from (
    select * from public.chain_logs q where q.status = 'quarantined' and q.event = 'withdrawal' and ledger.is_payment_unknown(q.reason)
    order by q.block_number, q.log_index, q.tx_hash, q.content_hash, q.ordinal for update) l;
  perform from public.withdrawal_nonces n
    where (n.account, n.chain_id, n.vault) in (select l.account, l.chain_id, l.vault from unnest(v_logs) l)
    order by n.account collate "C", n.chain_id, n.vault for update;
  perform from public.withdrawals w where (w.account, w.chain_id, w.vault) in (select l.account, l.chain_id, l.vault from unnest(v_logs) l)
    and w.status in ('reserved', 'signed') order by w.id for update;
  perform ledger.lock_spot_balances(array(select l.account from unnest(v_logs) l));
  return coalesce(v_logs, '{}');
end $$;

-- The open withdrawal that a payment is of, to the contract, the amount and the nonce: it is settled, never booked.
create or replace function ledger.withdrawal_paid_by(p_log public.chain_logs) returns public.withdrawals
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  v_row public.withdrawals;
begin
  select * into v_row from public.withdrawals w
    where (w.chain_id, w.vault, w.account) = (p_log.chain_id, p_log.vault, p_log.account) and w.status in ('reserved', 'signed')
      and w.nonce = ledger.uint256_at(p_log.data, 1) and w.contract = ledger.address_of(p_log.topics[3])
      and w.amount_in_wei = ledger.uint256_at(p_log.data, 0);
  return v_row;
end $$;

-- A payment whose withdrawal was lost: what is left of available goes where it went, the rest is a debt. False: its token is not
-- known, or the ledger has no room for such an amount, and it stays in quarantine; or somebody was faster.
create or replace function ledger.book_lost_payment(p_log public.chain_logs, p_why text) returns boolean
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_token public.tokens;
  v_amount numeric;
  v_left numeric;
  v_now timestamptz := clock_timestamp();
begin
  select * into v_token from public.tokens t
    where t.chain_id = p_log.chain_id and t.contract = ledger.address_of(p_log.topics[3]);
  v_amount := ledger.uint256_at(p_log.data, 0) * ('1e-' || v_token.decimals)::numeric;
  if v_amount is null or v_amount <= 0 or v_amount >= 1e20 then
    return false;
  end if;
  -- Before anything moves: of two who look at one payment, one books it.
  if not ledger.resolve_log(p_log.chain_id, p_log.tx_hash, p_log.content_hash, p_log.ordinal, false, 'reconciled: ' || p_why) then
    return false;
  end if;
  v_left := least(coalesce(ledger.spot_available(p_log.account, v_token.symbol), 0), v_amount);
  if v_left > 0 then
    perform ledger.post('withdraw_recovered', v_token.symbol, v_left, p_log.account, 'spot', 'vault', 'system',
      p_reference => jsonb_build_object('tx_hash', p_log.tx_hash, 'log_index', p_log.log_index));
  end if;
  if v_left < v_amount then
    insert into public.debts (id, account, token, amount, chain_id, tx_hash, content_hash, ordinal, log_index, created_at)
      values (ledger.new_id(v_now), p_log.account, v_token.symbol, v_amount - v_left, p_log.chain_id, p_log.tx_hash, p_log.content_hash,
        p_log.ordinal, p_log.log_index, v_now) on conflict (chain_id, tx_hash, content_hash, ordinal) do nothing;
  end if;
  return true;
end $$;

-- Why forgotten signatures may still be paid: vaults that settle has not read since the restore was noticed, and such as still have a
-- signer of then. Each vault counts that settle has ever followed on this chain: for which of them something was signed is forgotten too.
create or replace function ledger.vaults_that_may_pay(p_since timestamptz, p_signers text[]) returns text[]
language sql stable set search_path = pg_catalog, pg_temp as $$
  select coalesce(array_agg(case when c.signer_read_at > p_since
      then format('the vault’s signer is still %s at %s, whose forgotten signatures may be in users’ hands: set another', c.signer, c.vault)
      else format('the vault %s was not read since: let settle run until it was', c.vault) end order by c.vault), '{}')
  from public.chain_cursors c
  where c.chain_id = (select newest.chain_id from public.chain_cursors newest order by newest.signer_read_at desc nulls last limit 1)
    and (coalesce(c.signer_read_at <= p_since, true) or c.signer = any(p_signers))
$$;

-- For a person, as often as it takes. Books what the chain shows and the ledger has lost, then says what is still to be done; with
-- nothing left it is done, and signing may be resumed. A vault's signer is what settle has read at a final block.
-- {done, booked, left}
create or replace function ledger.reconcile(p_by text, p_why text) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_restore public.restores;
  v_log public.chain_logs;
  v_row public.withdrawals;
  v_run jsonb;
  v_booked text[] := '{}';
  v_left text[] := '{}';
  v_count integer;
begin
  select * into v_restore from public.restores r where r.reconciled_at is null order by r.id desc limit 1 for update;
  if not found then
    return json_build_object('done', false, 'booked', v_booked, 'left', array['no restore was noticed: there is nothing to reconcile']);
  end if;
  select s.summary into v_run from public.settle_runs s where s.id > v_restore.id order by s.id desc limit 1;
  if v_run is null or v_run ->> 'vault_signer' is null or v_run ->> 'cursor' is distinct from v_run ->> 'final_block' then
    return json_build_object('done', false, 'booked', v_booked,
      'left', array['settle’s newest run has not read up to the final block: let it, then come again']);
  end if;
  foreach v_log in array ledger.lock_lost_payments() loop
    v_row := ledger.withdrawal_paid_by(v_log);
    if v_row.status = 'signed' then
      perform ledger.resolve_log(v_log.chain_id, v_log.tx_hash, v_log.content_hash, v_log.ordinal, true, 'reconciled: ' || p_why);
    elsif v_row.status = 'reserved' then
      v_left := v_left || format('the withdrawal %s is paid by %s and waits for its signature: let settle sign it, then come again',
        v_row.id, v_log.tx_hash);
    elsif ledger.book_lost_payment(v_log, p_why) then
      v_booked := v_booked || format('%s paid %s', v_log.tx_hash, v_log.account);
    end if;
  end loop;

  select count(*) into v_count from public.chain_logs l where l.status in ('quarantined', 'pending');
  if v_count > 0 then
    v_left := v_left || format('%s logs are quarantined or wait: `npm run alerts` lists them', v_count);
  end if;
  select count(*) into v_count from public.debts d where d.settled_at is null;
  if v_count > 0 then
    v_left := v_left || format('%s debts are open: make each good, then `npm run alerts -- settle-debt`', v_count);
  end if;
  select count(*) into v_count from public.alerts a where a.kind = 'vault_unexplained' and a.resolved_at is null;
  if v_count > 0 then
    v_left := v_left || format('%s tokens of the vault are not explained: `npm run alerts` lists them', v_count);
  end if;
  v_left := v_left || ledger.vaults_that_may_pay(v_restore.noticed_at,
    array(select s.signer from public.restores r cross join lateral unnest(r.signers) s(signer) where r.reconciled_at is null));
  if cardinality(v_left) = 0 then
    update public.restores r set reconciled_at = clock_timestamp(), reconciled_by = p_by, reconciled_why = p_why,
        signer_after = v_run ->> 'vault_signer'
      where r.reconciled_at is null;
    update public.alerts a set resolved_at = clock_timestamp(), detail = a.detail || jsonb_build_object('resolved', p_by || ': ' || p_why)
      where a.key = 'ledger_restored' and a.resolved_at is null;
  end if;
  return json_build_object('done', cardinality(v_left) = 0, 'booked', v_booked, 'left', v_left);
end $$;

revoke all on function ledger.mark_run(uuid[], uuid[], text[]), ledger.reconcile(text, text) from public;
grant execute on function ledger.mark_run(uuid[], uuid[], text[]) to tidegate_settle;
