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
