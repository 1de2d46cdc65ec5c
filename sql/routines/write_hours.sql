create or replace function energy.write_measure_hours_of(buildings text[], days timestamptz[], from_at timestamptz,
    to_at timestamptz)
returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
set plan_cache_mode = force_custom_plan
as $$
declare
    floor_at constant timestamptz := energy.days_floor();
begin
    -- Returns early without sensors of such measures, to avoid planning the query.
    if not exists (
        select from raw.sensors
        where building_id = any (buildings)
          and sensor_type = any (array(select types.sensor_type from energy.sensor_types as types where is_kept_apart))
    ) then
        return;
    end if;

    insert into energy.measure_hours (building_id, apartment_id, room_name, measures, hour_at, value, quality,
        received_at)
    select fresh.building_id, fresh.apartment_id, fresh.room_name, fresh.measures, fresh.hour_at, fresh.value,
        fresh.quality, fresh.received_at
    from unnest(buildings, days) as due (building_id, day_at)
    cross join lateral (
        select * from processed.int_measure_hours as hours
        where hours.building_id = due.building_id and hours.day_at = due.day_at
        offset 0
    ) as fresh
    left join lateral (
        select * from energy.measure_hours as hours
        where (hours.building_id, hours.apartment_id, hours.room_name, hours.measures, hours.hour_at)
                = (fresh.building_id, fresh.apartment_id, fresh.room_name, fresh.measures, fresh.hour_at)
          and hours.hour_at >= from_at and hours.hour_at < to_at
        offset 0
    ) as kept on true
    where due.day_at >= floor_at
      and (fresh.is_lost and kept.value is not null and fresh.value is null) is not true
      and (kept.value, kept.quality, kept.received_at) is distinct from (fresh.value, fresh.quality, fresh.received_at)
    on conflict (building_id, apartment_id, room_name, measures, hour_at) do update
        set (value, quality, received_at) = (excluded.value, excluded.quality, excluded.received_at);
end;
$$;
comment on function energy.write_measure_hours_of(text[], timestamptz[], timestamptz, timestamptz) is
$$Recomputes the hours of measures without a column in energy.apartment_hours; energy.write_hours_of() calls it for
them.$$;
revoke all on function energy.write_measure_hours_of(text[], timestamptz[], timestamptz, timestamptz) from public;

