with

apartment_hours as (
    select * from {{ source('energy', 'apartment_hours') }}
),

-- Materialized, since it reads the configuration.
limits as materialized (
    select * from {{ source('energy', 'quality_limits') }}
),

sensors as not materialized (
    select * from {{ source('raw', 'sensors') }}
),

sensor_types as materialized (
    select * from {{ source('energy', 'sensor_types') }}
),

sensor_spans as not materialized (
    select * from {{ source('energy', 'sensor_spans') }}
),

-- The validity of each apartment.
apartments as not materialized (
    select
        apartments.building_id,
        apartments.apartment_id,
        coalesce(
            apartments.valid_from,
            case when apartments.added_at is not null then least(
                apartments.added_at,
                (
                    select min(sensor_spans.first_at)
                    from sensors
                    join sensor_types on sensor_types.sensor_type = sensors.sensor_type and sensor_types.is_demand
                    join sensor_spans on sensor_spans.sensor_id = sensors.sensor_id
                    where sensors.building_id = apartments.building_id
                      and sensors.apartment_id = apartments.apartment_id
                )
            ) end,
            '-infinity'
        ) as valid_from,
        coalesce(apartments.valid_to, 'infinity') as valid_to
    from {{ source('raw', 'apartments') }} as apartments
),

-- Excludes apartments outside of their validity; their hours are still computed.
hours as (
    select
        building_id,
        hour_at,
        apartment_id,
        apartment_id = '' as is_common,
        counts,
        case when counts then consumption_kwh end as consumption_kwh,
        case when counts then solar_kwh end as solar_kwh,
        case when counts then quality end as quality,
        case when counts then received_at end as received_at,
        case when counts then solar_quality end as solar_quality,
        case when counts then solar_received_at end as solar_received_at,
        -- For hours older than the column: a value implies a register.
        coalesce(consumption_registers, (consumption_kwh is not null)::integer) > 0 as has_register
    from apartment_hours
    cross join lateral (
        select apartment_hours.apartment_id = '' or exists (
            select from apartments
            where apartments.building_id = apartment_hours.building_id
              and apartments.apartment_id = apartment_hours.apartment_id
                and apartment_hours.hour_at >= apartments.valid_from and apartment_hours.hour_at < apartments.valid_to
        ) as counts
        -- Looked up once, not per column.
        offset 0
    ) as validity
),

summed as (
    select
        building_id,
        hour_at,
        -- In a fixed order, so that results are bitwise reproducible.
        sum(consumption_kwh order by apartment_id) filter (where not is_common) as apartments_kwh,
        coalesce(sum(consumption_kwh) filter (where is_common), 0) as common_kwh,
        coalesce(bool_or(consumption_kwh is null) filter (where is_common and has_register),
            false) as common_is_missing,
        coalesce(bool_or(has_register) filter (where is_common), false) as has_common,
        case when bool_and(solar_kwh is not null) filter (where solar_quality is not null) is not false
            then sum(solar_kwh order by apartment_id) end as solar_kwh,
        (count(consumption_kwh) filter (where not is_common))::integer as apartments_reporting,
        max(quality) filter (where consumption_kwh is not null) as quality,
        coalesce(max(received_at) filter (where has_register or not is_common), max(received_at)) as received_at,
        max(solar_quality) as solar_quality,
        max(solar_received_at) as solar_received_at
    from hours
    group by building_id, hour_at
),

covered as (
    select
        summed.*,
        expected.apartments_expected,
        case
            when expected.apartments_expected > 0 then least(1,
                apartments_reporting::double precision / expected.apartments_expected)
            when has_common and not common_is_missing then 1
            else 0
        end as coverage_share
    from summed
    cross join lateral (
        select count(*)::integer as apartments_expected
        from apartments
        where apartments.building_id = summed.building_id and summed.hour_at >= apartments.valid_from
          and summed.hour_at < apartments.valid_to
    ) as expected
),

demand as (
    select
        covered.*,
        coverage_share >= limits.min_coverage_share and not common_is_missing as is_known
    from covered
    cross join limits
),

building_hours as (
    select
        building_id,
        hour_at,
        -- A few missing apartments are assumed to be like the others; with too few, or without the building's own
        -- meters, there is no demand. A building without apartments uses only its own meters.
        case when is_known and apartments_expected = 0 then common_kwh
            when is_known then apartments_kwh / coverage_share + common_kwh end as consumption_kwh,
        solar_kwh,
        apartments_reporting,
        apartments_expected,
        coverage_share,
        case
            when is_known and coverage_share = 1 then quality
            when is_known then 'estimated'
            else 'missing'
        end::energy.quality as quality,
        received_at,
        solar_quality,
        solar_received_at
    from demand
)

select * from building_hours
