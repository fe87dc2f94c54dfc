-- Uses up a login nonce: the check and the step are one statement, so of two replays one wins. False: somebody was first.
create or replace function ledger.use_login_nonce(p_account text, p_nonce bigint) returns boolean
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  if p_nonce = 0 then
    insert into public.login_nonces (account, next_nonce) values (p_account, 1) on conflict (account) do nothing;
  else
    update public.login_nonces n set next_nonce = n.next_nonce + 1, last_login_at = clock_timestamp()
      where n.account = p_account and n.next_nonce = p_nonce;
  end if;
  return found;
end $$;

revoke all on function ledger.use_login_nonce(text, bigint) from public;
grant execute on function ledger.use_login_nonce(text, bigint) to tidegate_edge;
