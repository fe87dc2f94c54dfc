-- What every login of a Postgres may call although none of ours needs it: large objects are storage that nobody looks at,
-- logical messages fill the log, a lock by a key of its own choosing holds up whoever claims an idempotency key, and a login
-- could end the other connections of its own name. The verbs act as the owner, who keeps them.
--
-- Only a superuser owns these functions, and on Neon the owner is none: then this changes nothing, and says so.
create or replace function ledger.open_back_doors() returns table (door text)
language sql stable set search_path = pg_catalog, pg_temp as $$
  select p.oid::regprocedure::text from pg_proc p
  where p.pronamespace = 'pg_catalog'::regnamespace and has_function_privilege('public', p.oid, 'execute')
    and (p.proname ~ '^(lo_|pg_advisory_|pg_try_advisory_|pg_sleep)' or p.proname in ('loread', 'lowrite',
      'pg_logical_emit_message', 'pg_notify', 'pg_export_snapshot', 'pg_terminate_backend', 'pg_cancel_backend',
      'pg_log_backend_memory_contexts', 'txid_current', 'pg_current_xact_id'))
  order by 1
$$;

create or replace function ledger.close_back_doors() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp set client_min_messages = error as $$
declare
  v_door text;
begin
  for v_door in select door from ledger.open_back_doors() loop
    begin
      -- First the owner's own right: it had it as everybody did.
      execute format('grant execute on function %s to %I', v_door, current_user);
      execute format('revoke execute on function %s from public', v_door);
    exception when insufficient_privilege then
      null;
    end;
  end loop;
end $$;

select ledger.close_back_doors();

revoke all on function ledger.open_back_doors(), ledger.close_back_doors() from public;
