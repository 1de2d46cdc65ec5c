-- Storage of the large tables, from the current configuration.
create or replace view energy.storage as
select
    known.table_name,
    known.time_column,
    known.segment_by,
    known.order_by,
    (tables.settings ->> 'chunk')::interval as chunk,
    (tables.settings ->> 'compress_after')::interval as compress_after,
    (tables.settings ->> 'keep')::interval as keep
from (values
    ('raw.meter_readings', 'read_at', 'sensor_id', 'read_at desc, received_at desc'),
    ('raw.weather_forecasts', 'valid_at', 'weather_location_id', 'valid_at desc, issued_at desc'),
    ('energy.apartment_hours', 'hour_at', 'building_id, apartment_id', 'hour_at desc'),
    ('energy.measure_hours', 'hour_at', 'building_id, apartment_id, room_name, measures', 'hour_at desc'),
    ('energy.building_hours', 'hour_at', 'building_id', 'hour_at desc'),
    ('energy.forecasts', 'valid_at', 'building_id', 'valid_at desc, issued_at desc'),
    ('energy.solar_forecasts', 'valid_at', 'building_id', 'valid_at desc, issued_at desc')
) as known (table_name, time_column, segment_by, order_by)
cross join (select energy.current_config() #> '{storage,tables}' as tables) as config
cross join lateral (
    select coalesce(
        config.tables -> known.table_name,
        -- Configurations older than the table.
        case known.table_name
            when 'energy.solar_forecasts' then config.tables -> 'energy.forecasts'
            when 'energy.measure_hours' then config.tables -> 'energy.apartment_hours'
        end) as settings
) as tables
where tables.settings is not null;
comment on view energy.storage is
$$Large tables, and section storage of the configuration: time_column is the partitioning column; segment_by and
order_by are those of compressed chunks.$$;

create or replace function energy.dropped_before(table_name text) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select greatest(
        coalesce((select dropped.dropped_before from energy.dropped_rows as dropped where dropped.table_name = $1),
            '-infinity'),
        coalesce((select energy.clock() - keep from energy.storage where storage.table_name = $1), '-infinity'));
$$;
comment on function energy.dropped_before(text) is
    'Rows of a large table before this time may have been dropped: by past retention, or by the current configuration.';
revoke all on function energy.dropped_before(text) from public;

create or replace function energy.cut_at(keep interval) returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
return energy.clock() - keep;
comment on function energy.cut_at(interval) is
    'The time before which rows exceed a retention, in UTC; NULL: they are kept forever.';
revoke all on function energy.cut_at(interval) from public;

create or replace function energy.hours_floor() returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- A month more, since hours depend on the reading before them. Building hours and days are computed from apartment
    -- hours.
    select greatest(
        date_trunc('day', energy.dropped_before('raw.meter_readings'), 'UTC') + interval '31 days',
        date_trunc('day', energy.dropped_before('energy.apartment_hours'), 'UTC') + interval '1 day');
$$;
comment on function energy.hours_floor() is
    'Hours before this are not recomputed: their readings may have been dropped, which would remove them.';
revoke all on function energy.hours_floor() from public;

create or replace function energy.days_floor() returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select greatest(
        energy.hours_floor(), date_trunc('day', energy.dropped_before('energy.measure_hours'),
            'UTC') + interval '1 day');
$$;
comment on function energy.days_floor() is
    'Apartment days, and hours in energy.measure_hours, before this are not recomputed: see energy.hours_floor().';
revoke all on function energy.days_floor() from public;

-- energy.building_days reads the continuous aggregate or the hours, with the same result.
create or replace function energy.define_building_days() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $define$
begin
    if to_regclass('energy.building_days_aggregate') is not null then
        create or replace view energy.building_days as
        select building_id, day_at, consumption_kwh, solar_kwh, hours, hours_with_demand, quality, received_at
        from energy.building_days_aggregate;
    else
        create or replace view energy.building_days as
        select
            building_id,
            date_trunc('day', hour_at, 'UTC') as day_at,
            sum(consumption_kwh order by hour_at) as consumption_kwh,
            sum(solar_kwh order by hour_at) as solar_kwh,
            count(*) as hours,
            count(consumption_kwh) as hours_with_demand,
            max(quality) as quality,
            max(received_at) as received_at
        from energy.building_hours
        group by building_id, date_trunc('day', hour_at, 'UTC');
    end if;
    comment on view energy.building_days is
$$One row per building and UTC day: sums of energy.building_hours. Dashboards and analysts read it; the pipeline does
not.

With TimescaleDB it is a continuous aggregate, whose refresh looks back as far as storage.building_days in
config/edf.yaml.$$;
    comment on column energy.building_days.consumption_kwh is 'Sum of the hours with known demand; hours_with_demand '
                                                              'counts them.';
    comment on column energy.building_days.quality is 'The worst of the hours.';
end;
$define$;
comment on function energy.define_building_days() is
    'Creates the view energy.building_days: over the continuous aggregate if there is one, else over the hours.';
revoke all on function energy.define_building_days() from public;
do $$ begin perform energy.define_building_days(); end; $$;
