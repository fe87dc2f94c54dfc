-- Session tokens prove themselves, so sessions are not stored. Stored is which of them were ended before their time.

-- Refuses a session that has ended. Each statement of a session caller carries it (db/session-gate.ts). The shared lock makes
-- whoever signs out wait for what was let in: when that has answered, nothing of the ended session moves any more.
-- p_generation is null for a token that has none; p_id is the SHA-256 of what its signature signs.
create or replace function ledger.require_session(p_account text, p_issued_at bigint, p_generation integer, p_id bytea)
returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_advisory_xact_lock_shared(ledger.lock_of('sessions', p_account));
  if exists (select from public.ended_sessions e where e.id = p_id)
     or exists (select from public.session_cutoffs c where c.account = p_account
       and case when p_generation is null then p_issued_at <= c.valid_from else p_generation < c.generation end) then
    perform ledger.refuse('session_ended');
  end if;
  return true;
end $$;

-- Ends one session, or with p_everywhere every one of the account. Answers the account's cut-off and when it was made.
-- An issuer whose token is from the future has a clock that is ahead, by p_clock_ahead_max seconds at most: so may be the
-- other tokens that it has issued by now. No call says more of the future than a token that is accepted does: with a stolen login
-- somebody would shut an account out for years, or leave rows for ever.
create or replace function ledger.sign_out(
  p_account text, p_issued_at bigint, p_generation integer, p_id bytea, p_expires_at bigint, p_everywhere boolean,
  p_clock_ahead_max integer
) returns json
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_clock_ahead_max constant integer := 60;
  -- By this clock, which may be behind that of whoever accepted the token.
  v_future_max constant integer := 120;
  v_session_seconds_max constant bigint := 30 * 86400;
  v_now timestamptz := clock_timestamp();
  v_until bigint;
  v_cutoff public.session_cutoffs;
begin
  if coalesce(p_clock_ahead_max not between 0 and v_clock_ahead_max or p_issued_at > ledger.unix_seconds(v_now) + v_future_max
      or p_expires_at > ledger.unix_seconds(v_now) + v_future_max + v_session_seconds_max, true) then
    raise exception using errcode = 'invalid_parameter_value', message = 'a session from further in the future than any is accepted';
  end if;
  perform pg_advisory_xact_lock(ledger.lock_of('sessions', p_account));
  perform ledger.require_session(p_account, p_issued_at, p_generation, p_id);
  v_now := clock_timestamp();
  if p_everywhere then
    v_until := ledger.unix_seconds(v_now);
    if p_generation is null and p_issued_at > v_until then
      v_until := v_until + p_clock_ahead_max;
    end if;
    insert into public.session_cutoffs as c (account, generation, valid_from, changed_at)
      values (p_account, 1, v_until, v_now)
      on conflict (account) do update set generation = c.generation + 1,
        valid_from = greatest(c.valid_from, excluded.valid_from), changed_at = excluded.changed_at
      returning * into v_cutoff;
  else
    insert into public.ended_sessions (id, account, expires_at) values (p_id, p_account, to_timestamp(p_expires_at));
  end if;
  return json_build_object('generation', v_cutoff.generation, 'valid_from', v_cutoff.valid_from,
    'signed_out_at', ledger.unix_seconds(v_now));
end $$;

revoke all on function ledger.require_session(text, bigint, integer, bytea),
  ledger.sign_out(text, bigint, integer, bytea, bigint, boolean, integer) from public;
grant execute on function ledger.require_session(text, bigint, integer, bytea)
  to tidegate_reads, tidegate_sessions, tidegate_transfers, tidegate_withdrawals;
grant execute on function ledger.sign_out(text, bigint, integer, bytea, bigint, boolean, integer) to tidegate_sessions;
