create or replace function energy.refresh_hours_of(building_ids text[], from_at timestamptz,
    to_at timestamptz) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
-- Each day uses an index; right after a bulk load, without statistics, the planner would scan whole tables.
set enable_seqscan = off
-- The planner underestimates the due rows and would merge by building alone, comparing all pairs of hours.
set enable_mergejoin = off
as $$
#variable_conflict use_column
declare
    floor_at  constant timestamptz := energy.hours_floor();
    retired_after constant interval := (select retired_after from energy.quality_limits);
    rebuilt   text[];
    readings  energy.hours_due[];
    buildings text[];
    days      timestamptz[];
begin
    with due as (
        delete from energy.buildings_due where building_id = any (building_ids) returning building_id
    )

    select array_agg(distinct building_id) into rebuilt from due;
    if rebuilt is not null then
        perform energy.begin_rebuild(rebuilt);
    end if;
    -- All readings count as new, but only the requested days are affected.
    if from_at is not null then
        insert into energy.sensor_spans as known (sensor_id, first_at, last_at)
        select sensor_id, min(read_at), max(read_at)
        from raw.meter_readings join raw.sensors using (sensor_id)
        where building_id = any (building_ids)
        group by sensor_id
        on conflict (sensor_id) do update
            set first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
            where known.first_at > excluded.first_at or known.last_at < excluded.last_at;
        insert into energy.hours_due (building_id, sensor_id, first_at, last_at, received_at)
        select building_id, 0, min(read_at), max(read_at), min(received_at)
        from raw.meter_readings join raw.sensors using (sensor_id)
        where building_id = any (building_ids)
        group by building_id, date_trunc('hour', read_at, 'UTC');
    end if;

    -- A full rebuild also removes what is no longer configured; except for buildings whose spans are still unknown.
    if from_at = '-infinity' then
        perform energy.remove_unheard_hours(array(select building_id from energy.building_spans
            where building_id = any (building_ids)));
    end if;

    with due as materialized (
        delete from energy.hours_due where building_id = any (building_ids) returning *
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

    sensor_spans as (
        insert into energy.sensor_spans as known (sensor_id, first_at, last_at)
        select sensor_id, min(first_at), max(last_at) from due where sensor_id <> 0 group by sensor_id
        on conflict (sensor_id) do update set
            first_at = least(known.first_at, excluded.first_at), last_at = greatest(known.last_at, excluded.last_at)
        returning *
    ),

    -- Readings in order affect the hours since the building's last reading; older or earlier received ones affect all
    -- hours.
    news as (
        select due.building_id, max(due.last_at) as until,
            greatest(floor_at, case when due.building_id = any (rebuilt) then spans.first_at
                               when min(due.received_at) >= old.received_at
                                   and min(due.first_at) >= old.first_at then old.heard_at
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
        select news.building_id, hour_at,
            min(arrivals.received_at) over (partition by news.building_id order by hour_at desc) as received_at
        from news
        cross join lateral generate_series(
            date_trunc('hour', since, 'UTC'), date_trunc('hour', until, 'UTC') - interval '1 hour',
            interval '1 hour') as hour_at
        left join arrivals on (arrivals.building_id, arrivals.read_hour_at) = (news.building_id,
            hour_at + interval '1 hour')
    ),

    heard as (
        insert into energy.building_heard as known (building_id, hour_at, received_at)
        select news.building_id, news.hour_at, news.received_at
        from news_by_hour as news
        -- OFFSET 0: looked up by hour; the planner would otherwise read all hours ever heard.
        left join lateral (
            select received_at from energy.building_heard
            where (building_heard.building_id, building_heard.hour_at) = (news.building_id, news.hour_at)
            offset 0
        ) as before on true
        where (before.received_at <= news.received_at) is not true
        on conflict (building_id, hour_at) do update set received_at = excluded.received_at
        returning building_id, hour_at
    ),

    -- The last reading of each sensor, before and now; continued sensors count as one.
    heard_sensors as (
        select sensors.building_id, sensors.apartment_id, coalesce(register_id, sensor_id) as sensor_id,
            max(known.last_at) as old_last_at,
            max(greatest(known.last_at, fresh.last_at)) as last_at, bool_or(fresh.sensor_id is not null) as has_news
        from spans
        join raw.sensors on sensors.building_id = spans.building_id
        left join energy.sensor_spans as known using (sensor_id)
        left join sensor_spans as fresh using (sensor_id)
        group by 1, 2, 3
    ),

    touched as (
        -- Silent registers: the period in which they are known to be unchanged grows.
        select building_id, min(hour_at), max(hour_at) from heard group by building_id
        union all
        select spans.building_id, coalesce(old.heard_at, spans.first_at), spans.heard_at from spans
        left join old using (building_id)
        union all
        -- Silent apartments: within a day it is decided whether the silence is longer than usual.
        select building_id, max(last_at), least(max(last_at) + interval '24 hours', spans.heard_at)
        from heard_sensors
        join spans using (building_id)
        left join old using (building_id)
        group by building_id, apartment_id, spans.heard_at, old.heard_at
        having (max(last_at) + interval '24 hours' < old.heard_at and not bool_or(has_news)) is not true
        union all
        -- Sensors that have now been silent for long enough to count as removed.
        select building_id, last_at, spans.heard_at
        from heard_sensors
        join spans using (building_id)
        left join old using (building_id)
        where spans.heard_at - last_at > retired_after and (old.heard_at - old_last_at > retired_after) is not true
        union all
        select building_id, greatest(first_at, from_at), least(heard_at, to_at) from spans where from_at is not null
        union all
        select building_id, first_at, heard_at from spans where building_id = any (rebuilt)
    ),

    days_due as (
        select distinct building_id, day_at
        from touched as touched (building_id, since, until)
        cross join lateral generate_series(date_trunc('day', greatest(since, floor_at), 'UTC'), until,
            interval '24 hours') as day_at
    )

    select array_agg(building_id), array_agg(day_at),
        (select array_agg(row(due.*)::energy.hours_due) from due where sensor_id <> 0)
    into buildings, days, readings
    from days_due;

    -- Readings within a week of the newest, and late ones, are handled separately, so that the look-ups of the former
    -- stay short.
    select array_agg(building_id), array_agg(day_at) into buildings, days
    from (
        select building_id, day_at from unnest(buildings, days) as due (building_id, day_at)
        union
        select building_id, day_at
        from (
            select array_agg(row(read.*)::energy.hours_due) as readings
            from unnest(readings) as read
            group by first_at >= (select max(last_at) from unnest(readings)) - interval '7 days'
        ) as parts
        cross join lateral energy.reach_of(energy.stretches_of(parts.readings)) as reach
        cross join lateral generate_series(date_trunc('day', greatest(since, floor_at), 'UTC'), until,
            interval '24 hours') as day_at
    ) as days_due;

    perform energy.write_hours(buildings, days);
end;
$$;
comment on function energy.refresh_hours_of(text[], timestamptz, timestamptz) is
    'Refreshes the hours of some buildings; energy.refresh_building_hours() calls it with its lock held.';
revoke all on function energy.refresh_hours_of(text[], timestamptz, timestamptz) from public;

create or replace procedure energy.refresh_building_hours(from_at timestamptz default null,
    to_at timestamptz default 'infinity')
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    buildings text[];
begin
    perform energy.check_timescaledb();
    perform pg_advisory_xact_lock(hashtextextended('energy.refresh_building_hours', 0));
    select array_agg(distinct building_id) into buildings
    from (
        select building_id from energy.hours_due
        union all
        select building_id from energy.buildings_due
        union all
        select building_id from raw.sensors where from_at is not null
    ) as due;
    perform energy.run_by_building(
        'refresh_hours', buildings,
        format('select energy.refresh_hours_of($1, %L, %L)', energy.iso(from_at), energy.iso(to_at)));
end;
$$;
comment on procedure energy.refresh_building_hours(timestamptz, timestamptz) is
$$Refreshes energy.apartment_hours, energy.measure_hours and energy.building_hours: the days affected by readings since
the last refresh, and buildings whose topology has changed.

With from_at all days from there to to_at are recomputed; '-infinity' is a full rebuild in one transaction, for a
newly loaded database; energy.rebuild_building_hours rebuilds building by building. Results are bitwise equal.
Running it twice changes nothing. A building that fails keeps its hours and its queue, and is recorded in
energy.job_runs; the others continue.$$;
revoke all on procedure energy.refresh_building_hours(timestamptz, timestamptz) from public;

-- Replaced: a rebuild treats all readings as new.
drop function if exists energy.rebuild_building_heard();
