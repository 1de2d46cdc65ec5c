-- A monthly partitioned table has no gaps: X_earlier, one partition per month (X_2026_11), X_later. So no row is
-- rejected and, without a default partition between them, the newest or the next reading is found in one partition.
create or replace function energy.months_of(table_name text, out first_month date, out last_month date)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select min(month), max(month)
    from (
        select to_date(right(relname, 7), 'YYYY_MM') as month
        from pg_inherits join pg_class on pg_class.oid = inhrelid
        where inhparent = table_name::regclass and relname ~ '_\d{4}_\d{2}$'
    ) as months;
$$;
comment on function energy.months_of(text) is
    'The first and the last month with a partition of a table; NULL if there are none.';
revoke all on function energy.months_of(text) from public;

create or replace function energy.add_partition(table_name text, suffix text, first_at text, end_at text,
    description text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    execute format('create table %1$s_%2$s partition of %1$s for values from (%3$s) to (%4$s)', table_name, suffix,
        first_at, end_at);
    execute format('alter table %s_%s owner to edf_owner', table_name, suffix);
    execute format('comment on table %s_%s is %L', table_name, suffix, description);
end;
$$;
comment on function energy.add_partition(text, text, text, text, text) is
    'Adds a partition; the bounds are SQL literals.';
revoke all on function energy.add_partition(text, text, text, text, text) from public;

create or replace function energy.split_partition(table_name text, suffix text, first_month date,
    last_month date) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    first_at constant text := format('%L', first_month || ' 00:00Z');
    end_at   constant text := format('%L', (last_month + interval '1 month')::date || ' 00:00Z');
    split    constant text := table_name || '_split';
    is_whole constant boolean := (select months_of.first_month is null from energy.months_of(table_name));
    month    timestamp;
begin
    execute format('alter table %s detach partition %1$s_%s', table_name, suffix);
    execute format('alter table %s_%s rename to %I', table_name, suffix, split_part(split, '.', 2));
    for month in select generate_series(first_month, last_month, interval '1 month') loop
        perform energy.add_partition(table_name, to_char(month, 'YYYY_MM'), format('%L', month || 'Z'),
            format('%L', month + interval '1 month' || 'Z'), to_char(month, '"Rows of "FMMonth YYYY", UTC."'));
    end loop;
    if is_whole or suffix = 'earlier' then
        perform energy.add_partition(table_name, 'earlier', 'minvalue', first_at,
            'Rows before the first monthly partition.');
    end if;
    if is_whole or suffix = 'later' then
        perform energy.add_partition(table_name, 'later', end_at, 'maxvalue', 'Rows after the last monthly partition.');
    end if;
    execute format('insert into %s select * from %s', table_name, split);
    execute format('drop table %s', split);
end;
$$;
comment on function energy.split_partition(text, text, date, date) is
    'Splits monthly partitions off the partition before or after all months, and moves their rows.';
revoke all on function energy.split_partition(text, text, date, date) from public;

create or replace function energy.make_months(table_name text, time_column text, keep interval,
    months_ahead integer) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    now_at     constant timestamp := energy.clock() at time zone 'UTC';
    last_month constant date := date_trunc('month', now_at) + make_interval(months => months_ahead);
    partitions constant bigint := (select count(*) from pg_inherits where inhparent = table_name::regclass);
    made       record;
    oldest     timestamptz;
    first_month date;
    added      bigint;
begin
    if (select relkind from pg_class where oid = table_name::regclass) <> 'p' then
        return 0;
    end if;
    perform pg_advisory_xact_lock(hashtextextended('energy.make_months', 0));
    select * into made from energy.months_of(table_name);
    -- Rows beyond their retention, or older than five years, do not get their own month: they may come from a wrong
    -- clock.
    execute format('select min(%I) from %s where %1$I >= $1', time_column,
        table_name || case when made.first_month is null then '' else '_earlier' end)
    into oldest using energy.clock() - coalesce(keep, interval '5 years');
    first_month := date_trunc('month', least(oldest at time zone 'UTC', now_at));
    if made.first_month is null then
        perform energy.split_partition(table_name, 'later', first_month, last_month);
    else
        if made.last_month < last_month then
            perform energy.split_partition(table_name, 'later', (made.last_month + interval '1 month')::date,
                last_month);
        end if;
        if first_month < made.first_month then
            perform energy.split_partition(table_name, 'earlier', first_month,
                (made.first_month - interval '1 month')::date);
        end if;
    end if;
    select count(*) - partitions into added from pg_inherits where inhparent = table_name::regclass;
    if added > 0 then
        -- Autovacuum does not analyze partitioned tables.
        execute format('analyze %s', table_name);
    end if;
    return added;
end;
$$;
comment on function energy.make_months(text, text, interval, integer) is
$$Creates the monthly partitions of a table, from its oldest row within retention to some months ahead. Returns their
number; 0 for tables that are not partitioned by month.$$;
revoke all on function energy.make_months(text, text, interval, integer) from public;

-- It commits after each table, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.make_partitions()
language plpgsql
as $$
declare
    large      record;
    started_at constant timestamptz := pg_catalog.clock_timestamp();
    made       bigint := 0;
    state      text;
    message    text;
    advice     text;
    failures   text;
begin
    perform energy.check_timescaledb();
    for large in select * from energy.storage order by table_name loop
        begin
            made := made + energy.make_months(large.table_name, large.time_column, large.keep,
                                              (energy.current_config() #>> '{storage,months_ahead}')::integer);
        exception when query_canceled or others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            failures := pg_catalog.concat_ws('; ', failures, large.table_name || ': ' || message);
        end;
        commit;
        exit when state = '57014';
    end loop;
    perform energy.record_job_run(
        'make_partitions', null, energy.clock(), started_at,
        case when failures is null then 'succeeded' else 'failed' end, made,
        state, failures, advice);
end;
$$;
comment on procedure energy.make_partitions() is
$$Creates the coming monthly partitions of partitioned tables (storage in config/edf.yaml); rows that arrived before
their partition existed are moved to it. Running it twice changes nothing. rows_written of its job run counts
partitions; a table that fails is named there, the others continue.$$;
revoke all on procedure energy.make_partitions() from public;
