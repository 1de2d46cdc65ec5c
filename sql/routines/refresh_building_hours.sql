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
    -- All that was ever read is news; it bears on no day but those that were asked for.
    if from_at is not null then
        insert into energy.hours_due (building_id, sensor_id, first_at, last_at, received_at)
        select building_id, 0, min(read_at), max(read_at), min(received_at)
        from raw.meter_readings join raw.sensors using (sensor_id)
        group by building_id, date_trunc('hour', read_at, 'UTC');
    end if;

    with due as materialized (
        delete from energy.hours_due returning *
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
        select building_id, min(first_at), max(last_at) from due group by building_id
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

    -- What gauges say bears on no hour that is kept, but on the days of apartments.
    gauges as (
        insert into energy.days_due (building_id, sensor_id, first_at, last_at)
        select due.building_id, due.sensor_id, due.first_at, due.last_at
        from due
        join raw.sensors using (sensor_id)
        join energy.sensor_types using (sensor_type)
        where kind = 'gauge'
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

    perform energy.write_hours(buildings, days);
end;
$$;
comment on procedure energy.refresh_building_hours(timestamptz, timestamptz) is
$$Brings energy.apartment_hours and energy.building_hours up to date: the days that readings touched since the last refresh.

With from_at all days from there to to_at are made anew; '-infinity' is a full rebuild in one transaction, for a database that is loaded; energy.rebuild_building_hours goes building by building. Both give the same, bit for
bit. Running it twice changes nothing.$$;
revoke all on procedure energy.refresh_building_hours(timestamptz, timestamptz) from public;

-- The time that a building was heard is no longer made apart: to a rebuild all readings are news.
drop function if exists energy.rebuild_building_heard();
