with

hours as (
    select * from {{ ref('int_apartment_hours') }}
),

expected as (
    select building_id, count(*) as apartments_expected
    from {{ source('raw', 'apartments') }}
    group by building_id
),

summed as (
    select
        building_id,
        hour_at,
        sum(energy_kwh) filter (where sensor_type = 'electricity_kwh_total') as consumption_kwh,
        sum(energy_kwh) filter (where sensor_type = 'solar_kwh_total') as solar_kwh,
        (count(energy_kwh) filter (where sensor_type = 'electricity_kwh_total'))::integer as apartments_reporting,
        max(received_at) as received_at
    from hours
    group by building_id, hour_at
),

complete as (
    select
        building_id,
        hour_at,
        -- A sum without one of its meters is no demand.
        case when apartments_reporting >= apartments_expected then consumption_kwh end as consumption_kwh,
        solar_kwh,
        apartments_reporting,
        apartments_expected::integer as apartments_expected,
        received_at
    from summed
    join expected using (building_id)
)

select * from complete
