create or replace function energy.write_days_of(buildings text[], dates date[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- Planned with the actual time range of the look-ups, so that few chunks of a hypertable are opened.
set plan_cache_mode = force_custom_plan
as $$
declare
    first_date constant date := (select min(date) from unnest(dates) as date);
    last_date  constant date := (select max(date) from unnest(dates) as date);
    -- With a day of margin for any time zone.
    first_at   constant timestamptz := (first_date - 1)::timestamp at time zone 'UTC';
    last_at    constant timestamptz := (last_date + 2)::timestamp at time zone 'UTC';
begin
    -- Days of apartments that were merged into another one, or whose first readings were withdrawn, leaving no hours on
    -- the day. Each due day is looked up by its key: joined as a whole, all stored days would be read.
    with stored as (
        select days.row_id, days.apartment_id, due.building_id, due.local_date,
            due.local_date::timestamp at time zone time_zone as start_at,
            (due.local_date + 1)::timestamp at time zone time_zone as end_at
        from unnest(buildings, dates) as due (building_id, local_date)
        join raw.buildings on buildings.building_id = due.building_id
        cross join lateral (
            select days.ctid as row_id, days.apartment_id from energy.apartment_days as days
            where days.building_id = due.building_id and days.local_date = due.local_date
            offset 0
        ) as days
    ),

    gone as (
        delete from energy.apartment_days as days
        where ctid = any (array(
            select row_id from stored
            where not exists (
                select from raw.sensors
                join energy.sensor_types using (sensor_type)
                where (sensors.building_id, sensors.apartment_id) = (stored.building_id, stored.apartment_id)
                  and register_id is null
            )
            or not exists (
                select from energy.apartment_hours as hours
                where (hours.building_id, hours.apartment_id) = (stored.building_id, stored.apartment_id)
                  and hour_at >= start_at and hour_at < end_at and hour_at between first_at and last_at
            )
            and not exists (
                select from energy.measure_hours as hours
                where (hours.building_id, hours.apartment_id) = (stored.building_id, stored.apartment_id)
                  and measures in ('heating', 'hot_water', 'room_temperature', 'setpoint')
                  and hour_at >= start_at and hour_at < end_at and hour_at between first_at and last_at
            )))
        returning days.building_id, days.local_date
    )

    insert into energy.anomaly_days_due (building_id, local_date)
    select distinct gone.building_id, gone.local_date from gone
    on conflict do nothing;

    with written as (
        insert into energy.apartment_days as days (
            building_id, apartment_id, local_date,
            hours_in_day, consumption_hours, comfort_hours, consumption_kwh, room_temperature_c, setpoint_c,
            setpoint_difference_c, coverage_share, quality, received_at, heating_kwh, heating_hours, heating_max_kwh,
            heating_quality, hot_water_l, hot_water_hours, hot_water_max_l, hot_water_night_min_l, hot_water_quality,
            rooms, room_hours, least_room_hours, controlled_hours, room_min_c, room_max_c, least_room_range_c,
            steepest_fall_c, most_over_c, most_under_c, gap_hours
        )
        select
            fresh.building_id, fresh.apartment_id, fresh.local_date,
            fresh.hours_in_day, fresh.consumption_hours, fresh.comfort_hours, fresh.consumption_kwh,
            fresh.room_temperature_c, fresh.setpoint_c, fresh.setpoint_difference_c, fresh.coverage_share,
            fresh.quality, fresh.received_at, fresh.heating_kwh, fresh.heating_hours, fresh.heating_max_kwh,
            fresh.heating_quality, fresh.hot_water_l, fresh.hot_water_hours, fresh.hot_water_max_l,
            fresh.hot_water_night_min_l, fresh.hot_water_quality, fresh.rooms, fresh.room_hours,
            fresh.least_room_hours, fresh.controlled_hours, fresh.room_min_c, fresh.room_max_c,
            fresh.least_room_range_c, fresh.steepest_fall_c, fresh.most_over_c, fresh.most_under_c, fresh.gap_hours
        from unnest(buildings, dates) as due (building_id, local_date)
        cross join lateral (
            select * from processed.int_apartment_days as days
            where days.building_id = due.building_id and days.local_date = due.local_date
            offset 0
        ) as fresh
        left join lateral (
            select * from energy.apartment_days as days
            where (days.building_id, days.apartment_id, days.local_date)
                    = (fresh.building_id, fresh.apartment_id, fresh.local_date)
              and days.local_date between first_date and last_date
            offset 0
        ) as kept on true
        where (
            kept.hours_in_day, kept.consumption_hours, kept.comfort_hours, kept.consumption_kwh,
            kept.room_temperature_c, kept.setpoint_c, kept.setpoint_difference_c, kept.coverage_share, kept.quality,
            kept.received_at, kept.heating_kwh, kept.heating_hours, kept.heating_max_kwh, kept.heating_quality,
            kept.hot_water_l, kept.hot_water_hours, kept.hot_water_max_l, kept.hot_water_night_min_l,
            kept.hot_water_quality, kept.rooms, kept.room_hours, kept.least_room_hours, kept.controlled_hours,
            kept.room_min_c, kept.room_max_c, kept.least_room_range_c, kept.steepest_fall_c, kept.most_over_c,
            kept.most_under_c, kept.gap_hours
        ) is distinct from (
            fresh.hours_in_day, fresh.consumption_hours, fresh.comfort_hours, fresh.consumption_kwh,
            fresh.room_temperature_c, fresh.setpoint_c, fresh.setpoint_difference_c, fresh.coverage_share,
            fresh.quality, fresh.received_at, fresh.heating_kwh, fresh.heating_hours, fresh.heating_max_kwh,
            fresh.heating_quality, fresh.hot_water_l, fresh.hot_water_hours, fresh.hot_water_max_l,
            fresh.hot_water_night_min_l, fresh.hot_water_quality, fresh.rooms, fresh.room_hours,
            fresh.least_room_hours, fresh.controlled_hours, fresh.room_min_c, fresh.room_max_c,
            fresh.least_room_range_c, fresh.steepest_fall_c, fresh.most_over_c, fresh.most_under_c, fresh.gap_hours
        )
        on conflict (building_id, apartment_id, local_date) do update set (
            hours_in_day, consumption_hours, comfort_hours, consumption_kwh, room_temperature_c, setpoint_c,
            setpoint_difference_c, coverage_share, quality, received_at, heating_kwh, heating_hours, heating_max_kwh,
            heating_quality, hot_water_l, hot_water_hours, hot_water_max_l, hot_water_night_min_l, hot_water_quality,
            rooms, room_hours, least_room_hours, controlled_hours, room_min_c, room_max_c, least_room_range_c,
            steepest_fall_c, most_over_c, most_under_c, gap_hours
        ) = (
            excluded.hours_in_day, excluded.consumption_hours, excluded.comfort_hours, excluded.consumption_kwh,
            excluded.room_temperature_c, excluded.setpoint_c, excluded.setpoint_difference_c, excluded.coverage_share,
            excluded.quality, excluded.received_at, excluded.heating_kwh, excluded.heating_hours,
            excluded.heating_max_kwh, excluded.heating_quality, excluded.hot_water_l, excluded.hot_water_hours,
            excluded.hot_water_max_l, excluded.hot_water_night_min_l, excluded.hot_water_quality, excluded.rooms,
            excluded.room_hours, excluded.least_room_hours, excluded.controlled_hours, excluded.room_min_c,
            excluded.room_max_c, excluded.least_room_range_c, excluded.steepest_fall_c, excluded.most_over_c,
            excluded.most_under_c, excluded.gap_hours
        )
        returning days.building_id, days.local_date
    )

    -- Days whose values changed are due for scoring.
    insert into energy.anomaly_days_due (building_id, local_date)
    select distinct written.building_id, written.local_date from written
    on conflict do nothing;
end;
$$;
comment on function energy.write_days_of(text[], date[]) is
    'Recomputes the apartment days of these buildings and local dates; energy.refresh_days_of() calls it.';
revoke all on function energy.write_days_of(text[], date[]) from public;

create or replace function energy.refresh_days_of(building_ids text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- Planned with the actual time range of the look-ups.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    floor_at  constant timestamptz := energy.days_floor();
    due       energy.days_due[];
    buildings text[];
    dates     date[];
    slice     record;
begin
    with due as (
        delete from energy.days_due where building_id = any (building_ids) returning *
    )

    select array_agg(row(building_id, sensor_id, first_at, last_at)::energy.days_due) into due from due;

    with dates_due as (
        select distinct building_id, (first_at at time zone time_zone)::date + n as local_date
        from unnest(due)
        join raw.buildings using (building_id)
        cross join lateral generate_series(0,
            (last_at at time zone time_zone)::date - (first_at at time zone time_zone)::date) as n
    )

    -- Only days whose hours cannot have been dropped.
    select array_agg(building_id), array_agg(local_date) into buildings, dates
    from dates_due
    join raw.buildings using (building_id)
    where local_date::timestamp at time zone time_zone >= floor_at;

    -- A week at a time, so that look-ups stay within a short range. With a day of margin, since local days differ from
    -- UTC days.
    for slice in
        select array_agg(building_id) as buildings, array_agg(local_date) as dates,
            min(local_date) as first_date, max(local_date) as last_date
        from unnest(buildings, dates) as due (building_id, local_date)
        group by date_bin('7 days', local_date::timestamp, '2000-01-01')
        order by first_date
    loop
        perform energy.set_near(
            (slice.first_date - 1)::timestamp at time zone 'UTC', (slice.last_date + 2)::timestamp at time zone 'UTC');
        perform energy.write_days_of(slice.buildings, slice.dates);
    end loop;
    perform energy.set_near(null, null);
end;
$$;
comment on function energy.refresh_days_of(text[]) is
    'Refreshes the apartment days of some buildings; energy.refresh_apartment_days() calls it with its lock held.';
revoke all on function energy.refresh_days_of(text[]) from public;

create or replace procedure energy.refresh_apartment_days()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_apartment_days', 0));
    perform energy.run_by_building('refresh_days', array(select distinct building_id from energy.days_due),
        'select energy.refresh_days_of($1)');
end;
$$;
comment on procedure energy.refresh_apartment_days() is
$$Refreshes energy.apartment_days: the days whose hours energy.refresh_building_hours() has recomputed since.

The result is bitwise equal to that of a full rebuild, call energy.refresh_building_hours('-infinity') before it.
Running it twice changes nothing. A building that fails keeps its days and its queue, and is recorded in
energy.job_runs; the others continue.$$;
revoke all on procedure energy.refresh_apartment_days() from public;
