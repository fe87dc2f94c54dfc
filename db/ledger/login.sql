-- The nonce that an account's next login must sign. Writes nothing.
create or replace function ledger.next_login_nonce(p_account text) returns bigint
language sql stable security definer set search_path = pg_catalog, pg_temp as $$
  select coalesce((select n.next_nonce from public.login_nonces n where n.account = p_account), 0)
$$;

-- Uses up a login nonce: the check and the step are one statement, so of two replays one wins. Answers the generation that the
-- new token belongs to; null: somebody was first.
create or replace function ledger.sign_in(p_account text, p_nonce bigint) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_nonce = 0 then
    insert into public.login_nonces (account, next_nonce) values (p_account, 1) on conflict (account) do nothing;
  else
    update public.login_nonces n set next_nonce = n.next_nonce + 1, last_login_at = clock_timestamp()
      where n.account = p_account and n.next_nonce = p_nonce;
  end if;
  if not found then
    return null;
  end if;
  return coalesce((select c.generation from public.session_cutoffs c where c.account = p_account), 0);
end $$;

revoke all on function ledger.next_login_nonce(text), ledger.sign_in(text, bigint) from public;
grant execute on function ledger.next_login_nonce(text), ledger.sign_in(text, bigint) to tidegate_sessions;
