-- Monthly partitions of the history. `npm run migrate` makes the first, settle's upkeep the next ones.

-- Smallest uuid v7 of a moment: a month's partition begins there.
create or replace function ledger.first_id(p_at timestamptz) returns uuid
language sql immutable set search_path = pg_catalog, pg_temp as $$
  select (lpad(to_hex(floor(extract(epoch from p_at) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid
$$;

-- Makes the monthly partitions from this month to p_months ahead, a year at most. The cron function calls it, so the default
-- partition stays empty; it is there so that a cron that was down for months never stops a movement.
--
-- Each is made by itself and attached: that waits for whoever reads the default partition, and while it does movements go on. Made
-- as a partition at once, as over a cluster, it would wait with a lock on the whole history, and every movement behind it.
create or replace function ledger.ensure_partitions(p_months integer default 3) returns integer
language plpgsql volatile security definer set search_path = pg_catalog, pg_temp as $$
declare
  v_month timestamptz;
  v_name text;
  v_made integer := 0;
  v_cluster boolean := exists (select from pg_catalog.pg_extension e where e.extname = 'citus');
begin
  if coalesce(p_months not between 0 and 12, true) then
    raise exception using errcode = 'invalid_parameter_value', message = 'partitions are made for a year ahead at most';
  end if;
  for i in 0..p_months loop
    v_month := date_trunc('month', now(), 'UTC') + make_interval(months => i);
    v_name := 'movements' || to_char(v_month at time zone 'UTC', '_YYYY_MM');
    if to_regclass('ledger.' || v_name) is null then
      -- Over a cluster a partition is spread as its table is, and Citus wants to be told that its triggers are meant.
      perform set_config('citus.enable_unsafe_triggers', 'on', true);
      if v_cluster then
        execute format('create table ledger.%I partition of ledger.movements for values from (%L) to (%L)', v_name,
          ledger.first_id(v_month), ledger.first_id(v_month + interval '1 month'));
      else
        execute format('create table ledger.%I (like ledger.movements including all)', v_name);
        execute format('alter table ledger.movements attach partition ledger.%I for values from (%L) to (%L)', v_name,
          ledger.first_id(v_month), ledger.first_id(v_month + interval '1 month'));
      end if;
      execute format('create trigger never_truncated before truncate on ledger.%I for each statement execute function ledger.refuse_change()', v_name);
      v_made := v_made + 1;
    end if;
  end loop;
  return v_made;
end $$;

revoke all on function ledger.first_id(timestamptz), ledger.ensure_partitions(integer) from public;
grant execute on function ledger.first_id(timestamptz) to tidegate_reads;
grant execute on function ledger.ensure_partitions(integer) to tidegate_settle;
