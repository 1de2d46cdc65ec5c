with

building_spans as (
    select * from {{ source('energy', 'building_spans') }}
),

buildings as (
    select * from {{ source('raw', 'buildings') }}
),

limits as (
    select * from {{ source('energy', 'quality_limits') }}
),

apartment_hours as (
    select * from {{ source('energy', 'apartment_hours') }}
    where apartment_id <> ''
),

measure_hours as (
    select * from {{ source('energy', 'measure_hours') }}
    where apartment_id <> '' and measures in ('room_temperature', 'setpoint')
),

dates as (
    select
        building_id,
        time_zone,
        first_date + n as local_date
    from building_spans
    join buildings using (building_id)
    -- Once a building, not for each of its dates.
    cross join lateral (
        select
            (first_at at time zone time_zone)::date as first_date,
            (heard_at at time zone time_zone)::date as last_date
        offset 0
    ) as spans
    cross join lateral generate_series(0, last_date - first_date) as n
),

days as (
    select
        building_id,
        local_date,
        start_at,
        end_at
    from dates
    cross join lateral (
        select
            local_date::timestamp at time zone time_zone as start_at,
            (local_date + 1)::timestamp at time zone time_zone as end_at
        offset 0
    ) as bounds
),

-- A day at a time, so that a filter by building and date computes those alone. Sums in a fixed order, so that the last bit is always the same.
measured as (
    select
        days.building_id,
        days.local_date,
        (extract(epoch from days.end_at - days.start_at) / 3600)::integer as hours_in_day,
        apartments.*
    from days
    cross join lateral (
        select * from (
            select
                apartment_id,
                count(consumption_kwh)::integer as consumption_hours,
                sum(consumption_kwh order by hour_at) as known_kwh,
                max(quality) filter (where consumption_kwh is not null) as known_quality,
                max(received_at) as energy_received_at
            from (
                select apartment_id, hour_at, consumption_kwh, quality, received_at from apartment_hours
                where apartment_hours.building_id = days.building_id
                    and hour_at >= days.start_at and hour_at < days.end_at
                    and {{ is_near('hour_at') }} and {{ is_near('days.start_at') }} and {{ is_near('days.end_at') }}
                union all
                select apartment_id, hour_at, consumption_kwh, quality, received_at
                from energy.apartment_hours_between(days.building_id, days.start_at, days.end_at)
                where ({{ is_near('days.start_at') }} and {{ is_near('days.end_at') }}) is not true
                    and {{ looks_further() }}
                offset 0
            ) as hours
            group by apartment_id
        ) as energies
        full join (
            select
                apartment_id,
                count(room_c - asked_c)::integer as comfort_hours,
                avg(room_c order by hour_at) as room_temperature_c,
                avg(asked_c order by hour_at) as setpoint_c,
                avg(room_c - asked_c order by hour_at) as setpoint_difference_c,
                max(received_at) as comfort_received_at
            from (
                select
                    apartment_id,
                    hour_at,
                    avg(value order by room_name) filter (where measures = 'room_temperature') as room_c,
                    avg(value order by room_name) filter (where measures = 'setpoint') as asked_c,
                    max(received_at) as received_at
                from (
                    select apartment_id, room_name, measures, hour_at, value, received_at from measure_hours
                    where measure_hours.building_id = days.building_id
                        and hour_at >= days.start_at and hour_at < days.end_at
                        and {{ is_near('hour_at') }} and {{ is_near('days.start_at') }} and {{ is_near('days.end_at') }}
                    union all
                    select apartment_id, room_name, measures, hour_at, value, received_at
                    from energy.measure_hours_between(days.building_id, array['room_temperature', 'setpoint'], days.start_at, days.end_at)
                    where ({{ is_near('days.start_at') }} and {{ is_near('days.end_at') }}) is not true
                        and {{ looks_further() }}
                    offset 0
                ) as kept
                group by apartment_id, hour_at
            ) as rooms
            group by apartment_id
        ) as comforts using (apartment_id)
        offset 0
    ) as apartments
),

judged as (
    select
        measured.*,
        least(1, coalesce(consumption_hours, 0)::double precision / hours_in_day) as coverage_share
    from measured
),

apartment_days as (
    select
        building_id,
        apartment_id,
        local_date,
        hours_in_day,
        coalesce(consumption_hours, 0) as consumption_hours,
        coalesce(comfort_hours, 0) as comfort_hours,
        -- The few hours that are missing are taken to be like the others; of too few there is no day.
        case when coverage_share >= limits.min_coverage_share then known_kwh / coverage_share end as consumption_kwh,
        room_temperature_c,
        setpoint_c,
        setpoint_difference_c,
        coverage_share,
        case
            when coverage_share >= limits.min_coverage_share and coverage_share = 1 then known_quality
            when coverage_share >= limits.min_coverage_share then 'estimated'
            else 'missing'
        end::energy.quality as quality,
        greatest(energy_received_at, comfort_received_at) as received_at
    from judged
    cross join limits
)

select * from apartment_days
