with

days as (
    select * from {{ source('energy', 'apartment_days') }}
),

buildings as (
    select * from {{ source('raw', 'buildings') }}
),

limits as (
    select * from {{ source('energy', 'quality_limits') }}
),

bases as (
    select * from {{ source('energy', 'degree_day_bases') }}
),

observations as (
    select * from {{ ref('int_weather_hours') }}
    where is_observed
),

weather_days as (
    select
        buildings.building_id,
        (observations.valid_at at time zone buildings.time_zone)::date as local_date,
        avg(observations.temperature_c) as outdoor_temperature_c,
        count(observations.temperature_c) as outdoor_hours,
        max(observations.received_at) as received_at
    from buildings
    join observations using (weather_location_id)
    group by 1, 2
),

-- Days without a row are no day of a lag: the frame is of dates, not of rows.
lagged as (
    select
        days.*,
        {% for lag in [1, 7] %}
        max(consumption_kwh) over (
            partition by building_id, apartment_id order by local_date
            range between interval '{{ lag }} days' preceding and interval '{{ lag }} days' preceding
        ) as consumption_kwh_lag_{{ lag }}d{{ ',' if not loop.last }}
        {% endfor %}
    from days
),

apartment_days as (
    select
        lagged.building_id,
        lagged.apartment_id,
        lagged.local_date,
        lagged.hours_in_day,
        lagged.consumption_kwh,
        lagged.consumption_kwh_lag_1d,
        lagged.consumption_kwh_lag_7d,
        lagged.room_temperature_c,
        lagged.setpoint_c,
        lagged.setpoint_difference_c,
        weather.outdoor_temperature_c,
        -- greatest() alone would make zero of no temperature.
        case when weather.outdoor_temperature_c is not null
            then greatest(0, bases.heating_base_c - weather.outdoor_temperature_c) end as heating_degree_days,
        case when weather.outdoor_temperature_c is not null
            then greatest(0, weather.outdoor_temperature_c - bases.cooling_base_c) end as cooling_degree_days,
        lagged.coverage_share,
        lagged.comfort_hours,
        lagged.quality,
        lagged.received_at,
        weather.received_at as weather_received_at
    from lagged
    cross join limits
    cross join bases
    -- A day of which too little is known has no temperature.
    left join weather_days as weather
        on weather.building_id = lagged.building_id and weather.local_date = lagged.local_date
        and weather.outdoor_hours >= limits.min_coverage_share * lagged.hours_in_day
)

select * from apartment_days
