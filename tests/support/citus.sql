-- What Citus 13.2 refuses, as far as its source and its documentation say it, on one ordinary Postgres: nothing is moved. Tables of
-- its catalog and functions have Citus's own names and arguments, so that what is tested speaks to the real thing.
set allow_system_table_mods = on;
insert into pg_extension (oid, extname, extowner, extnamespace, extrelocatable, extversion)
  values (999999, 'citus', 10, 'pg_catalog'::regnamespace, false, '13.2-1');
create table pg_catalog.pg_dist_local_group (groupid integer primary key);
create table pg_catalog.pg_dist_node (nodeid integer primary key, groupid integer not null, noderole text not null default 'primary');
create table pg_catalog.pg_dist_partition (
  logicalrelid regclass primary key, partmethod "char" not null, partkey text, colocationid integer not null, repmodel "char" not null
);
create table pg_catalog.pg_dist_object (objid regprocedure primary key);
-- Whether the transaction has done something on several connections to a node at once.
create table pg_catalog.standin_parallel (xid xid8 primary key);

create function pg_catalog.standin_on(p_setting text, p_default text) returns boolean
language sql volatile as $$ select coalesce(nullif(current_setting('citus.' || p_setting, true), ''), p_default) in ('on', 'true') $$;

-- In sequential mode, or where a foreign key to a reference table asks for it, each node has one connection.
create function pg_catalog.standin_touch_shards(p_table regclass) returns void
language plpgsql volatile as $$
begin
  if current_setting('citus.multi_shard_modify_mode', true) is distinct from 'sequential' then
    insert into standin_parallel values (pg_current_xact_id()) on conflict do nothing;
  elsif exists (select from standin_parallel where xid = pg_current_xact_id()) then
    raise exception 'cannot distribute "%" in sequential mode because a parallel query was executed in this transaction', p_table;
  end if;
end $$;

create function pg_catalog.column_to_column_name(p_table regclass, p_column text) returns text
language sql immutable as $$ select p_column $$;

create function pg_catalog.standin_check(p_table regclass, p_column text) returns void
language plpgsql volatile as $$
declare
  v_attnum smallint;
  v_row record;
begin
  if exists (select from pg_dist_partition d where d.logicalrelid = p_table) then
    raise exception 'table "%" is already distributed', p_table;
  end if;
  if not standin_on('enable_unsafe_triggers', 'off') and exists (select from pg_trigger t where t.tgrelid = p_table and not t.tgisinternal) then
    raise exception 'cannot distribute relation "%" because it has triggers and "citus.enable_unsafe_triggers" is set to "false"', p_table;
  end if;
  select i.inhparent::regclass as parent into v_row from pg_inherits i where i.inhrelid = p_table;
  if found and not exists (select from pg_dist_partition d where d.logicalrelid = v_row.parent) then
    raise exception 'cannot distribute relation "%" which is partition of "%"', p_table, v_row.parent;
  end if;
  if p_column is null then
    if (select c.relkind from pg_class c where c.oid = p_table) = 'p' then
      raise exception 'distributing partitioned tables in only supported for hash-distributed tables';
    end if;
    return;
  end if;
  select a.attnum into v_attnum from pg_attribute a where a.attrelid = p_table and a.attname = p_column and a.attgenerated = '';
  if not found then
    raise exception 'column "%" of relation "%" does not exist or is generated', p_column, p_table;
  end if;
  for v_row in select i.indexrelid::regclass as name from pg_index i where i.indrelid = p_table and (i.indisunique or i.indisexclusion)
      and not (i.indkey::smallint[] @> array[v_attnum]) loop
    raise exception 'cannot create constraint on "%"', p_table using
      detail = 'Distributed relations cannot have UNIQUE, EXCLUDE, or PRIMARY KEY constraints that do not include the partition column',
      hint = v_row.name;
  end loop;
end $$;

-- Foreign keys: of distributed tables only to reference tables, or to colocated ones along the distribution column; never between a
-- table of the cluster and one that is not.
create function pg_catalog.standin_check_keys(p_table regclass) returns void
language plpgsql volatile as $$
declare
  v_key record;
begin
  for v_key in
    select k.conname, mine.partmethod as mine, theirs.partmethod as theirs, mine.colocationid = theirs.colocationid as together,
      exists (select from unnest(k.conkey, k.confkey) c(here, there)
        join pg_attribute a on a.attrelid = k.conrelid and a.attnum = c.here and a.attname = mine.partkey
        join pg_attribute b on b.attrelid = k.confrelid and b.attnum = c.there and b.attname = theirs.partkey) as along
    from pg_constraint k left join pg_dist_partition mine on mine.logicalrelid = k.conrelid
    left join pg_dist_partition theirs on theirs.logicalrelid = k.confrelid
    where k.contype = 'f' and p_table in (k.conrelid, k.confrelid)
  loop
    if v_key.mine is null or v_key.theirs is null then
      raise exception 'referenced table must be a distributed table or a reference table' using detail = v_key.conname;
    elsif v_key.theirs = 'h' and (v_key.mine = 'n' or not v_key.together or not v_key.along) then
      raise exception 'cannot create foreign key constraint since relations are not colocated or not referencing a reference table'
        using detail = v_key.conname;
    end if;
  end loop;
end $$;

create function pg_catalog.create_reference_table(table_name regclass) returns void
language plpgsql volatile as $$
declare
  v_local regclass;
