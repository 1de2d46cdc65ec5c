with

hours as (
    select * from {{ source('energy', 'apartment_hours') }}
),

limits as (
    select * from {{ source('energy', 'quality_limits') }}
),

expected as (
    select building_id, count(*)::integer as apartments_expected
    from {{ source('raw', 'apartments') }}
    group by building_id
),

summed as (
    select
        building_id,
        hour_at,
        -- In a fixed order, so that the last bit is always the same.
        sum(consumption_kwh order by apartment_id) filter (where apartment_id <> '') as apartments_kwh,
        coalesce(sum(consumption_kwh) filter (where apartment_id = ''), 0) as common_kwh,
        sum(solar_kwh order by apartment_id) as solar_kwh,
        (count(consumption_kwh) filter (where apartment_id <> ''))::integer as apartments_reporting,
        max(quality) filter (where consumption_kwh is not null) as quality,
        max(received_at) as received_at
    from hours
    group by building_id, hour_at
),

covered as (
    select
        summed.*,
        expected.apartments_expected,
        least(1, apartments_reporting::double precision / apartments_expected) as coverage_share
    from summed
    join expected using (building_id)
),

demand as (
    select
        building_id,
        hour_at,
        -- The few apartments that are missing are taken to be like the others; of too few there is no demand.
        case when coverage_share >= limits.min_coverage_share
            then apartments_kwh / coverage_share + common_kwh end as consumption_kwh,
        solar_kwh,
        apartments_reporting,
        apartments_expected,
        coverage_share,
        case
            when coverage_share >= limits.min_coverage_share and coverage_share = 1 then quality
            when coverage_share >= limits.min_coverage_share then 'estimated'
            else 'missing'
        end::energy.quality as quality,
        received_at
    from covered
    cross join limits
)

select * from demand
