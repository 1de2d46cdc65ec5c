with

runs as (
    select * from {{ source('raw', 'weather_forecasts') }}
),

inputs as (
    select
        buildings.building_id,
        runs.issued_at as weather_issued_at,
        runs.received_at as weather_received_at,
        runs.valid_at,
        runs.temperature_c,
        runs.ghi_w_m2,
        calendar.holiday_name,
        calendar.is_holiday,
        calendar.days_until_next_holiday,
        calendar.days_since_last_holiday,
        calendar.is_day_before_holiday,
        calendar.is_day_after_holiday,
        calendar.is_bridge_day,
        calendar.is_school_holiday,
        calendar.is_christmas_period,
        calendar.is_event
    from runs
    join {{ source('raw', 'buildings') }} as buildings using (weather_location_id)
    left join {{ ref('int_building_days') }} as calendar
        on calendar.building_id = buildings.building_id
        and calendar.local_date = (runs.valid_at at time zone buildings.time_zone)::date
)

select * from inputs
