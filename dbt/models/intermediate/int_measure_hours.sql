with

register_hours as (
    select * from {{ ref('int_register_hours') }}
    where is_kept_apart and has_begun
),

gauge_hours as (
    select * from {{ ref('int_gauge_hours') }}
    where measures is not null and has_begun
),

-- Registers are summed over rooms, like those of electricity.
amounts as (
    select
        building_id,
        apartment_id,
        ''::text as room_name,
        measures,
        day_at,
        hour_at,
        {{ sum_of_all('true') }} as value,
        coalesce(max(quality) filter (where is_valid), 'missing') as quality,
        max(received_at) filter (where is_valid) as received_at,
        bool_or(is_valid and is_lost) as is_lost
    from register_hours
    group by building_id, apartment_id, measures, day_at, hour_at
),

-- Several gauges in a room are averaged.
means as (
    select
        building_id,
        apartment_id,
        room_name,
        measures,
        day_at,
        hour_at,
        avg(mean order by sensor_id) as value,
        coalesce(max(quality) filter (where mean is not null), 'missing') as quality,
        max(received_at) as received_at,
        bool_or(is_lost) as is_lost
    from gauge_hours
    group by building_id, apartment_id, room_name, measures, day_at, hour_at
),

measure_hours as (
    select building_id, apartment_id, room_name, measures, day_at, hour_at, value, quality, received_at, is_lost
    from amounts
    union all
    select building_id, apartment_id, room_name, measures, day_at, hour_at, value, quality, received_at, is_lost
    from means
)

select * from measure_hours
