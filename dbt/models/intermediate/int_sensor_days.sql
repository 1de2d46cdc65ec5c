with

-- Not materialized: each building reads its own rows.
sensors as not materialized (
    select * from {{ source('raw', 'sensors') }}
),

sensor_types as materialized (
    select * from {{ source('energy', 'sensor_types') }}
),

building_spans as (
    select * from {{ source('energy', 'building_spans') }}
),

utc_days as (
    select * from {{ source('energy', 'utc_days') }}
),

-- Not materialized: each day reads its readings by the index. For the days being computed the restriction contains all
-- that is needed; it is known at planning time, so that few chunks are opened.
near_readings as not materialized (
    select * from {{ ref('stg_raw__meter_readings') }}
    where {{ is_near('read_at') }}
),

near_times as not materialized (
    select sensor_id, read_at, received_at, value from {{ source('raw', 'meter_readings') }}
    where {{ is_near('read_at') }}
),

sensor_spans as not materialized (
    select * from {{ source('energy', 'sensor_spans') }}
),

-- Materialized, since it reads the configuration.
limits as materialized (
    select * from {{ source('energy', 'quality_limits') }}
),

-- Sensors that continue another one form one series with it.
understood as (
    select
        sensors.sensor_id,
        sensors.building_id,
        sensors.apartment_id,
        sensors.room_name,
        sensor_types.kind,
        sensor_types.measures,
        sensor_types.is_demand,
        sensor_types.is_kept_apart,
        sensor_types.settings || sensors.settings as settings,
        sensors.replaced_at,
        sensors.valid_from,
        sensors.valid_to,
        parts.part_ids,
        parts.first_at,
        parts.last_at
    from sensors
    join sensor_types using (sensor_type)
    cross join lateral (
        select array_agg(part.sensor_id order by part.sensor_id) as part_ids, min(sensor_spans.first_at) as first_at,
            max(sensor_spans.last_at) as last_at
        from sensors as part
        left join sensor_spans on sensor_spans.sensor_id = part.sensor_id
        where part.building_id = sensors.building_id
          and (part.sensor_id = sensors.sensor_id or part.register_id = sensors.sensor_id)
    ) as parts
    where sensors.register_id is null
),

-- A day at a time, so that filters by building and day are pushed down.
days as (
    select
        building_id,
        day_at,
        greatest(day_at, date_trunc('hour', first_at, 'UTC')) as start_at,
        least(day_at + interval '24 hours', date_trunc('hour', heard_at, 'UTC')) as end_at,
        heard_at
    from building_spans
    join utc_days on day_at >= date_trunc('day', first_at, 'UTC') and day_at <= heard_at
),

sensor_days as (
    select
        understood.sensor_id,
        understood.building_id,
        understood.apartment_id,
        understood.room_name,
        understood.kind,
        understood.measures,
        understood.is_demand,
        understood.is_kept_apart,
        understood.settings,
        understood.replaced_at,
        -- Excludes partial hours at its start and end.
        coalesce(understood.valid_from, date_trunc('hour',
            understood.first_at + interval '1 hour' - interval '1 microsecond', 'UTC')) as valid_from,
        coalesce(
            understood.valid_to,
            case when days.heard_at - understood.last_at > limits.retired_after then date_trunc('hour',
                understood.last_at, 'UTC') end,
            'infinity'
        ) as valid_to,
        understood.first_at,
        days.day_at,
        days.start_at,
        greatest(days.start_at, days.end_at) as end_at,
        days.heard_at,
        known.read_at,
        known.value,
        known.received_at
    from days
    cross join limits
    join understood using (building_id)
    -- The readings that the day depends on: its own, the nearest one on either side, and those needed to detect wrong
    -- readings and jitter. For a register that shows zero also the nearest non-zero one.
    cross join lateral (
        select
            coalesce(max(before.counted_at), max(before.read_at), days.start_at)
                - 4 * energy.hours_setting(understood.settings, 'jitter_h') as since,
            coalesce(min(after.counted_at), min(after.read_at), days.end_at)
                + 2 * energy.hours_setting(understood.settings, 'jitter_h') as until
        from unnest(understood.part_ids) as part (sensor_id)
        left join lateral (
            select
                read_at,
                case
                    when read_at <= days.start_at - interval '31 days' then null
                    when value <> 0 then read_at
                    else coalesce(
                        (
                            select max(near_times.read_at) from near_times
                            where near_times.sensor_id = part.sensor_id and near_times.read_at <= days.start_at
                                and near_times.read_at > days.start_at - interval '31 days' and near_times.value <> 0
                                and {{ is_near('days.start_at') }}
                        ),
                        (
                            select counted.last_at
                            from energy.counted_between(
                                part.sensor_id, days.start_at - interval '31 days' + interval '1 microsecond',
                                days.start_at
                            ) as counted
                            where {{ looks_further() }}
                        )
                    )
                end as counted_at
            from (
                (
                    select read_at, value from near_times
                    where sensor_id = part.sensor_id and read_at <= days.start_at and {{ is_near('days.start_at') }}
                    order by read_at desc, received_at desc limit 1
                )
                union all
                -- Fallback if there is no reading nearby.
                (
                    select read_at, value
                    from energy.reading_before(part.sensor_id, days.start_at + interval '1 microsecond')
                    where understood.first_at <= days.start_at and {{ looks_further() }}
                )
                limit 1
            ) as nearest
        ) as before on true
        left join lateral (
            select
                read_at,
                case
                    when read_at >= days.end_at + interval '31 days' then null
                    when value <> 0 then read_at
                    else coalesce(
                        (
                            select min(near_times.read_at) from near_times
                            where near_times.sensor_id = part.sensor_id and near_times.read_at >= days.end_at
                                and near_times.read_at < days.end_at + interval '31 days' and near_times.value <> 0
                                and {{ is_near('days.end_at') }}
                        ),
                        (
                            select counted.first_at
                            from energy.counted_between(
                                part.sensor_id, days.end_at, days.end_at + interval '31 days' - interval '1 microsecond'
                            ) as counted
                            where {{ looks_further() }}
                        )
                    )
                end as counted_at
            from (
                (
                    select read_at, value from near_times
                    where sensor_id = part.sensor_id and read_at >= days.end_at and {{ is_near('days.end_at') }}
                    order by read_at, received_at limit 1
                )
                union all
                (
                    select read_at, value
                    from energy.reading_after(part.sensor_id, days.end_at - interval '1 microsecond')
                    where understood.last_at >= days.end_at and {{ looks_further() }}
                )
                limit 1
            ) as nearest
        ) as after on true
    ) as near
    cross join lateral (
        select
            coalesce(array_agg(read_at order by read_at), '{}') as read_at,
            coalesce(array_agg(value order by read_at), '{}') as value,
            coalesce(array_agg(received_at order by read_at), '{}') as received_at
        from unnest(understood.part_ids) as part (sensor_id)
        cross join lateral (
            select read_at, value, received_at from near_readings
            where near_readings.sensor_id = part.sensor_id and near_readings.read_at >= near.since
              and near_readings.read_at <= near.until
                and {{ is_near('near.since') }} and {{ is_near('near.until') }}
            union all
            select read_at, value, received_at from energy.readings_between(part.sensor_id, near.since, near.until)
            where ({{ is_near('near.since') }} and {{ is_near('near.until') }}) is not true and {{ looks_further() }}
            -- Otherwise the planner would join the readings of all sensors.
            offset 0
        ) as readings
    ) as known
)

select * from sensor_days
