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
        coalesce(
            max(quality) filter (where is_valid and measures = 'consumption'),
            max(quality) filter (where is_valid and measures = 'solar'),
            'missing'
        ) as quality,
        coalesce(
            max(received_at) filter (where is_valid and measures = 'consumption'),
            max(received_at) filter (where is_valid and measures = 'solar')
        ) as received_at,
        (count(*) filter (where is_valid and measures = 'consumption'))::integer as consumption_registers,
        max(quality) filter (where is_valid and measures = 'solar') as solar_quality,
        max(received_at) filter (where is_valid and measures = 'solar') as solar_received_at,
        bool_or(is_valid and is_lost) as is_lost
    from hours
    group by building_id, apartment_id, day_at, hour_at
)

select * from apartments
