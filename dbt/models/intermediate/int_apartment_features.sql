{# How far back a day's features look: those of a stretch of days are computed from that many days before it. #}
{% set look_back = 60 %}
{# A building of masonry forgets half of a cold day in about two days. #}
{% set half_life_days = 2 %}
with

days as not materialized (
    select * from {{ source('energy', 'apartment_days') }}
    where local_date >= energy.feature_days_since() - {{ look_back }}
),

apartments as (
    select * from {{ source('raw', 'apartments') }}
),

buildings as not materialized (
    select * from {{ source('raw', 'buildings') }}
),

holidays as materialized (
    select * from {{ ref('int_public_holidays') }}
),

limits as materialized (
    select * from {{ source('energy', 'quality_limits') }}
),

bases as materialized (
    select * from {{ source('energy', 'degree_day_bases') }}
),

observations as (
    select * from {{ ref('int_weather_hours') }}
    where is_observed and valid_at >= (energy.feature_days_since() - 367)::timestamp at time zone 'UTC'
),

places as (
    select distinct weather_location_id, time_zone from buildings
),

-- A day of which too little is known has no temperature.
weather_days as materialized (
    select
        days.weather_location_id,
        days.time_zone,
        days.local_date,
        days.outdoor_temperature_c,
        days.sun_kwh_m2,
        days.received_at,
        -- greatest() alone would make zero of no temperature.
        case when days.outdoor_temperature_c is not null
            then greatest(0, bases.heating_base_c - days.outdoor_temperature_c) end as heating_degree_days,
        case when days.outdoor_temperature_c is not null
            then greatest(0, days.outdoor_temperature_c - bases.cooling_base_c) end as cooling_degree_days
    from (
        select
            places.weather_location_id,
            places.time_zone,
            (observations.valid_at at time zone places.time_zone)::date as local_date,
            avg(observations.temperature_c) as outdoor_temperature_c,
            count(observations.temperature_c) as outdoor_hours,
            -- Of a day of 24 hours, where most hours are known.
            case when count(observations.ghi_w_m2) >= 20 then avg(observations.ghi_w_m2) * 0.024 end as sun_kwh_m2,
            max(observations.received_at) as received_at
        from places
        join observations using (weather_location_id)
        group by 1, 2, 3
    ) as days
    cross join limits
    cross join bases
    where days.outdoor_hours >= limits.min_coverage_share * extract(
        epoch from (days.local_date + 1)::timestamp at time zone days.time_zone - days.local_date::timestamp at time zone days.time_zone
    ) / 3600
),

-- What a building feels of the cold of two weeks: where half of them are known.
inert_days as materialized (
    select
        weather_location_id,
        time_zone,
        today.local_date,
        case when count(*) >= 7
            then sum(before.heating_degree_days * power(0.5, (today.local_date - before.local_date) / {{ half_life_days }}::double precision))
                / sum(power(0.5, (today.local_date - before.local_date) / {{ half_life_days }}::double precision)) end as hdd_inertia
    from weather_days as today
    join weather_days as before using (weather_location_id, time_zone)
    where before.local_date <= today.local_date and before.local_date > today.local_date - 14
    group by weather_location_id, time_zone, today.local_date
),

-- Heat where the apartment has a meter of it, else its demand.
based as not materialized (
    select
        days.*,
        buildings.weather_location_id,
        buildings.time_zone,
        apartments.area_m2,
        case when days.heating_hours is not null then 'heating' else 'consumption' end as energy_measures,
        case when days.heating_hours is not null then days.heating_kwh else days.consumption_kwh end as daily_energy_kwh,
        case when days.heating_hours is not null then days.heating_quality else days.quality end as energy_quality,
        -days.setpoint_difference_c as avg_temp_diff,
        weather.outdoor_temperature_c,
        weather.heating_degree_days,
        weather.cooling_degree_days,
        weather.sun_kwh_m2,
        weather.received_at as weather_received_at,
        extract(isodow from days.local_date) >= 6 or holidays.holiday_date is not null as is_day_off
    from days
    join buildings using (building_id)
    left join apartments using (building_id, apartment_id)
    left join weather_days as weather
        on weather.weather_location_id = buildings.weather_location_id and weather.time_zone = buildings.time_zone
        and weather.local_date = days.local_date
    left join holidays on holidays.region = buildings.region and holidays.holiday_date = days.local_date
),

-- Days without a row are no day of a lag: the frame is of dates, not of rows.
lagged as (
    select
        based.*,
        {% for lag in [1, 7] %}
        max(consumption_kwh) over (
            partition by building_id, apartment_id order by local_date
            range between interval '{{ lag }} days' preceding and interval '{{ lag }} days' preceding
        ) as consumption_kwh_lag_{{ lag }}d,
        max(daily_energy_kwh) over (
            partition by building_id, apartment_id, energy_measures order by local_date
            range between interval '{{ lag }} days' preceding and interval '{{ lag }} days' preceding
        ) as energy_lag_{{ lag }}d,
        max(hot_water_l) over (
            partition by building_id, apartment_id order by local_date
            range between interval '{{ lag }} days' preceding and interval '{{ lag }} days' preceding
        ) as hot_water_lag_{{ lag }}d,
        {% endfor %}
        -- Of most of the days, this one among them.
        case when count(daily_energy_kwh) over (
                partition by building_id, apartment_id, energy_measures order by local_date range between interval '6 days' preceding and current row
            ) >= 4
            then avg(daily_energy_kwh) over (
                partition by building_id, apartment_id, energy_measures order by local_date range between interval '6 days' preceding and current row
            ) end as energy_roll_avg_7d,
        case when count(avg_temp_diff) over (
                partition by building_id, apartment_id order by local_date range between interval '2 days' preceding and current row
            ) = 3
            then stddev_samp(avg_temp_diff) over (
                partition by building_id, apartment_id order by local_date range between interval '2 days' preceding and current row
            ) end as temp_diff_roll_std_3d
    from based
),

neighbours as (
    select
        building_id,
        apartment_id,
        local_date,
        energy.without_one(energies, energy_place) as energy_kwh,
        energy.without_one(energies_m2, energy_m2_place) as energy_kwh_m2,
        energy.without_one(rooms, room_place) as room_c,
        coalesce(cardinality(energies), 0) - (energy_place is not null)::integer as known
    from (
        select
            building_id,
            apartment_id,
            local_date,
            energy_measures,
            case when daily_energy_kwh is not null then row_number() over (
                partition by building_id, local_date, energy_measures order by daily_energy_kwh, apartment_id
            ) end as energy_place,
            case when daily_energy_kwh / area_m2 is not null then row_number() over (
                partition by building_id, local_date, energy_measures order by daily_energy_kwh / area_m2, apartment_id
            ) end as energy_m2_place,
            case when room_temperature_c is not null then row_number() over (
                partition by building_id, local_date, energy_measures order by room_temperature_c, apartment_id
            ) end as room_place
        from based
        where local_date >= energy.feature_days_since()
    ) as places
    join (
        select
            building_id,
            local_date,
            energy_measures,
            array_agg(daily_energy_kwh order by daily_energy_kwh, apartment_id) filter (where daily_energy_kwh is not null) as energies,
            array_agg(daily_energy_kwh / area_m2 order by daily_energy_kwh / area_m2, apartment_id)
                filter (where daily_energy_kwh / area_m2 is not null) as energies_m2,
            array_agg(room_temperature_c order by room_temperature_c, apartment_id) filter (where room_temperature_c is not null) as rooms
        from based
        where local_date >= energy.feature_days_since()
        group by building_id, local_date, energy_measures
    ) as sorted using (building_id, local_date, energy_measures)
),

-- Its own days of the last eight weeks that were as cold, and working days or not alike.
like_days as (
    select
        today.building_id,
        today.apartment_id,
        today.local_date,
        count(*) as days,
        percentile_cont(0.5) within group (order by before.daily_energy_kwh) as energy_kwh
    from based as today
    join based as before using (building_id, apartment_id, energy_measures, is_day_off)
    where today.local_date >= energy.feature_days_since()
        and before.local_date < today.local_date and before.local_date >= today.local_date - 56
        and before.daily_energy_kwh is not null
        and before.heating_degree_days >= today.heating_degree_days - 3 and before.heating_degree_days <= today.heating_degree_days + 3
    group by today.building_id, today.apartment_id, today.local_date
),

first_days as (
    select
        building_id,
        apartment_id,
        (
            select min(local_date) from {{ source('energy', 'apartment_days') }} as kept
            where kept.building_id = apartments.building_id and kept.apartment_id = apartments.apartment_id
        ) as first_date
    from apartments
),

-- The weather of the days that can have been learnt from: since the apartment's first, and of a year.
learnt as (
    select
        weather_location_id,
        time_zone,
        spans.first_date,
        spans.local_date,
        count(*) as days,
        min(weather.outdoor_temperature_c) as coldest_c,
        max(weather.outdoor_temperature_c) as warmest_c
    from (
        select distinct weather_location_id, time_zone, first_date, local_date
        from based
        join first_days using (building_id, apartment_id)
        where local_date >= energy.feature_days_since()
    ) as spans
    join weather_days as weather using (weather_location_id, time_zone)
    where weather.local_date < spans.local_date and weather.local_date >= spans.local_date - 365 and weather.local_date >= spans.first_date
    group by weather_location_id, time_zone, spans.first_date, spans.local_date
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
        lagged.outdoor_temperature_c,
        lagged.heating_degree_days,
        lagged.cooling_degree_days,
        lagged.coverage_share,
        lagged.comfort_hours,
        lagged.quality,
        lagged.received_at,
        lagged.weather_received_at,
        lagged.is_day_off,
        lagged.energy_measures,
        lagged.daily_energy_kwh,
        lagged.energy_lag_1d,
        lagged.energy_lag_7d,
        {% for lag in [1, 7] %}
        lagged.daily_energy_kwh - lagged.energy_lag_{{ lag }}d as energy_diff_{{ lag }}d,
        lagged.daily_energy_kwh / nullif(lagged.energy_lag_{{ lag }}d, 0) as energy_ratio_{{ lag }}d,
        {% endfor %}
        lagged.energy_roll_avg_7d,
        lagged.avg_temp_diff,
        lagged.temp_diff_roll_std_3d,
        lagged.gap_hours,
        lagged.room_min_c,
        lagged.room_max_c,
        lagged.steepest_fall_c,
        lagged.most_over_c,
        lagged.most_under_c,
        lagged.hot_water_l,
        lagged.hot_water_night_min_l,
        {% for lag in [1, 7] %}
        lagged.hot_water_l - lagged.hot_water_lag_{{ lag }}d as hot_water_diff_{{ lag }}d,
        lagged.hot_water_l / nullif(lagged.hot_water_lag_{{ lag }}d, 0) as hot_water_ratio_{{ lag }}d,
        {% endfor %}
        lagged.heating_degree_days as hdd,
        inert_days.hdd_inertia,
        lagged.sun_kwh_m2,
        lagged.daily_energy_kwh / lagged.area_m2 as energy_kwh_m2,
        neighbours.known as neighbours_known,
        neighbours.energy_kwh as neighbour_energy_kwh,
        -- By area where that is known of it and of another one.
        coalesce(
            lagged.daily_energy_kwh / lagged.area_m2 / nullif(neighbours.energy_kwh_m2, 0),
            lagged.daily_energy_kwh / nullif(neighbours.energy_kwh, 0)
        ) as energy_to_neighbours,
        lagged.room_temperature_c - neighbours.room_c as room_to_neighbours_c,
        coalesce(like_days.days, 0)::integer as like_days_known,
        case when like_days.days >= 5 then like_days.energy_kwh end as like_days_energy_kwh,
        case when like_days.days >= 5 then lagged.daily_energy_kwh / nullif(like_days.energy_kwh, 0) end as energy_to_like_days,
        case when learnt.days >= 14
            then lagged.outdoor_temperature_c >= learnt.coldest_c and lagged.outdoor_temperature_c <= learnt.warmest_c end as weather_in_range,
        least(1, lagged.heating_hours::double precision / lagged.hours_in_day) as heating_coverage_share,
        least(1, lagged.hot_water_hours::double precision / lagged.hours_in_day) as hot_water_coverage_share,
        least(1, lagged.room_hours::double precision / lagged.hours_in_day) as room_coverage_share,
        lagged.energy_quality,
        lagged.hot_water_quality
    from lagged
    left join inert_days
        on inert_days.weather_location_id = lagged.weather_location_id and inert_days.time_zone = lagged.time_zone
        and inert_days.local_date = lagged.local_date
    left join neighbours
        on neighbours.building_id = lagged.building_id and neighbours.apartment_id = lagged.apartment_id
        and neighbours.local_date = lagged.local_date
    left join like_days
        on like_days.building_id = lagged.building_id and like_days.apartment_id = lagged.apartment_id
        and like_days.local_date = lagged.local_date
    left join first_days
        on first_days.building_id = lagged.building_id and first_days.apartment_id = lagged.apartment_id
    left join learnt
        on learnt.weather_location_id = lagged.weather_location_id and learnt.time_zone = lagged.time_zone
        and learnt.first_date = first_days.first_date and learnt.local_date = lagged.local_date
    where lagged.local_date >= energy.feature_days_since()
)

select * from apartment_days
