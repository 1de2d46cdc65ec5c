create or replace function energy.write_days_of(buildings text[], dates date[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- Planned with the times between which is looked first: that leaves few chunks of a hypertable to open.
set plan_cache_mode = force_custom_plan
as $$
declare
    first_date constant date := (select min(date) from unnest(dates) as date);
    last_date  constant date := (select max(date) from unnest(dates) as date);
    -- In any zone.
    first_at   constant timestamptz := (first_date - 1)::timestamp at time zone 'UTC';
    last_at    constant timestamptz := (last_date + 2)::timestamp at time zone 'UTC';
begin
    -- Of an apartment that has gone into another one.
    delete from energy.apartment_days as days
    using unnest(buildings, dates) as due (building_id, local_date)
    where (days.building_id, days.local_date) = (due.building_id, due.local_date)
      and not exists (
          select from raw.sensors
          join energy.sensor_types using (sensor_type)
          where (sensors.building_id, sensors.apartment_id) = (days.building_id, days.apartment_id) and register_id is null
      );
    -- Of one whose first readings were withdrawn: no hour of the day is left.
    delete from energy.apartment_days as days
    using unnest(buildings, dates) as due (building_id, local_date), raw.buildings
    where (days.building_id, days.local_date) = (due.building_id, due.local_date) and buildings.building_id = due.building_id
      and not exists (
          select from energy.apartment_hours as hours
          where (hours.building_id, hours.apartment_id) = (days.building_id, days.apartment_id)
            and hour_at >= days.local_date::timestamp at time zone time_zone
            and hour_at < (days.local_date + 1)::timestamp at time zone time_zone and hour_at between first_at and last_at
      )
      and not exists (
          select from energy.measure_hours as hours
          where (hours.building_id, hours.apartment_id) = (days.building_id, days.apartment_id)
            and measures in ('room_temperature', 'setpoint')
            and hour_at >= days.local_date::timestamp at time zone time_zone
            and hour_at < (days.local_date + 1)::timestamp at time zone time_zone and hour_at between first_at and last_at
      );

    insert into energy.apartment_days
    select fresh.building_id, fresh.apartment_id, fresh.local_date, fresh.hours_in_day, fresh.consumption_hours, fresh.comfort_hours,
        fresh.consumption_kwh, fresh.room_temperature_c, fresh.setpoint_c, fresh.setpoint_difference_c, fresh.coverage_share, fresh.quality,
        fresh.received_at
    from unnest(buildings, dates) as due (building_id, local_date)
    cross join lateral (
        select * from processed.int_apartment_days as days
        where days.building_id = due.building_id and days.local_date = due.local_date
        offset 0
    ) as fresh
    left join energy.apartment_days as kept
        on (kept.building_id, kept.apartment_id, kept.local_date) = (fresh.building_id, fresh.apartment_id, fresh.local_date)
        and kept.building_id = any (buildings) and kept.local_date between first_date and last_date
    where (kept.hours_in_day, kept.consumption_hours, kept.comfort_hours, kept.consumption_kwh, kept.room_temperature_c, kept.setpoint_c,
           kept.setpoint_difference_c, kept.coverage_share, kept.quality, kept.received_at)
        is distinct from
          (fresh.hours_in_day, fresh.consumption_hours, fresh.comfort_hours, fresh.consumption_kwh, fresh.room_temperature_c, fresh.setpoint_c,
           fresh.setpoint_difference_c, fresh.coverage_share, fresh.quality, fresh.received_at)
    on conflict (building_id, apartment_id, local_date) do update
        set (hours_in_day, consumption_hours, comfort_hours, consumption_kwh, room_temperature_c, setpoint_c, setpoint_difference_c,
             coverage_share, quality, received_at)
          = (excluded.hours_in_day, excluded.consumption_hours, excluded.comfort_hours, excluded.consumption_kwh,
             excluded.room_temperature_c, excluded.setpoint_c, excluded.setpoint_difference_c, excluded.coverage_share, excluded.quality,
             excluded.received_at);
end;
$$;
comment on function energy.write_days_of(text[], date[]) is
    'Makes the days of apartments of these buildings and local dates anew; energy.refresh_days_of() calls it.';
revoke all on function energy.write_days_of(text[], date[]) from public;

create or replace function energy.refresh_days_of(building_ids text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- Planned with the times between which is looked first.
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
        cross join lateral generate_series(0, (last_at at time zone time_zone)::date - (first_at at time zone time_zone)::date) as n
    )

    -- What they rest on may have been dropped.
    select array_agg(building_id), array_agg(local_date) into buildings, dates
    from dates_due
    join raw.buildings using (building_id)
    where local_date::timestamp at time zone time_zone >= floor_at;

    -- A week at a time: what they rest on lies near them. A local day is none of UTC.
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
    'Brings the days of the apartments of some buildings up to date; energy.refresh_apartment_days() calls it, which holds its lock.';
revoke all on function energy.refresh_days_of(text[]) from public;

create or replace procedure energy.refresh_apartment_days()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_apartment_days', 0));
    perform energy.run_by_building('refresh_days', array(select distinct building_id from energy.days_due), 'select energy.refresh_days_of($1)');
end;
$$;
comment on procedure energy.refresh_apartment_days() is
$$Brings energy.apartment_days up to date: the days whose hours energy.refresh_building_hours() made anew since.

The result equals that of a full rebuild, call energy.refresh_building_hours('-infinity') before it, bit for bit. Running it twice changes nothing. A building that fails keeps its days, and what is due, and is a row of energy.job_runs; the others go on.$$;
revoke all on procedure energy.refresh_apartment_days() from public;
