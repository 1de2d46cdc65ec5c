with

forecasts as (
    select * from {{ source('raw', 'weather_forecasts') }}
),

observations as (
    select * from {{ source('raw', 'weather_observations') }}
),

versions as (
    select
        weather_location_id,
        valid_at,
        false as is_observed,
        issued_at,
        extract(epoch from valid_at - issued_at)::double precision / 3600 as lead_hours,
        received_at,
        temperature_c,
        cloud_cover_pct,
        ghi_w_m2
    from forecasts
    union all
    select
        weather_location_id,
        valid_at,
        true,
        null,
        null,
        received_at,
        temperature_c,
        cloud_cover_pct,
        ghi_w_m2
    from observations
)

select * from versions
