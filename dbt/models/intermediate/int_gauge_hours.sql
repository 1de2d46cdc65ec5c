with

sensor_days as (
    select * from {{ ref('int_sensor_days') }}
    where kind = 'gauge'
),

building_heard as (
    select * from {{ source('energy', 'building_heard') }}
),

hours as (
    select
        sensor_days.sensor_id,
        sensor_days.building_id,
        sensor_days.apartment_id,
        sensor_days.room_name,
        sensor_days.measures,
        sensor_days.day_at,
        hours.hour_at,
        hours.mean,
        hours.quality::energy.quality as quality,
        greatest(
            hours.known_at,
            (
                select building_heard.received_at from building_heard
                where hours.rests_on_silence and building_heard.building_id = sensor_days.building_id
                  and building_heard.hour_at = hours.hour_at
            )
        ) as received_at,
        -- Whether earlier readings exist that retention has dropped.
        sensor_days.first_at <= hours.hour_at and (sensor_days.read_at[1] <= hours.hour_at) is not true as is_lost,
        sensor_days.first_at < hours.hour_at + interval '1 hour' as has_begun
    from sensor_days
    cross join lateral edf.gauge_hours(
        sensor_days.read_at, sensor_days.value, sensor_days.received_at, sensor_days.start_at, sensor_days.end_at,
        sensor_days.settings,
        sensor_days.heard_at
    ) as hours
)

select * from hours
