create or replace function energy.require_timescaledb() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    its_schema text;
begin
    select extnamespace::regnamespace into its_schema from pg_extension where extname = 'timescaledb';
    if its_schema is null then
        raise exception 'extension timescaledb is not created in database %', current_database()
            using errcode = 'object_not_in_prerequisite_state',
                hint = case when exists (select from pg_available_extensions where name = 'timescaledb')
                    then 'Add timescaledb to shared_preload_libraries, restart the server, then as a superuser: create '
                         'extension timescaledb.'
                    else 'TimescaleDB is not installed on this server; without it the large tables are partitioned by '
                         'month.' end;
    elsif its_schema <> 'public' then
        raise exception 'extension timescaledb is in schema %, not in public', its_schema
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Recreate it: create extension timescaledb schema public.';
    end if;
    perform energy.check_timescaledb();
end;
$$;
comment on function energy.require_timescaledb() is
    'Errors: 55000 TimescaleDB is not created in this database, not in schema public, or not preloaded.';
revoke all on function energy.require_timescaledb() from public;

create or replace function energy.make_hypertable(table_name text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    want energy.storage;
    have record;
    old  text;
begin
    select * into strict want from energy.storage where storage.table_name = make_hypertable.table_name;
    if not exists (select from timescaledb_information.hypertables
                   where format('%s.%s', hypertable_schema, hypertable_name) = make_hypertable.table_name) then
        if (select relkind from pg_class where oid = table_name::regclass) = 'p' then
            old := table_name || '_old';
            perform energy.replace_table(table_name::regclass, split_part(old, '.', 2), '');
        end if;
        perform public.create_hypertable(table_name, public.by_range(want.time_column, want.chunk),
            create_default_indexes => false, migrate_data => true);
        if old is not null then
            execute format('insert into %s select * from %s', table_name, old);
            execute format('drop table %s', old);
        end if;
        execute format('alter table %s set (timescaledb.enable_columnstore, timescaledb.segmentby = %L, '
                       'timescaledb.orderby = %L)',
                       table_name, want.segment_by, want.order_by);
    end if;
    select time_interval into have from timescaledb_information.dimensions
    where format('%s.%s', hypertable_schema, hypertable_name) = make_hypertable.table_name;
    if have.time_interval <> want.chunk then
        perform public.set_chunk_time_interval(table_name, want.chunk);
    end if;
    perform energy.set_policy(table_name, 'policy_compression',
        jsonb_build_object('compress_after', want.compress_after));
    perform energy.set_policy(table_name, 'policy_retention', jsonb_build_object('drop_after', want.keep));
end;
$$;
comment on function energy.make_hypertable(text) is
$$Makes a large table, plain or partitioned by month, a hypertable with columnstore and policies as in
energy.storage; settings that are up to date are not changed.$$;
revoke all on function energy.make_hypertable(text) from public;

create or replace function energy.set_policy(table_name text, policy text, want jsonb) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    have jsonb;
    done boolean;
begin
    want := jsonb_strip_nulls(want);
    select jobs.config || jsonb_build_object('schedule_interval', jobs.schedule_interval) into have
    from timescaledb_information.jobs
    where proc_name = policy and format('%s.%s', hypertable_schema, hypertable_name) = table_name;
    -- Policies use the server's clock: with another pipeline clock they could drop current data.
    if nullif(current_setting('energy.clock', true), '') is not null then
        want := '{}';
    end if;
    select bool_and((have ->> key)::interval is not distinct from value::interval) into done
    from jsonb_each_text(want) as wanted (key, value);
    if done or have is null and want = '{}' then
        return;
    end if;
    case policy
        when 'policy_compression' then
            call public.remove_columnstore_policy(table_name, if_exists => true);
            if want <> '{}' then
                call public.add_columnstore_policy(table_name, after => (want ->> 'compress_after')::interval);
            end if;
        when 'policy_retention' then
            perform public.remove_retention_policy(table_name, if_exists => true);
            if want <> '{}' then
                perform public.add_retention_policy(table_name, drop_after => (want ->> 'drop_after')::interval);
            end if;
        when 'policy_refresh_continuous_aggregate' then
            perform public.remove_continuous_aggregate_policy(table_name, if_exists => true);
            if want <> '{}' then
                perform public.add_continuous_aggregate_policy(
                    table_name, start_offset => (want ->> 'start_offset')::interval,
                    end_offset => (want ->> 'end_offset')::interval,
                    schedule_interval => (want ->> 'schedule_interval')::interval);
            end if;
    end case;
end;
$$;
comment on function energy.set_policy(text, text, jsonb) is
$$Adds, changes or removes a policy of TimescaleDB to match the wanted one.

Without policies while the setting energy.clock gives the pipeline another clock than the server's;
energy.apply_retention() uses that clock.$$;
revoke all on function energy.set_policy(text, text, jsonb) from public;

create or replace function energy.make_building_days_aggregate() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    create materialized view energy.building_days_aggregate with (timescaledb.continuous,
        timescaledb.materialized_only = false) as
    select
        building_id,
        public.time_bucket('1 day', hour_at) as day_at,
        sum(consumption_kwh order by hour_at) as consumption_kwh,
        sum(solar_kwh order by hour_at) as solar_kwh,
        count(*) as hours,
        count(consumption_kwh) as hours_with_demand,
        max(quality) as quality,
        max(received_at) as received_at
    from energy.building_hours
    group by building_id, day_at
    with no data;
    alter materialized view energy.building_days_aggregate owner to edf_owner;
    comment on view energy.building_days_aggregate is 'Continuous aggregate behind energy.building_days; data newer '
                                                      'than its last refresh is added from the hours.';
    grant select on energy.building_days_aggregate to pipeline, analyst;
end;
$$;
comment on function energy.make_building_days_aggregate() is 'Makes the continuous aggregate of days, with no data.';
revoke all on function energy.make_building_days_aggregate() from public;

-- It commits after each table, and a refresh needs its own transaction; so it cannot have a SET clause, and every name
-- is qualified.
create or replace procedure energy.enable_timescaledb()
language plpgsql
as $$
declare
    days     constant jsonb := energy.current_config() #> '{storage,building_days}';
    keep     interval;
    first_at timestamptz;
    last_at  timestamptz;
    large    text;
begin
    perform energy.require_timescaledb();
    if not (select rolcanlogin from pg_catalog.pg_roles where rolname = 'edf_owner') then
        raise exception 'role edf_owner may not log in, so TimescaleDB would not run its policies'
            using errcode = 'object_not_in_prerequisite_state',
                hint = 'As a superuser: alter role edf_owner login. Without a password, it cannot log in where '
                       'pg_hba.conf requires one.';
    end if;
    -- A refresh may write more tuples into compressed chunks than TimescaleDB allows in a transaction by default.
    execute pg_catalog.format('alter database %I set timescaledb.max_tuples_decompressed_per_dml_transaction = 0',
        pg_catalog.current_database());
    for large in select table_name from energy.storage order by table_name loop
        perform energy.make_hypertable(large);
        commit;
    end loop;

    -- A refresh is always bounded: one that looks back further than the hours are kept would delete days.
    select storage.keep into keep from energy.storage where table_name = 'energy.building_hours';
    if pg_catalog.to_regclass('energy.building_days_aggregate') is null then
        perform energy.make_building_days_aggregate();
        commit;
        select pg_catalog.date_trunc('day', min(hour_at), 'UTC'),
            pg_catalog.date_trunc('day', max(hour_at), 'UTC') into first_at, last_at
        from energy.building_hours where keep is null
            or hour_at >= pg_catalog.date_trunc('day', energy.cut_at(keep), 'UTC') + interval '24 hours';
        if first_at < last_at then
            call public.refresh_continuous_aggregate('energy.building_days_aggregate', first_at, last_at);
        end if;
        perform energy.define_building_days();
    end if;
    perform energy.set_policy('energy.building_days_aggregate', 'policy_refresh_continuous_aggregate',
        pg_catalog.jsonb_build_object(
        'start_offset', least((days ->> 'start')::interval, keep - interval '1 day'), 'end_offset', days ->> 'end',
        'schedule_interval', days ->> 'every'));
    perform energy.set_policy('energy.building_days_aggregate', 'policy_retention',
        pg_catalog.jsonb_build_object('drop_after', keep));
    commit;
end;
$$;
comment on procedure energy.enable_timescaledb() is
$$Makes the large tables hypertables, as configured in section storage: chunks, columnstore, policies, and the
continuous aggregate behind energy.building_days. Tables that are plain or partitioned by month are rewritten: call it
while there are few writes. Running it twice changes nothing; after a change of the configuration it updates the
policies. Call it outside of a transaction.

Errors: 55000 TimescaleDB is not created in this database, or not preloaded; role edf_owner may not log in.$$;
revoke all on procedure energy.enable_timescaledb() from public;