create or replace function energy.write_hours_of(buildings text[], days timestamptz[], from_at timestamptz,
    to_at timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- Planned with the actual time range of these days, so that few chunks of a hypertable are opened.
set plan_cache_mode = force_custom_plan
as $$
begin
    -- OFFSET 0 keeps the planner from flattening the view, so that only the requested days are computed, and makes it
    -- look up each stored hour by its key. Unchanged rows are skipped, since a conflict would lock them.
    insert into energy.apartment_hours (building_id, apartment_id, hour_at, consumption_kwh, solar_kwh, quality,
        received_at,
                                        consumption_registers, solar_quality, solar_received_at)
    select fresh.building_id, fresh.apartment_id, fresh.hour_at, fresh.consumption_kwh, fresh.solar_kwh, fresh.quality,
        fresh.received_at,
        fresh.consumption_registers, fresh.solar_quality, fresh.solar_received_at
    from unnest(buildings, days) as due (building_id, day_at)
    cross join lateral (
        select * from processed.int_apartment_hours as hours
        where hours.building_id = due.building_id and hours.day_at = due.day_at
        offset 0
    ) as fresh
    left join lateral (
        select * from energy.apartment_hours as hours
        where (hours.building_id, hours.apartment_id, hours.hour_at)
                = (fresh.building_id, fresh.apartment_id, fresh.hour_at)
          and hours.hour_at >= from_at and hours.hour_at < to_at
        offset 0
    ) as kept on true
    -- For a register that was silent for long, the previous reading may have been dropped even here: keep the stored
    -- value.
    where (fresh.is_lost and (kept.consumption_kwh is not null and fresh.consumption_kwh is null
                              or kept.solar_kwh is not null and fresh.solar_kwh is null)) is not true
      and (kept.consumption_kwh, kept.solar_kwh, kept.quality, kept.received_at, kept.consumption_registers,
          kept.solar_quality,
           kept.solar_received_at)
        is distinct from
          (fresh.consumption_kwh, fresh.solar_kwh, fresh.quality, fresh.received_at, fresh.consumption_registers,
           fresh.solar_quality,
           fresh.solar_received_at)
    on conflict (building_id, apartment_id, hour_at) do update
        set (consumption_kwh, solar_kwh, quality, received_at, consumption_registers, solar_quality, solar_received_at)
          = (excluded.consumption_kwh, excluded.solar_kwh, excluded.quality, excluded.received_at,
              excluded.consumption_registers,
             excluded.solar_quality, excluded.solar_received_at);

    perform energy.write_measure_hours_of(buildings, days, from_at, to_at);

    insert into energy.building_hours (building_id, hour_at, consumption_kwh, solar_kwh, apartments_reporting,
        apartments_expected,
                                       coverage_share, quality, received_at, solar_quality, solar_received_at)
    select fresh.building_id, fresh.hour_at, fresh.consumption_kwh, fresh.solar_kwh, fresh.apartments_reporting,
        fresh.apartments_expected, fresh.coverage_share, fresh.quality, fresh.received_at, fresh.solar_quality,
        fresh.solar_received_at
    from unnest(buildings, days) as due (building_id, day_at)
    cross join lateral (
        select * from processed.int_building_hours as hours
        where hours.building_id = due.building_id and hours.hour_at >= due.day_at
          and hours.hour_at < due.day_at + interval '24 hours'
          and hours.hour_at >= from_at and hours.hour_at < to_at
        offset 0
    ) as fresh
    left join lateral (
        select * from energy.building_hours as hours
        where (hours.building_id, hours.hour_at) = (fresh.building_id, fresh.hour_at)
          and hours.hour_at >= from_at and hours.hour_at < to_at
        offset 0
    ) as kept on true
    where (kept.consumption_kwh, kept.solar_kwh, kept.apartments_reporting, kept.apartments_expected,
        kept.coverage_share, kept.quality,
           kept.received_at, kept.solar_quality, kept.solar_received_at)
        is distinct from
          (fresh.consumption_kwh, fresh.solar_kwh, fresh.apartments_reporting, fresh.apartments_expected,
           fresh.coverage_share, fresh.quality,
           fresh.received_at, fresh.solar_quality, fresh.solar_received_at)
    on conflict (building_id, hour_at) do update
        set (consumption_kwh, solar_kwh, apartments_reporting, apartments_expected, coverage_share, quality,
            received_at, solar_quality,
             solar_received_at)
          = (excluded.consumption_kwh, excluded.solar_kwh, excluded.apartments_reporting, excluded.apartments_expected,
             excluded.coverage_share, excluded.quality, excluded.received_at, excluded.solar_quality,
             excluded.solar_received_at);
end;
$$;
comment on function energy.write_hours_of(text[], timestamptz[], timestamptz, timestamptz) is
$$Recomputes the hours of these UTC days, which are between from_at and to_at; energy.write_hours() is its only
caller.$$;
revoke all on function energy.write_hours_of(text[], timestamptz[], timestamptz, timestamptz) from public;

create or replace function energy.write_hours(buildings text[], days timestamptz[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    floor_at constant timestamptz := energy.hours_floor();
    slice    record;
begin
    -- A week at a time, so that look-ups stay within a short range.
    for slice in
        select array_agg(building_id) as buildings, array_agg(day_at) as days, min(day_at) as first_day,
            max(day_at) + interval '24 hours' as end_at
        from unnest(buildings, days) as due (building_id, day_at)
        where day_at >= floor_at
        group by date_bin('7 days', day_at, '2000-01-01 00:00Z')
        order by first_day
    loop
        perform energy.set_near(slice.first_day, slice.end_at);
        perform energy.write_hours_of(slice.buildings, slice.days, slice.first_day, slice.end_at);
    end loop;
    perform energy.set_near(null, null);
    insert into energy.days_due (building_id, first_at, last_at)
    select due.building_id, due.day_at, due.day_at + interval '23 hours'
    from unnest(buildings, days) as due (building_id, day_at)
    where due.day_at >= floor_at;
end;
$$;
comment on function energy.write_hours(text[], timestamptz[]) is
$$Recomputes the hours of these UTC days, buildings and days in pairs, and queues the affected days of apartments. All
stored hours are written through it.

Hours that can no longer be computed are not changed: days before energy.hours_floor(), and register values whose
previous reading was dropped.$$;
revoke all on function energy.write_hours(text[], timestamptz[]) from public;
