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

-- Materialized, since it reads the configuration.
anomaly_limits as materialized (
    select * from {{ source('energy', 'anomaly_limits') }}
),

measure_hours as not materialized (
    select * from {{ source('energy', 'measure_hours') }}
    where apartment_id <> ''
),

apartment_hours as (
    select * from {{ source('energy', 'apartment_hours') }}
    where apartment_id <> ''
),

-- Every date, looked up by its key: generated dates would be gone through for each day that is computed.
calendar_dates as (
    select (day_at at time zone 'UTC')::date as local_date from {{ source('energy', 'utc_days') }}
),

dates as (
    select
        building_id,
        time_zone,
        calendar_dates.local_date
    from building_spans
    join buildings using (building_id)
    -- Once per building instead of once per date.
    cross join lateral (
        select
            (first_at at time zone time_zone)::date as first_date,
            (heard_at at time zone time_zone)::date as last_date
        offset 0
    ) as spans
    join calendar_dates on calendar_dates.local_date between first_date and last_date
),

days as (
    select
        building_id,
        time_zone,
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

-- A day at a time, so that filters by building and date are pushed down. Sums in a fixed order, so that results are
-- bitwise reproducible.
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
                        and measures in ('room_temperature', 'setpoint')
                        and hour_at >= days.start_at and hour_at < days.end_at
                        and {{ is_near('hour_at') }} and {{ is_near('days.start_at') }} and {{ is_near('days.end_at') }}
                    union all
                    select apartment_id, room_name, measures, hour_at, value, received_at
                    from energy.measure_hours_between(days.building_id, array['room_temperature', 'setpoint'],
                        days.start_at, days.end_at)
                    where ({{ is_near('days.start_at') }} and {{ is_near('days.end_at') }}) is not true
                        and {{ looks_further() }}
                    offset 0
                ) as kept
                group by apartment_id, hour_at
            ) as rooms
            group by apartment_id
        ) as comforts using (apartment_id)
        full join (
            with

            hours as materialized (
                select apartment_id, room_name, measures, hour_at, value, quality, received_at from measure_hours
                where measure_hours.building_id = days.building_id
                    and measures in ('heating', 'hot_water', 'room_temperature', 'setpoint')
                    and hour_at >= days.start_at and hour_at < days.end_at
                    and {{ is_near('hour_at') }} and {{ is_near('days.start_at') }} and {{ is_near('days.end_at') }}
                union all
                select apartment_id, room_name, measures, hour_at, value, quality, received_at
                from energy.measure_hours_between(
                    days.building_id, array['heating', 'hot_water', 'room_temperature', 'setpoint'], days.start_at,
                    days.end_at
                )
                where ({{ is_near('days.start_at') }} and {{ is_near('days.end_at') }}) is not true
                    and {{ looks_further() }}
            ),

            nights as materialized (
                select hour_at
                from generate_series(days.start_at, days.end_at - interval '1 hour', interval '1 hour') as hour_at
                cross join anomaly_limits
                where extract(hour from hour_at at time zone days.time_zone) >= night_from_hour
                    and extract(hour from hour_at at time zone days.time_zone) < night_to_hour
            ),

            -- Rooms without their own setpoint use the apartment's.
            rooms as (
                select
                    apartment_id,
                    room_name,
                    hour_at,
                    room_c,
                    coalesce(own_setpoint_c,
                        max(own_setpoint_c) filter (where room_name = '') over (partition by apartment_id,
                            hour_at)) as asked_c
                from (
                    select
                        apartment_id,
                        room_name,
                        hour_at,
                        max(value) filter (where measures = 'room_temperature') as room_c,
                        max(value) filter (where measures = 'setpoint') as own_setpoint_c
                    from hours
                    where measures in ('room_temperature', 'setpoint')
                    group by apartment_id, room_name, hour_at
                ) as readings
            ),

            stepped as (
                select
                    apartment_id,
                    room_name,
                    hour_at,
                    room_c,
                    asked_c,
                    case when abs(room_c - asked_c) > gap_c
                        then hour_at - interval '1 hour' * row_number() over (
                            partition by apartment_id, room_name, abs(room_c - asked_c) > gap_c order by hour_at
                        ) end as gap_run,
                    case when lag(hour_at) over room_by_hour = hour_at - interval '1 hour'
                        then lag(room_c) over room_by_hour - room_c end as fall_c
                from rooms
                cross join anomaly_limits
                where room_c is not null
                window room_by_hour as (partition by apartment_id, room_name order by hour_at)
            ),

            by_room as (
                select
                    apartment_id,
                    room_name,
                    count(*) as known_hours,
                    count(asked_c) as controlled_hours,
                    min(room_c) as room_min_c,
                    max(room_c) as room_max_c,
                    max(fall_c) as steepest_fall_c,
                    max(room_c - asked_c) as most_over_c,
                    max(asked_c - room_c) as most_under_c
                from stepped
                group by apartment_id, room_name
            ),

            gaps as (
                select apartment_id, max(run_hours) as gap_hours
                from (
                    select apartment_id, count(*) as run_hours from stepped
                    where gap_run is not null
                    group by apartment_id, room_name, gap_run
                ) as runs
                group by apartment_id
            ),

            rooms_of_day as (
                select
                    apartment_id,
                    count(*)::integer as rooms,
                    max(known_hours)::integer as room_hours,
                    min(known_hours)::integer as least_room_hours,
                    max(by_room.controlled_hours)::integer as controlled_hours,
                    min(by_room.room_min_c) as room_min_c,
                    max(by_room.room_max_c) as room_max_c,
                    min(by_room.room_max_c - by_room.room_min_c) as least_room_range_c,
                    max(by_room.steepest_fall_c) as steepest_fall_c,
                    max(by_room.most_over_c) as most_over_c,
                    max(by_room.most_under_c) as most_under_c
                from by_room
                group by apartment_id
            ),

            registers as (
                select
                    apartment_id,
                    {% for measure, name, unit in [('heating', 'heating', 'kwh'), ('hot_water', 'hot_water', 'l')] %}
                    (case when count(*) filter (where measures = '{{ measure }}') > 0
                        then count(value) filter (where measures = '{{ measure }}') end)::integer as {{ name }}_hours,
                    sum(value order by hour_at) filter (where measures = '{{ measure }}')
                        as {{ name }}_known_{{ unit }},
                    max(value) filter (where measures = '{{ measure }}') as {{ name }}_max_{{ unit }},
                    max(quality) filter (where measures = '{{ measure }}'
                        and value is not null) as {{ name }}_known_quality,
                    {% endfor %}
                    case when count(value) filter (where measures = 'hot_water' and quality = 'measured'
                        and hour_at in (select hour_at from nights))
                            = (select count(*) from nights)
                        then min(value) filter (where measures = 'hot_water'
                            and hour_at in (select hour_at from nights)) end as hot_water_night_min_l,
                    max(received_at) as measures_received_at
                from hours
                group by apartment_id
            )

            select
                registers.*,
                rooms_of_day.rooms,
                rooms_of_day.room_hours,
                rooms_of_day.least_room_hours,
                rooms_of_day.controlled_hours,
                rooms_of_day.room_min_c,
                rooms_of_day.room_max_c,
                rooms_of_day.least_room_range_c,
                rooms_of_day.steepest_fall_c,
                rooms_of_day.most_over_c,
                rooms_of_day.most_under_c,
                case when rooms_of_day.controlled_hours > 0 then coalesce(gaps.gap_hours, 0) end::integer as gap_hours
            from registers
            left join rooms_of_day using (apartment_id)
            left join gaps using (apartment_id)
        ) as kinds using (apartment_id)
        offset 0
    ) as apartments
),

