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
        holidays.holiday_date is not null as is_holiday
    from runs
    join {{ source('raw', 'buildings') }} as buildings using (weather_location_id)
    left join {{ source('raw', 'holidays') }} as holidays
        on holidays.region = buildings.region
        and holidays.holiday_date = (runs.valid_at at time zone buildings.time_zone)::date
)

select * from inputs
