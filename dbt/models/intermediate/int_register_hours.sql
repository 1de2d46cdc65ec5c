with

sensor_days as (
    select * from {{ ref('int_sensor_days') }}
    where kind = 'register'
),

buildings as (
    select * from {{ source('raw', 'buildings') }}
),

gap_profiles as not materialized (
    select * from {{ source('energy', 'gap_profiles') }}
),

building_heard as (
    select * from {{ source('energy', 'building_heard') }}
),

hours as (
    select
        sensor_days.sensor_id,
        sensor_days.building_id,
        sensor_days.apartment_id,
        sensor_days.measures,
        sensor_days.is_demand,
        sensor_days.is_kept_apart,
        sensor_days.day_at,
        hours.hour_at,
        hours.energy_kwh as amount,
        hours.quality::energy.quality as quality,
        greatest(
            hours.known_at,
            (
                select building_heard.received_at from building_heard
                where hours.rests_on_silence and building_heard.building_id = sensor_days.building_id
                  and building_heard.hour_at = hours.hour_at
            ),
            case when hours.rests_on_silence and silence.usual is not null
                then energy.apartment_known_at(
                    sensor_days.building_id, sensor_days.apartment_id,
                    hours.hour_at + interval '1 hour' - silence.usual)
            end
        ) as received_at,
        hours.hour_at >= sensor_days.valid_from and hours.hour_at < sensor_days.valid_to as is_valid,
        -- Whether earlier readings exist that retention has dropped.
        sensor_days.first_at <= hours.hour_at and (sensor_days.read_at[1] <= hours.hour_at) is not true as is_lost,
        sensor_days.first_at < hours.hour_at + interval '1 hour' as has_begun
    from sensor_days
    join buildings using (building_id)
    left join lateral (
        -- The newest profile applies to gaps at any time.
        select weights, received_at from gap_profiles
        where gap_profiles.building_id = sensor_days.building_id and gap_profiles.measures = sensor_days.measures
        order by received_at desc
        limit 1
    ) as profile on true
    -- After its last reading: an apartment that is silent for longer than usual is offline, not unchanged.
    left join lateral (
        select
            energy.usual_silence(sensor_days.building_id, sensor_days.apartment_id) as usual,
            energy.apartment_heard_at(sensor_days.building_id, sensor_days.apartment_id) as heard_at
        where (sensor_days.read_at[cardinality(sensor_days.read_at)] >= sensor_days.end_at) is not true
        offset 0
    ) as silence on true
    cross join lateral edf.register_hours(
        sensor_days.read_at, sensor_days.value, sensor_days.received_at, sensor_days.start_at, sensor_days.end_at,
        sensor_days.settings,
        case when sensor_days.heard_at - silence.heard_at >= silence.usual then silence.heard_at
            else sensor_days.heard_at end,
        sensor_days.replaced_at, profile.weights, buildings.time_zone, profile.received_at
    ) as hours
)

select * from hours