begin
  perform standin_check(table_name, null);
  perform standin_touch_shards(table_name);
  -- A table outside that refers to it comes into the cluster, by itself.
  for v_local in select k.conrelid from pg_constraint k where k.contype = 'f' and k.confrelid = table_name
      and not exists (select from pg_dist_partition d where d.logicalrelid = k.conrelid) loop
    insert into pg_dist_partition values (v_local, 'n', null, 0, 's');
  end loop;
  insert into pg_dist_partition values (table_name, 'n', null, 1, 't');
  perform standin_check_keys(table_name);
end $$;

create function pg_catalog.create_distributed_table(
  table_name regclass, distribution_column text, distribution_type text default 'hash', colocate_with text default 'default',
  shard_count integer default null
) returns void
language plpgsql volatile as $$
declare
  v_group integer;
  v_partition regclass;
begin
  if exists (select from pg_dist_node) and not exists (select from pg_dist_node n where n.groupid <> 0) then
    raise exception 'replication_factor (1) exceeds number of worker nodes (0)';
  end if;
  -- A table that came in by a foreign key is taken out again first, which Citus cannot do for one that numbers its rows.
  if exists (select from pg_dist_partition d where d.logicalrelid = table_name and d.repmodel = 's') then
    if exists (select from pg_attribute a where a.attrelid = table_name and a.attidentity <> '') then
      raise exception 'cannot complete operation on a table with identity column';
    end if;
    delete from pg_dist_partition d where d.logicalrelid = table_name;
  end if;
  perform standin_check(table_name, distribution_column);
  perform standin_touch_shards(table_name);
  if colocate_with in ('default', 'none') then
    select coalesce(max(d.colocationid), 1) + 1 into v_group from pg_dist_partition d;
  else
    select d.colocationid into v_group from pg_dist_partition d join pg_attribute a on a.attrelid = table_name and a.attname = distribution_column
      join pg_attribute b on b.attrelid = d.logicalrelid and b.attname = d.partkey and b.atttypid = a.atttypid
      where d.logicalrelid = colocate_with::regclass and d.partmethod = 'h';
    if not found then
      raise exception 'cannot colocate tables % and %', colocate_with, table_name;
    end if;
  end if;
  insert into pg_dist_partition values (table_name, 'h', distribution_column, v_group, 's');
  perform standin_check_keys(table_name);
  for v_partition in select i.inhrelid from pg_inherits i where i.inhparent = table_name loop
    perform create_distributed_table(v_partition, distribution_column, colocate_with => table_name::text);
  end loop;
end $$;

create function pg_catalog.create_distributed_function(
  function_name regprocedure, distribution_arg_name text default null, colocate_with text default 'default', force_delegation boolean default null
) returns void
language plpgsql volatile as $$
declare
  v_table text;
begin
  if exists (select from standin_parallel where xid = pg_current_xact_id()) then
    raise exception 'cannot run function command because there was a parallel operation on a distributed table in the transaction';
  end if;
  -- A function cannot be made on a node for a type of a table that is not there yet.
  select t.typname into v_table from pg_proc p cross join lateral unnest(p.proargtypes::oid[] || p.prorettype) a(oid)
    join pg_type t on t.oid = a.oid and t.typrelid <> 0
    where p.oid = function_name and not exists (select from pg_dist_partition d where d.logicalrelid = t.typrelid);
  if found then
    raise exception 'Function "%" has dependency on unsupported object "table %"', function_name, v_table;
  end if;
  insert into pg_dist_object values (function_name) on conflict do nothing;
end $$;

-- What later statements do to tables of the cluster.
create function pg_catalog.standin_watch() returns event_trigger
language plpgsql as $$
declare
  v_made record;
  v_parent record;
begin
  for v_made in select c.command_tag, c.objid, c.object_type, t.tgrelid from pg_event_trigger_ddl_commands() c
      left join pg_trigger t on c.classid = 'pg_trigger'::regclass and t.oid = c.objid
  loop
    if v_made.command_tag = 'CREATE TRIGGER' and exists (select from pg_dist_partition d where d.logicalrelid = v_made.tgrelid)
       and not standin_on('enable_unsafe_triggers', 'off') then
      raise exception 'triggers are not supported on distributed tables when "citus.enable_unsafe_triggers" is set to "false"';
    elsif v_made.command_tag = 'CREATE TABLE' and v_made.object_type = 'table' then
      select d.* into v_parent from pg_inherits i join pg_dist_partition d on d.logicalrelid = i.inhparent where i.inhrelid = v_made.objid;
      if found then
        perform create_distributed_table(v_made.objid::regclass, v_parent.partkey, colocate_with => v_parent.logicalrelid::text);
      end if;
    elsif v_made.command_tag = 'ALTER TABLE' and exists (select from pg_dist_partition d where d.logicalrelid = v_made.objid) then
      perform standin_check_keys(v_made.objid::regclass);
      if exists (select from standin_parallel where xid = pg_current_xact_id()) and exists (select from pg_constraint k
          join pg_dist_partition d on d.logicalrelid = k.confrelid and d.repmodel = 't' where k.contype = 'f' and k.conrelid = v_made.objid) then
        raise exception 'cannot modify table "%" because there was a parallel operation on a distributed table', v_made.objid::regclass;
      end if;
    end if;
  end loop;
end $$;
create event trigger standin_watches on ddl_command_end when tag in ('CREATE TRIGGER', 'CREATE TABLE', 'ALTER TABLE')
  execute function standin_watch();
reset allow_system_table_mods;
