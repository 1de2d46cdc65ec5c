create or replace function energy.rebuild_building_heard() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    with received as (
        select building_id, date_trunc('hour', read_at, 'UTC') as read_hour_at, min(received_at) as received_at
        from raw.meter_readings join raw.sensors using (sensor_id)
        group by 1, 2
    ),

    hours as (
        select building_id, hour_at
        from (select building_id, min(read_hour_at) as first_at, max(read_hour_at) as last_at from received group by building_id) as spans
        cross join lateral generate_series(first_at, last_at - interval '1 hour', interval '1 hour') as hour_at
    )

    insert into energy.building_heard as known (building_id, hour_at, received_at)
    select hours.building_id, hour_at, min(received.received_at) over (partition by hours.building_id order by hour_at desc)
    from hours
    left join received on (received.building_id, received.read_hour_at) = (hours.building_id, hour_at + interval '1 hour')
    on conflict (building_id, hour_at) do update set received_at = excluded.received_at where known.received_at <> excluded.received_at;
$$;
comment on function energy.rebuild_building_heard() is 'Makes energy.building_heard anew from all readings.';
revoke all on function energy.rebuild_building_heard() from public;

create or replace procedure energy.refresh_building_hours(from_at timestamptz default null, to_at timestamptz default 'infinity')
language plpgsql
set search_path = pg_catalog, pg_temp
-- Every day reads its part by an index; right after a bulk load, without statistics, the planner would read whole tables instead.
set enable_seqscan = off
as $$
#variable_conflict use_column
declare
    floor_at  constant timestamptz := energy.hours_floor();
    buildings text[];
    days      timestamptz[];
begin
    perform energy.check_timescaledb();
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_building_hours', 0));
    if from_at is not null then
        perform energy.rebuild_building_heard();
    end if;

    with due as materialized (
        delete from energy.hours_due returning *
    ),

    seen as (
        select building_id, first_at, last_at, received_at from due
        union all
        select building_id, min(hour_at), max(hour_at) + interval '1 hour', max(received_at) from energy.building_heard
        where from_at is not null
        group by building_id
    ),

    old as materialized (
        select spans.*, newest.received_at
        from energy.building_spans as spans
        left join lateral (
            select received_at from energy.building_heard where building_heard.building_id = spans.building_id
            order by hour_at desc limit 1
        ) as newest on true
    ),

    spans as (
        insert into energy.building_spans as spans (building_id, first_at, heard_at)
        select building_id, min(first_at), max(last_at) from seen group by building_id
        on conflict (building_id) do update set
            first_at = least(spans.first_at, excluded.first_at), heard_at = greatest(spans.heard_at, excluded.heard_at)
        returning *
    ),

    -- What arrives in order bears on the hours since the building was last heard; what is older, or received earlier, on all.
    news as (
        select due.building_id, max(due.last_at) as until,
            greatest(floor_at, case when min(due.received_at) >= old.received_at and min(due.first_at) >= old.first_at then old.heard_at
                               else spans.first_at end) as since
        from due
        join spans using (building_id)
        left join old using (building_id)
        group by due.building_id, old.received_at, old.first_at, old.heard_at, spans.first_at
    ),

    arrivals as (
        select building_id, date_trunc('hour', last_at, 'UTC') as read_hour_at, min(received_at) as received_at
        from due
        group by 1, 2
    ),

    news_by_hour as (
        select news.building_id, hour_at, min(arrivals.received_at) over (partition by news.building_id order by hour_at desc) as received_at
        from news
        cross join lateral generate_series(
            date_trunc('hour', since, 'UTC'), date_trunc('hour', until, 'UTC') - interval '1 hour', interval '1 hour') as hour_at
        left join arrivals on (arrivals.building_id, arrivals.read_hour_at) = (news.building_id, hour_at + interval '1 hour')
    ),

    heard as (
        insert into energy.building_heard as known (building_id, hour_at, received_at)
        select news.building_id, news.hour_at, news.received_at
        from news_by_hour as news
        left join energy.building_heard as before on (before.building_id, before.hour_at) = (news.building_id, news.hour_at)
        where (before.received_at <= news.received_at) is not true
        on conflict (building_id, hour_at) do update set received_at = excluded.received_at
        returning building_id, hour_at
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
              and read_at > due.last_at + energy.hours_setting(sensor_types.settings || sensors.settings, 'jitter_h')
            order by read_at limit 1
        ) as after on true
        where kind = 'register'
        union all
        -- Silent registers are unchanged for longer than was known, or known for longer.
        select building_id, min(hour_at), max(hour_at) from heard group by building_id
        union all
        select spans.building_id, coalesce(old.heard_at, spans.first_at), spans.heard_at from spans left join old using (building_id)
        union all
        select building_id, greatest(first_at, from_at), least(heard_at, to_at) from spans where from_at is not null
    ),

    days_due as (
        select distinct building_id, day_at
        from touched
        cross join lateral generate_series(date_trunc('day', greatest(since, floor_at), 'UTC'), until, interval '24 hours') as day_at
    )

    select array_agg(building_id), array_agg(day_at) into buildings, days from days_due;

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
