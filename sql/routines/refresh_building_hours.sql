create or replace procedure energy.refresh_building_hours(from_at timestamptz default null, to_at timestamptz default 'infinity')
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    buildings text[];
    days      timestamptz[];
begin
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_building_hours', 0));
    with due as materialized (
        delete from energy.hours_due returning *
    ),

    seen as (
        select building_id, first_at, last_at, received_at from due
        union all
        select sensors.building_id, first.read_at, last.read_at, last.received_at
        from raw.sensors
        cross join lateral (
            select read_at from raw.meter_readings where meter_readings.sensor_id = sensors.sensor_id order by read_at limit 1
        ) as first
        cross join lateral (
            select read_at, received_at from raw.meter_readings where meter_readings.sensor_id = sensors.sensor_id
            order by read_at desc, received_at limit 1
        ) as last
        where from_at is not null
    ),

    heard as (
        select distinct on (building_id) building_id, last_at as heard_at, received_at as heard_received_at,
            min(first_at) over (partition by building_id) as first_at
        from seen
        order by building_id, last_at desc, received_at
    ),

    spans as (
        insert into energy.building_spans as old (building_id, first_at, heard_at, heard_received_at)
        select building_id, first_at, heard_at, heard_received_at from heard
        on conflict (building_id) do update set
            first_at = least(old.first_at, excluded.first_at),
            heard_at = greatest(old.heard_at, excluded.heard_at),
            heard_received_at = case
                when excluded.heard_at > old.heard_at then excluded.heard_received_at
                when excluded.heard_at = old.heard_at then least(old.heard_received_at, excluded.heard_received_at)
                else old.heard_received_at
            end
        returning *
    ),

    -- A reading bears on the time since the one before it, and up to the one after it: later still, while it may hide jitter.
    touched as (
        select due.building_id, coalesce(before.read_at, due.first_at) as since, coalesce(after.read_at, spans.heard_at) as until
        from due
        join spans using (building_id)
        join raw.sensors using (sensor_id)
        join energy.sensor_types using (sensor_type)
        left join lateral (
            select read_at from raw.meter_readings
            where meter_readings.sensor_id = due.sensor_id and read_at < due.first_at order by read_at desc limit 1
        ) as before on true
        left join lateral (
            select read_at from raw.meter_readings
            where meter_readings.sensor_id = due.sensor_id
              and read_at > due.last_at + energy.jitter_span(sensor_types.settings || sensors.settings) order by read_at limit 1
        ) as after on true
        where kind = 'register'
        union all
        -- Silent registers are unchanged for longer than was known.
        select heard.building_id, coalesce(old.heard_at, heard.first_at), heard.heard_at
        from heard left join energy.building_spans as old using (building_id)
        union all
        select building_id, greatest(spans.first_at, from_at), least(spans.heard_at, to_at)
        from spans where from_at is not null
    ),

    hours_of_days as (
        select distinct building_id, day_at
        from touched
        cross join lateral generate_series(date_trunc('day', since, 'UTC'), until, interval '24 hours') as day_at
    )

    select array_agg(building_id), array_agg(day_at) into buildings, days from hours_of_days;

    -- OFFSET 0 keeps the planner from joining with the whole view: it computes the day that is asked for. What is already so is left
    -- alone, since a conflict would lock its row.
    insert into energy.apartment_hours (building_id, apartment_id, hour_at, consumption_kwh, solar_kwh, quality, received_at)
    select fresh.building_id, fresh.apartment_id, fresh.hour_at, fresh.consumption_kwh, fresh.solar_kwh, fresh.quality, fresh.received_at
    from unnest(buildings, days) as due (building_id, day_at)
    cross join lateral (
        select * from processed.int_apartment_hours as hours
        where hours.building_id = due.building_id and hours.day_at = due.day_at
        offset 0
    ) as fresh
    left join energy.apartment_hours as kept
        on (kept.building_id, kept.apartment_id, kept.hour_at) = (fresh.building_id, fresh.apartment_id, fresh.hour_at)
    where (kept.consumption_kwh, kept.solar_kwh, kept.quality, kept.received_at)
        is distinct from (fresh.consumption_kwh, fresh.solar_kwh, fresh.quality, fresh.received_at)
    on conflict (building_id, apartment_id, hour_at) do update
        set (consumption_kwh, solar_kwh, quality, received_at)
          = (excluded.consumption_kwh, excluded.solar_kwh, excluded.quality, excluded.received_at);

    insert into energy.building_hours
    select fresh.building_id, fresh.hour_at, fresh.consumption_kwh, fresh.solar_kwh, fresh.apartments_reporting,
        fresh.apartments_expected, fresh.coverage_share, fresh.quality, fresh.received_at
    from unnest(buildings, days) as due (building_id, day_at)
    cross join lateral (
        select * from processed.int_building_hours as hours
        where hours.building_id = due.building_id and hours.hour_at >= due.day_at and hours.hour_at < due.day_at + interval '24 hours'
        offset 0
    ) as fresh
    left join energy.building_hours as kept on (kept.building_id, kept.hour_at) = (fresh.building_id, fresh.hour_at)
    where (kept.consumption_kwh, kept.solar_kwh, kept.apartments_reporting, kept.apartments_expected, kept.coverage_share, kept.quality,
           kept.received_at)
        is distinct from
          (fresh.consumption_kwh, fresh.solar_kwh, fresh.apartments_reporting, fresh.apartments_expected, fresh.coverage_share, fresh.quality,
           fresh.received_at)
    on conflict (building_id, hour_at) do update
        set (consumption_kwh, solar_kwh, apartments_reporting, apartments_expected, coverage_share, quality, received_at)
          = (excluded.consumption_kwh, excluded.solar_kwh, excluded.apartments_reporting, excluded.apartments_expected,
             excluded.coverage_share, excluded.quality, excluded.received_at);
end;
$$;
comment on procedure energy.refresh_building_hours(timestamptz, timestamptz) is
$$Brings energy.apartment_hours and energy.building_hours up to date: the days that readings touched since the last refresh.

With from_at all days from there to to_at are made anew; '-infinity' is a full rebuild, needed after the settings of meters have changed. Both give the same, bit for
bit. Running it twice changes nothing.$$;
revoke all on procedure energy.refresh_building_hours(timestamptz, timestamptz) from public;
