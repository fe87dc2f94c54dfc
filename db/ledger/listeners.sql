-- Whose stream has subscribers. A movement of anybody else tells no stream: its verb's answer has no push in it.
--
-- A movement that looked before the registration was committed does not see it, and commits as late as its time limit allows.
-- So the stream registers, reads the balances, and reads them once more when every such movement has ended.

-- Registers the account's stream, or keeps it registered, and answers for how many seconds from now. It lapses by itself.
create or replace function ledger.listen(p_account text) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_seconds constant integer := 300;
begin
  insert into public.stream_listeners (account, listens_until)
    values (p_account, clock_timestamp() + make_interval(secs => v_seconds))
    on conflict (account) do update set listens_until = excluded.listens_until;
  return v_seconds;
end $$;

-- Does somebody listen now? A function of its own, so that it stays one look-up by key whatever is asked of how many.
--
-- Only verbs call this and the next two, so they have the verb's search_path, as ledger.post has.
create or replace function ledger.is_heard(p_account text) returns boolean
language plpgsql volatile as $$
begin
  perform 1 from public.stream_listeners l where l.account = p_account and l.listens_until > clock_timestamp();
  return found;
end $$;

-- What the streams are told of these balances after the commit: only those that somebody listens to.
create or replace function ledger.pushes_of(variadic p_balances ledger.balance_after[]) returns json
language plpgsql volatile as $$
declare
  v_balance ledger.balance_after;
  v_pushes json[] := '{}';
begin
  foreach v_balance in array p_balances loop
    if ledger.is_heard(v_balance.account) then
      v_pushes := v_pushes || ledger.push_of(v_balance);
    end if;
  end loop;
  return array_to_json(v_pushes);
end $$;

-- The same of pushes that are made already, one for each movement of a batch.
create or replace function ledger.heard(p_pushes json[]) returns json
language plpgsql volatile as $$
begin
  return coalesce((select json_agg(p.push) from unnest(p_pushes) p(push) where ledger.is_heard(p.push ->> 'account')), '[]');
end $$;

revoke all on function ledger.listen(text) from public;
grant execute on function ledger.listen(text) to tidegate_reads;
