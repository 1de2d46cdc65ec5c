create or replace function energy.drop_months(table_name text, time_column text, cut_at timestamptz) returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    first_kept date;
    month      text;
    dropped    text[] := '{}'::text[];
begin
    -- Excludes energy.make_months(), which detaches partitions of the same tables.
    perform pg_advisory_xact_lock(hashtextextended('energy.make_months', 0));
    select least(date_trunc('month', cut_at at time zone 'UTC'), last_month) into first_kept
    from energy.months_of(table_name) where last_month is not null;
    if first_kept is null then
        return dropped;
    end if;
    -- Late rows of months that were already dropped.
    execute format('delete from %s_earlier where %I < %L', table_name, time_column, first_kept || ' 00:00Z');
    for month in
        select inhrelid::regclass from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = table_name::regclass and relname ~ '_\d{4}_\d{2}$'
          and to_date(right(relname, 7), 'YYYY_MM') < first_kept
        order by relname
    loop
        execute format('drop table %s', month);
        dropped := dropped || month;
    end loop;
    if dropped <> '{}' then
        -- Extends the first partition up to the remaining months.
        execute format('alter table %s detach partition %1$s_earlier', table_name);
        execute format('alter table %s attach partition %1$s_earlier for values from (minvalue) to (%L)', table_name,
            first_kept || ' 00:00Z');
    end if;
    return dropped;
end;
$$;
comment on function energy.drop_months(text, text, timestamptz) is
    'Drops the partitions of months before a time, and late rows of such months. Returns the names of the partitions.';
revoke all on function energy.drop_months(text, text, timestamptz) from public;

create or replace function energy.drop_old_rows(table_name text, time_column text, cut_at timestamptz) returns text[]
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    dropped text[];
begin
    -- Recorded before the rows are dropped, so that no hour is computed from the rest. The lock waits for running
    -- refreshes.
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_building_hours', 0));
    insert into energy.dropped_rows as known (table_name, dropped_before) values (drop_old_rows.table_name, cut_at)
    on conflict on constraint dropped_rows_pkey do update set dropped_before = greatest(known.dropped_before,
        excluded.dropped_before);
    if (select relkind from pg_class where oid = table_name::regclass) = 'p' then
        return energy.drop_months(table_name, time_column, cut_at);
    end if;
    -- TimescaleDB's own policies do the same by the server's clock; this uses the pipeline's clock.
    perform energy.require_timescaledb();
    select array_agg(chunk) into dropped from public.drop_chunks(table_name, older_than => cut_at) as chunk;
    return dropped;
end;
$$;
comment on function energy.drop_old_rows(text, text, timestamptz) is
$$Drops the rows of a large table before a time, by whole months or chunks, and records it in energy.dropped_rows.
Returns the names of the dropped partitions or chunks.$$;
revoke all on function energy.drop_old_rows(text, text, timestamptz) from public;

create or replace function energy.purge_log(log_name text, keep interval) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    condition constant text := case log_name
        when 'raw.rejected_messages' then 'received_at < energy.clock() - $1'
        when 'raw.ingestions' then 'received_at < energy.clock() - $1'
        -- The following are written by the server's clock.
        when 'raw.weather_fetches' then 'started_at < now() - $1'
        when 'energy.job_runs' then 'finished_at < now() - $1'
        when 'cron.job_run_details' then 'end_time < now() - $1'
        when 'energy.api_errors' then 'minute < now() - $1'
        when 'energy.api_reads' then 'minute < now() - $1'
        when 'energy.alert_deliveries' then 'created_at < now() - $1'
        when 'energy.forecast_slots' then 'slot_at < energy.clock() - $1'
        when 'energy.refreshed_forecasts' then 'refreshed_at < energy.clock() - $1'
        when 'energy.superseded_forecasts' then 'issued_at < energy.clock() - $1'
        -- Days of apartments, and what is said of them.
        when 'energy.apartment_days' then 'local_date < (energy.clock() - $1)::date'
        when 'energy.apartment_features' then 'local_date < (energy.clock() - $1)::date'
        when 'energy.anomaly_scores' then 'local_date < (energy.clock() - $1)::date'
        when 'energy.anomaly_findings' then 'local_date < (energy.clock() - $1)::date'
        when 'energy.anomaly_days' then 'local_date < (energy.clock() - $1)::date'
        -- The newest one is the threshold of now.
        when 'energy.anomaly_thresholds' then 'made_at < energy.clock() - $1
            and threshold_id < (select max(newest.threshold_id) from energy.anomaly_thresholds as newest)'
        -- The refresh needs rows from the first hour that may be recomputed, and the newest row of each building.
        when 'energy.building_heard' then 'hour_at < energy.hours_floor()
            and hour_at < (select max(newest.hour_at) from energy.building_heard as newest where newest.building_id = log.building_id)'
    end;
    purged bigint;
