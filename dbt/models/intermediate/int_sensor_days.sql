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

-- Not materialized: each day reads its part by the index.
readings as not materialized (
    select * from {{ ref('stg_raw__meter_readings') }}
),

times as not materialized (
    select sensor_id, read_at from {{ source('raw', 'meter_readings') }}
),

understood as (
    select
        sensors.sensor_id,
        sensors.building_id,
        sensors.apartment_id,
        sensors.room_name,
        sensor_types.kind,
        sensor_types.measures,
        sensor_types.settings || sensors.settings as settings,
        sensors.replaced_at
    from sensors
    join sensor_types using (sensor_type)
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

sensor_days as (
    select
        understood.*,
        days.day_at,
        days.start_at,
        greatest(days.start_at, days.end_at) as end_at,
        days.heard_at,
        known.read_at,
        known.value,
        known.received_at
    from days
    join understood using (building_id)
    -- What the day rests on: its readings, the nearest one on either side, and what may hide their jitter.
    cross join lateral (
        select
            coalesce(
                (select max(read_at) from times where times.sensor_id = understood.sensor_id and read_at <= days.start_at),
                days.start_at
            ) - energy.hours_setting(understood.settings, 'jitter_h') as since,
            coalesce(
                (select min(read_at) from times where times.sensor_id = understood.sensor_id and read_at >= days.end_at),
                days.end_at
            ) as until
    ) as near
    cross join lateral (
        select
            coalesce(array_agg(read_at order by read_at), '{}') as read_at,
            coalesce(array_agg(value order by read_at), '{}') as value,
            coalesce(array_agg(received_at order by read_at), '{}') as received_at
        from readings
        where readings.sensor_id = understood.sensor_id and readings.read_at between near.since and near.until
    ) as known
)

select * from sensor_days
