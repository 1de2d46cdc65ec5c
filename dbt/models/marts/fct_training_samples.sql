with

-- Read twice, but only for the requested building.
hours as not materialized (
    select * from {{ source('energy', 'building_hours') }}
),

observations as (
    select * from {{ ref('int_weather_hours') }}
    where is_observed
),

spans as (
    select building_id, min(hour_at) as first_at, max(hour_at) as last_at
    from hours
    group by building_id
),

-- One row per hour, so that the series is regular; a missing hour has no demand.
grid as (
    select
        building_id,
        buildings.weather_location_id,
        buildings.time_zone,
        valid_at
    from spans
    join {{ source('raw', 'buildings') }} as buildings using (building_id)
    cross join lateral generate_series(first_at, last_at, interval '1 hour') as valid_at
),

samples as (
    select
        grid.building_id,
        grid.valid_at,
        hours.consumption_kwh,
        weather.temperature_c,
        weather.ghi_w_m2,
        {% for column in calendar_columns() %}
        calendar.{{ column }},
        {% endfor %}
        hours.received_at,
        weather.received_at as weather_received_at
    from grid
    left join hours on hours.building_id = grid.building_id and hours.hour_at = grid.valid_at
    left join observations as weather
        on weather.weather_location_id = grid.weather_location_id and weather.valid_at = grid.valid_at
    left join {{ ref('int_building_calendar') }} as calendar
        on calendar.building_id = grid.building_id
        and calendar.local_date = (grid.valid_at at time zone grid.time_zone)::date
)

select * from samples
