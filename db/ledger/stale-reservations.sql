-- Reservations whose request died between reserving and storing the signature, judged by this clock alone, as requested_at is. Most were
-- never signed, and their funds go back. But a signature that was made may have left all the same: the ledger stored it, and was then
-- set back by so little that nothing else of it is missing. So the witness is asked, who keeps each signature from before it is
-- stored: what he has is signed, and ends as every signature does, by the chain.

-- The ids of a batch of them, the oldest first: also of younger ones of which it is known that their signature was lost. One that had
-- to wait comes after all that were not looked at yet, so that however many wait, they hold up nobody's funds.
create or replace function ledger.stale_reservations(p_ttl_seconds integer, p_limit integer) returns json
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce(json_agg(stale.id), '[]') from (
    select w.id from public.withdrawals w
    where w.status = 'reserved' and (w.requested_at < clock_timestamp() - make_interval(secs => p_ttl_seconds) or ledger.signature_was_lost(w.id))
    order by w.looked_at nulls first, w.requested_at limit p_limit) stale
$$;

create or replace function ledger.signature_was_lost(p_id uuid) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (select from public.restores r where r.reconciled_at is null and p_id = any(r.lost))
$$;

-- Ends those that are still reserved. p_signatures: {id: signature}, all that the witness has of them; the others are released, but
-- for one whose signature is known to be lost: that waits until a person has reconciled. While signing is paused nothing is signed.
create or replace function ledger.end_reservations(p_ids uuid[], p_signatures jsonb) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_id uuid;
  v_result json;
  v_signed uuid[] := '{}';
  v_waiting uuid[] := '{}';
  v_now timestamptz := clock_timestamp();
  v_pushes json[] := '{}';
  -- While the ledger is known to have been set back, what was signed before must be signed again.
  v_waits boolean := exists (select from public.switches s where s.name = 'withdrawals_paused' and s.engaged)
    and not exists (select from public.restores r where r.reconciled_at is null);
begin
  -- In the order in which every verb locks balances; a row that its own request is just ending is left to it.
  for v_id in
    select stale.id from (
      select w.id, w.account, w.token from public.withdrawals w where w.id = any(p_ids) and w.status = 'reserved' for update skip locked
    ) stale join ledger.accounts a on a.address = stale.account join public.tokens t on t.symbol = stale.token
    order by a.account_no, t.token_no, stale.id
  loop
    -- What was refused while signing was paused may have been this: it is not signed behind the pause's back.
    if (p_signatures ? v_id::text and v_waits) or (not p_signatures ? v_id::text and ledger.signature_was_lost(v_id)) then
      v_waiting := v_waiting || v_id;
    elsif p_signatures ? v_id::text then
      perform ledger.sign_reservation(v_id, p_signatures ->> v_id::text);
      v_signed := v_signed || v_id;
    else
      v_result := ledger.give_back(v_id, 'reservation_timeout');
      if (v_result ->> 'released')::boolean then
        v_pushes := v_pushes || (v_result -> 'pushes' -> 0);
      end if;
    end if;
  end loop;
  update public.withdrawals w set looked_at = v_now where w.id = any(v_waiting);
  if cardinality(v_signed) > 0 then
    perform ledger.raise_alert('signature_recovered', 'signature_recovered',
      jsonb_build_object('count', cardinality(v_signed), 'withdrawals', to_jsonb(v_signed[1:20])));
  end if;
  return json_build_object('released', cardinality(v_pushes), 'signed', to_json(v_signed), 'pushes', ledger.heard(v_pushes));
end $$;

revoke all on function ledger.stale_reservations(integer, integer), ledger.end_reservations(uuid[], jsonb) from public;
grant execute on function ledger.stale_reservations(integer, integer), ledger.end_reservations(uuid[], jsonb) to tidegate_settle;
