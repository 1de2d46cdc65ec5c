with

hours as (
    select * from {{ ref('int_register_hours') }}
    where is_demand or measures = 'solar'
),

apartments as (
    select
        building_id,
        apartment_id,
        day_at,
        hour_at,
        {{ sum_of_all('is_demand') }} as consumption_kwh,
        {{ sum_of_all("measures = 'solar'") }} as solar_kwh,
        coalesce(
            max(quality) filter (where is_valid and is_demand),
            max(quality) filter (where is_valid and measures = 'solar'),
            'missing'
        ) as quality,
        coalesce(
            max(received_at) filter (where is_valid and is_demand),
            max(received_at) filter (where is_valid and measures = 'solar')
        ) as received_at,
        (count(*) filter (where is_valid and is_demand))::integer as consumption_registers,
        max(quality) filter (where is_valid and measures = 'solar') as solar_quality,
        max(received_at) filter (where is_valid and measures = 'solar') as solar_received_at,
        bool_or(is_valid and is_lost) as is_lost
    from hours
    group by building_id, apartment_id, day_at, hour_at
)

select * from apartments
