create or replace function energy.remove_unheard_hours(building_ids text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    floor_at  constant timestamptz := energy.hours_floor();
    days_from constant timestamptz := energy.days_floor();
begin
    -- Hours outside of the building's known span. Hours loaded without meters are kept: building hours without
    -- apartment hours, and hours of apartments without sensors.
    with unheard as materialized (
        select building_id, hour_at, consumption_kwh is null and solar_kwh is null as is_empty
        from energy.building_hours as hours
        where building_id = any (building_ids) and hour_at >= floor_at
          and not exists (
              select from energy.building_spans as spans
              where spans.building_id = hours.building_id
                and hour_at >= date_trunc('hour', first_at, 'UTC') and hour_at < date_trunc('hour', heard_at, 'UTC'))
    )

    delete from energy.building_hours as hours
    using unheard
    where (hours.building_id, hours.hour_at) = (unheard.building_id, unheard.hour_at)
      -- OFFSET 0: otherwise the hours of all buildings would be hashed.
      and (is_empty or exists (
          select from energy.apartment_hours as parts
          join raw.sensors using (building_id, apartment_id)
          where parts.building_id = unheard.building_id and parts.hour_at = unheard.hour_at
          offset 0));
    -- Also those of an apartment whose registers are continued by another one.
    delete from energy.apartment_hours as hours
    where building_id = any (building_ids) and hour_at >= floor_at
      and exists (
          select from raw.sensors
          where (sensors.building_id, sensors.apartment_id) = (hours.building_id, hours.apartment_id))
      and (
          not exists (
              select from energy.building_spans as spans
              where spans.building_id = hours.building_id
                and hour_at >= date_trunc('hour', first_at, 'UTC') and hour_at < date_trunc('hour', heard_at, 'UTC'))
          or not exists (
              select from raw.sensors
              join energy.sensor_types using (sensor_type)
              where (sensors.building_id, sensors.apartment_id) = (hours.building_id, hours.apartment_id)
                and register_id is null and kind = 'register' and (is_demand or measures = 'solar')));
    -- The same for other measures, and hours before the first remaining reading.
    with begun as materialized (
        select sensors.building_id, sensors.apartment_id,
            case kind when 'gauge' then sensors.room_name else '' end as room_name, measures,
            min(spans.first_at) as first_at
        from raw.sensors
        join energy.sensor_types using (sensor_type)
        -- The sensor and those that continue it.
        join raw.sensors as part
            on coalesce(part.register_id, part.sensor_id) = sensors.sensor_id and part.building_id = sensors.building_id
        join energy.sensor_spans as spans on spans.sensor_id = part.sensor_id
        where sensors.building_id = any (building_ids) and sensors.register_id is null and is_kept_apart
        group by 1, 2, 3, 4
    )

    delete from energy.measure_hours as hours
    using (select distinct building_id, apartment_id from raw.sensors where building_id = any (building_ids)) as places
    where (hours.building_id, hours.apartment_id) = (places.building_id, places.apartment_id) and hour_at >= days_from
      and not exists (
          select from begun
          join energy.building_spans as spans using (building_id)
          where (begun.building_id, begun.apartment_id, begun.room_name, begun.measures)
                = (hours.building_id, hours.apartment_id, hours.room_name, hours.measures)
            and hour_at >= date_trunc('hour', greatest(begun.first_at, spans.first_at), 'UTC')
            and hour_at < date_trunc('hour', spans.heard_at, 'UTC'));
    delete from energy.apartment_days as days
    using raw.buildings
    where days.building_id = any (building_ids) and buildings.building_id = days.building_id
      and local_date::timestamp at time zone time_zone >= days_from
      and not exists (
          select from energy.building_spans as spans
          where spans.building_id = days.building_id
            and local_date between (first_at at time zone time_zone)::date and (heard_at at time zone time_zone)::date);
end;
$$;
comment on function energy.remove_unheard_hours(text[]) is
$$Removes hours and days of buildings outside of the span of their readings, and those of apartments and rooms without
any remaining or currently configured sensor. Data before energy.hours_floor() is kept.$$;
revoke all on function energy.remove_unheard_hours(text[]) from public;

create or replace function energy.begin_rebuild(building_ids text[]) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    floor_at constant timestamptz := energy.hours_floor();
begin
    -- All readings of these buildings count as new; spans are recomputed from the remaining readings, since queued ones
    -- may have been withdrawn.
    with due as (
        delete from energy.hours_due where building_id = any (building_ids) returning sensor_id
    )

    insert into energy.sensor_spans as known (sensor_id, first_at, last_at)
    select sensor_id, min(read_at), max(read_at)
    from raw.meter_readings
    where sensor_id in (select sensor_id from due)
    group by sensor_id
    on conflict (sensor_id) do update
        set first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at);
    delete from energy.building_heard where building_id = any (building_ids) and hour_at >= floor_at;
    delete from energy.building_spans where building_id = any (building_ids);
    insert into energy.building_spans (building_id, first_at, heard_at)
    select building_id, min(first_at), max(last_at)
    from energy.sensor_spans join raw.sensors using (sensor_id)
    where building_id = any (building_ids)
    group by building_id;
    insert into energy.hours_due (building_id, sensor_id, first_at, last_at, received_at)
    select building_id, 0, min(read_at), max(read_at), min(received_at)
    from raw.meter_readings join raw.sensors using (sensor_id)
    where building_id = any (building_ids)
    group by building_id, date_trunc('hour', read_at, 'UTC');
    perform energy.remove_unheard_hours(building_ids);
end;
$$;
comment on function energy.begin_rebuild(text[]) is
$$Marks all readings of these buildings as new for energy.refresh_building_hours(), and removes hours that no longer
have readings.$$;
revoke all on function energy.begin_rebuild(text[]) from public;
