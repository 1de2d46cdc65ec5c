with

hours as (
    select * from {{ ref('int_register_hours') }}
),

apartments as (
    select
        building_id,
        apartment_id,
        day_at,
        hour_at,
        {{ sum_of_all('consumption') }} as consumption_kwh,
        {{ sum_of_all('solar') }} as solar_kwh,
        max(quality) as quality,
        max(received_at) as received_at
    from hours
    group by building_id, apartment_id, day_at, hour_at
)

select * from apartments
