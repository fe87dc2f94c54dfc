-- Takes a lock, as verbs that move money do, so that it fails too when the table of locks is full; `select 1` would not notice.
create or replace function ledger.take_a_lock() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_advisory_xact_lock_shared(ledger.lock_of('health', ''));
  return 1;
end $$;

revoke all on function ledger.take_a_lock() from public;
grant execute on function ledger.take_a_lock() to tidegate_public, tidegate_reads;
