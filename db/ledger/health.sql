-- Takes a lock, as what moves money does: a table of locks that is full fails it too. `select 1` needs none of its rows.
create or replace function ledger.take_a_lock() returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
begin
  perform pg_advisory_xact_lock_shared(ledger.lock_of('health', ''));
  return 1;
end $$;

revoke all on function ledger.take_a_lock() from public;
grant execute on function ledger.take_a_lock() to tidegate_public, tidegate_reads;