judged as (
    select
        measured.*,
        least(1, coalesce(consumption_hours, 0)::double precision / hours_in_day) as coverage_share,
        least(1, heating_hours::double precision / hours_in_day) as heating_share,
        least(1, hot_water_hours::double precision / hours_in_day) as hot_water_share
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
        -- A few missing hours are assumed to be like the others; with too few hours the day has no value.
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
        greatest(energy_received_at, comfort_received_at, measures_received_at) as received_at,
        {% for name, unit in [('heating', 'kwh'), ('hot_water', 'l')] %}
        case when {{ name }}_share >= limits.min_coverage_share
            then {{ name }}_known_{{ unit }} / {{ name }}_share end as {{ name }}_{{ unit }},
        {{ name }}_hours,
        {{ name }}_max_{{ unit }},
        case
            when {{ name }}_hours is null then null
            when {{ name }}_share >= limits.min_coverage_share and {{ name }}_share = 1 then {{ name }}_known_quality
            when {{ name }}_share >= limits.min_coverage_share then 'estimated'
            else 'missing'
        end::energy.quality as {{ name }}_quality,
        {% endfor %}
        hot_water_night_min_l,
        rooms,
        room_hours,
        least_room_hours,
        controlled_hours,
        room_min_c,
        room_max_c,
        least_room_range_c,
        steepest_fall_c,
        most_over_c,
        most_under_c,
        gap_hours
    from judged
    cross join limits
)

select * from apartment_days