begin
    if condition is null then
        raise exception 'there is no log "%" with a retention', log_name
            using errcode = 'invalid_parameter_value',
                  hint = 'Section storage.logs in config/edf.yaml lists the known logs.';
    end if;
    if to_regclass(log_name) is null then
        return 0;
    end if;
    execute format('delete from %s as log where %s', log_name, condition) using keep;
    get diagnostics purged = row_count;
    return purged;
end;
$$;
comment on function energy.purge_log(text, interval) is
$$Deletes the rows of a log that are older than its retention; those of energy.building_heard are deleted with the
readings. Returns the number of rows. Errors: 22023 no such log.$$;
revoke all on function energy.purge_log(text, interval) from public;

-- It commits after each table, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.apply_retention()
language plpgsql
as $$
declare
    old        record;
    started_at constant timestamptz := pg_catalog.clock_timestamp();
    purged     bigint := 0;
    dropped    text[] := '{}'::text[];
    state      text;
    message    text;
    advice     text;
    failures   text;
begin
    perform energy.check_timescaledb();
    for old in
        select table_name, time_column, keep from energy.storage where keep is not null
        union all
        select logs.key, null, logs.value::interval
        from pg_catalog.jsonb_each_text(energy.current_config() #> '{storage,logs}') as logs
        where logs.value is not null
        union all
        select 'energy.building_heard', null, null
        union all
        select names.name, null, interval '400 days'
        from (values ('energy.forecast_slots'), ('energy.superseded_forecasts'), ('energy.alert_deliveries'),
            ('energy.api_errors')) as names (name)
        union all
        select 'energy.refreshed_forecasts', null, interval '35 days'
        union all
        select 'edf.models', null, null where pg_catalog.to_regclass('edf.models') is not null
    loop
        begin
            if old.table_name = 'edf.models' then
                perform energy.empty_models();
            elsif old.time_column is null then
                purged := purged + energy.purge_log(old.table_name, old.keep);
            else
                dropped := dropped || energy.drop_old_rows(old.table_name, old.time_column, energy.cut_at(old.keep));
            end if;
        exception when query_canceled or others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            failures := pg_catalog.concat_ws('; ', failures, old.table_name || ': ' || message);
        end;
        commit;
        exit when state = '57014';
    end loop;
    perform energy.record_job_run(
        'apply_retention', null, energy.clock(), started_at,
        case when failures is null then 'succeeded' else 'failed' end, purged, state,
        pg_catalog.concat_ws('; ', failures, 'dropped ' || nullif(pg_catalog.array_to_string(dropped, ', '), '')),
        advice);
end;
$$;
comment on procedure energy.apply_retention() is
$$Drops months, chunks and log rows that are older than their retention (storage in config/edf.yaml). Running it twice
changes nothing.

rows_written of its job run counts the deleted log rows, its message names what was dropped; a table that fails is named
there, and the others continue. Artifacts of models are emptied by governance.retention: see energy.empty_models. Rows
that the refresh of the hours still reads are kept: see energy.hours_floor().$$;
revoke all on procedure energy.apply_retention() from public;
