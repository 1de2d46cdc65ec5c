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

create or replace function energy.stretches_of(readings energy.hours_due[]) returns energy.hours_due[]
language sql immutable
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(row(building_id, sensor_id, first_at, last_at, received_at)::energy.hours_due)
    from (
        select building_id, sensor_id, min(first_at) as first_at, max(last_at) as last_at,
            min(received_at) as received_at
        from (
            select parted.*, count(*) filter (where is_apart) over (partition by building_id, sensor_id
                order by first_at, last_at) as stretch
            from (
                select read.*, first_at > interval '24 hours' + max(last_at) over (
                    partition by building_id, sensor_id
                        order by first_at, last_at rows between unbounded preceding and 1 preceding
                ) as is_apart
                from unnest(readings) as read
            ) as parted
        ) as numbered
        group by building_id, sensor_id, stretch
    ) as stretches;
$$;
comment on function energy.stretches_of(energy.hours_due[]) is
    'Merges new readings of a sensor that are within a day of each other: all days between them are affected.';
revoke all on function energy.stretches_of(energy.hours_due[]) from public;

create or replace function energy.reach_of(stretches energy.hours_due[]) returns table (building_id text,
    since timestamptz, until timestamptz)
language plpgsql stable
set search_path = pg_catalog, pg_temp
set enable_seqscan = off
-- Planned with the actual time range of the look-ups, so that few chunks of a hypertable are opened.
set plan_cache_mode = force_custom_plan
as $$
#variable_conflict use_column
declare
    near_from timestamptz;
    near_to   timestamptz;
begin
    select min(first_at - 4 * jitter) - interval '4 days', max(last_at + 4 * jitter) + interval '4 days'
    into near_from, near_to
    from unnest(stretches) as due
    join raw.sensors using (sensor_id)
    join raw.sensors as register on register.sensor_id = coalesce(sensors.register_id, sensors.sensor_id)
    left join energy.sensor_types on sensor_types.sensor_type = register.sensor_type
    cross join lateral (
        select energy.hours_setting(coalesce(sensor_types.settings, '{}') || register.settings, 'jitter_h') as jitter
    ) as settings;

    return query
        select due.building_id, coalesce(before.read_at, due.first_at) - fault, coalesce(after.read_at, spans.heard_at)
        from unnest(stretches) as due
        join energy.building_spans as spans using (building_id)
        join raw.sensors using (sensor_id)
        join raw.sensors as register on register.sensor_id = coalesce(sensors.register_id, sensors.sensor_id)
        left join energy.sensor_types on sensor_types.sensor_type = register.sensor_type
        cross join lateral (
            select energy.hours_setting(coalesce(sensor_types.settings, '{}') || register.settings,
                'jitter_h') as jitter
        ) as settings
        -- Values that only increase are correct; wrong zeros may last for a month.
        cross join lateral (
            select
                case when kind = 'register' and (bool_or(value < before_it) or bool_or(value = 0)) then jitter
                    else interval '0' end as fault,
                coalesce(kind = 'register' and bool_or(value = 0), false) as has_zero
            from (
                select value, lag(value) over (order by read_at, received_at) as before_it
                from raw.sensors as part
                join raw.meter_readings using (sensor_id)
                where kind = 'register' and register.sensor_id in (part.sensor_id, part.register_id)
                  and read_at between near_from and near_to
                  and read_at between due.first_at - 4 * jitter and due.last_at + 4 * jitter
            ) as nearby
        ) as faults
        left join lateral (
            select least(max(newest.read_at), max(counted.read_at)) as read_at
            from raw.sensors as part
            left join lateral (
                (
                    select read_at, value from raw.meter_readings
                    where meter_readings.sensor_id = part.sensor_id and read_at < due.first_at - 2 * fault
                      and read_at between near_from and near_to
                    order by read_at desc limit 1
                )
                union all
                -- Fallback if there is no recent reading.
                (select read_at, value from energy.reading_before(part.sensor_id, due.first_at - 2 * fault))
                limit 1
            ) as newest on true
            left join lateral (
                select last_at as read_at
                from energy.counted_between(
                    part.sensor_id, due.first_at - interval '32 days' + interval '1 microsecond', newest.read_at)
                where has_zero or kind = 'register' and newest.value = 0
                -- OFFSET 0: otherwise the function would be called before the condition is checked.
                offset 0
            ) as counted on true
            where register.sensor_id in (part.sensor_id, part.register_id)
        ) as before on true
        left join lateral (
            select greatest(min(oldest.read_at), min(counted.read_at)) as read_at
            from raw.sensors as part
            left join energy.sensor_spans as known on known.sensor_id = part.sensor_id
            cross join lateral (select due.last_at + greatest(jitter, 4 * fault) as after_at) as times
            left join lateral (
                (
                    select read_at, value from raw.meter_readings
                    where meter_readings.sensor_id = part.sensor_id and read_at > after_at
                      and read_at between near_from and near_to
                    order by read_at limit 1
                )
                union all
                (
                    select read_at, value from energy.reading_after(part.sensor_id, after_at)
                    where (known.last_at <= after_at) is not true
                )
                limit 1
            ) as oldest on true
            left join lateral (
                select first_at as read_at
                from energy.counted_between(
                    part.sensor_id, oldest.read_at, due.last_at + interval '32 days' - interval '1 microsecond')
                where has_zero or kind = 'register' and oldest.value = 0
                offset 0
            ) as counted on true
            where register.sensor_id in (part.sensor_id, part.register_id)
        ) as after on true;
end;
$$;
comment on function energy.reach_of(energy.hours_due[]) is
$$The time range affected by new readings: from the reading before them to the one after them; extended while they may
change which nearby readings are considered wrong.$$;
revoke all on function energy.reach_of(energy.hours_due[]) from public;

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
