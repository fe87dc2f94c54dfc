-- What a login waits for at most. Waiting in line for a row is bounded here, below the edge's own time limit for a database
-- call (functions/_lib/limits.ts), so an answer that came too late belongs to a transaction that has ended.
--
-- A login can change its own settings and nobody can take that from it: after a leak they are made anew with its password.
-- A login that is as it should be is left alone: logins belong to all databases of a server, and two that are migrated at
-- the same moment would meet in the same row.
create or replace function ledger.reset_login_settings() returns void
language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
declare
  v_role text;
  v_wanted text[];
  v_setting text;
begin
  for v_role, v_wanted in
    select 'tidegate_' || job, array['statement_timeout=' || statement, 'lock_timeout=2s', 'idle_in_transaction_session_timeout=5s']
    from (values ('reads', '3s'), ('sessions', '3s'), ('transfers', '3s'), ('withdrawals', '3s'), ('signed', '3s'), ('admin', '3s'),
      ('public', '3s'), ('settle', '20s')) as logins(job, statement)
  loop
    continue when (select count(*) = 1 and bool_and(setdatabase = 0 and setconfig = v_wanted)
      from pg_db_role_setting where setrole = v_role::regrole);
    execute format('alter role %I reset all', v_role);
    execute format('alter role %I in database %I reset all', v_role, current_database());
    foreach v_setting in array v_wanted loop
      execute format('alter role %I set %I = %L', v_role, split_part(v_setting, '=', 1), split_part(v_setting, '=', 2));
    end loop;
  end loop;
end $$;

select ledger.reset_login_settings();

revoke all on function ledger.reset_login_settings() from public;
