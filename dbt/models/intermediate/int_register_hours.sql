with

sensors as (
    select * from {{ source('raw', 'sensors') }}
),

sensor_types as (
    select * from {{ source('energy', 'sensor_types') }}
),

building_spans as (
    select * from {{ source('energy', 'building_spans') }}
),

building_heard as (
    select * from {{ source('energy', 'building_heard') }}
),

-- Not materialized: each day reads its part by the index.
readings as not materialized (
    select * from {{ ref('stg_raw__meter_readings') }}
),

times as not materialized (
    select sensor_id, read_at from {{ source('raw', 'meter_readings') }}
),

registers as (
    select
        sensors.sensor_id,
        sensors.building_id,
        sensors.apartment_id,
        sensor_types.measures,
        sensor_types.settings || sensors.settings as settings,
        sensors.replaced_at
    from sensors
    join sensor_types using (sensor_type)
    where sensor_types.kind = 'register'
),

-- A day at a time, so that a filter by building and day computes those alone.
days as (
    select
        building_id,
        day_at,
        greatest(day_at, date_trunc('hour', first_at, 'UTC')) as start_at,
        least(day_at + interval '24 hours', date_trunc('hour', heard_at, 'UTC')) as end_at,
        heard_at
    from building_spans
    cross join lateral generate_series(date_trunc('day', first_at, 'UTC'), heard_at, interval '24 hours') as day_at
),

hours as (
    select
        registers.sensor_id,
        registers.building_id,
        registers.apartment_id,
        registers.measures,
        days.day_at,
        hours.hour_at,
        hours.energy_kwh,
        hours.quality::energy.quality as quality,
        greatest(
            hours.known_at,
            (
                select building_heard.received_at from building_heard
                where hours.rests_on_silence and building_heard.building_id = days.building_id and building_heard.hour_at = hours.hour_at
            )
        ) as received_at
    from days
    join registers using (building_id)
    -- What the day rests on: its readings, the nearest one on either side, and what may hide their jitter.
    cross join lateral (
        select
            coalesce(
                (select max(read_at) from times where times.sensor_id = registers.sensor_id and read_at <= days.start_at),
                days.start_at
            ) - energy.hours_setting(registers.settings, 'jitter_h') as since,
            coalesce(
                (select min(read_at) from times where times.sensor_id = registers.sensor_id and read_at >= days.end_at),
                days.end_at
            ) as until
    ) as near
    cross join lateral (
        select
            coalesce(array_agg(read_at order by read_at), '{}') as read_at,
            coalesce(array_agg(value order by read_at), '{}') as value,
            coalesce(array_agg(received_at order by read_at), '{}') as received_at
        from readings
        where readings.sensor_id = registers.sensor_id and readings.read_at between near.since and near.until
    ) as known
    cross join lateral edf.register_hours(
        known.read_at, known.value, known.received_at, days.start_at, greatest(days.start_at, days.end_at), registers.settings,
        days.heard_at, registers.replaced_at
    ) as hours
)

select * from hours
