create or replace function energy.rule_cold_building(building_ids text[], from_date date, to_date date, settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    under_c constant double precision := (settings ->> 'under_c')::double precision;
    cold_c  constant double precision := (settings ->> 'max_outdoor_c')::double precision;
    cold_share constant double precision := (settings ->> 'min_share')::double precision;
    apartments_needed constant integer := (settings ->> 'min_apartments')::integer;
    share   constant double precision := (settings ->> 'min_known_share')::double precision;
begin
    return query
    with days as materialized (
        select building_id, apartment_id, local_date, most_under_c > under_c as is_cold
        from energy.apartment_days as days
        where days.building_id = any (building_ids) and local_date between from_date and to_date
          and controlled_hours >= share * hours_in_day
    ),

    known as materialized (
        select building_id, ''::text as apartment_id, local_date, count(*) as apartments,
            avg(is_cold::integer) >= cold_share as is_suspect
        from days
        join energy.outdoor_days(building_ids, from_date, to_date) as outdoors using (building_id, local_date)
        group by building_id, local_date
        having count(*) >= apartments_needed
    ),

    suspects as materialized (
        select array_agg(building_id) as buildings, array_agg(apartment_id) as apartments
        from (
            select distinct building_id, apartment_id from days
            where building_id in (select building_id from known where is_suspect)
        ) as found
    ),

    -- Each apartment by the mean of its rooms.
    by_apartment as (
        select building_id, apartment_id, hour_at, local_date, local_time, avg(room_c) as room_c,
            avg(setpoint_c) as setpoint_c,
            avg(setpoint_c - room_c) as under, min(heating_kwh) as heating_kwh, min(outdoor_c) as outdoor_c
        from suspects
        cross join lateral energy.anomaly_hours(buildings, apartments, from_date - 2, to_date) as hours
        where setpoint_c is not null
        group by building_id, apartment_id, hour_at, local_date, local_time
    ),

    flagged as (
        select *, count(*) filter (where under > under_c) over building_hour >= cold_share * count(*) over building_hour
                and count(*) over building_hour >= apartments_needed and outdoor_c <= cold_c as is_on,
            count(*) filter (where under > under_c) over building_hour as cold_apartments
        from by_apartment
        window building_hour as (partition by building_id, hour_at)
    ),

    by_hour as (
        select building_id, hour_at, min(local_date) as local_date, min(local_time) as local_time,
            min(cold_apartments) as cold_apartments,
            count(*) as apartments, avg(room_c) as room_c, avg(setpoint_c) as setpoint_c,
                sum(heating_kwh) as heating_kwh, min(outdoor_c) as outdoor_c,
            percentile_cont(0.5) within group (order by under) / nullif(under_c, 0) as excess
        from flagged
        where is_on
        group by building_id, hour_at
    ),

    runs as (
        select *, row_number() over run_by_hour as run_hours, first_value(local_time) over run_by_hour as since
        from (
            select *, hour_at - interval '1 hour' * row_number() over (partition by building_id order by hour_at) as run
            from by_hour
        ) as numbered
        window run_by_hour as (partition by building_id, run order by hour_at)
    ),

    -- Once, whatever number of days the planner expects.
    worst as materialized (
        select distinct on (building_id, local_date) *
        from (
            select building_id, local_date, run, max(run_hours) as run_hours, min(since) as since,
                max(cold_apartments) as cold_apartments,
                max(apartments) as apartments, avg(room_c) as room_c, avg(setpoint_c) as setpoint_c,
                    sum(heating_kwh) as heating_kwh,
                avg(outdoor_c) as outdoor_c, max(excess) as excess
            from runs
            group by building_id, local_date, run
        ) as by_run
        order by building_id, local_date, run_hours desc
    )

    select known.building_id, known.apartment_id, known.local_date,
        energy.rule_score(worst.run_hours, required, worst.excess), worst.run_hours::double precision,
        case when worst.run_hours is null then '{}' else jsonb_strip_nulls(jsonb_build_object(
            'cold_apartments', worst.cold_apartments, 'apartments', worst.apartments, 'rooms_c',
                round(worst.room_c::numeric, 1),
            'setpoints_c', round(worst.setpoint_c::numeric, 1), 'heating_kwh', round(worst.heating_kwh::numeric, 1),
            'outdoor_c', round(worst.outdoor_c::numeric, 1), 'since', worst.since)) end
    from known
    left join worst on worst.building_id = known.building_id and worst.local_date = known.local_date;
end;
$$;
comment on function energy.rule_cold_building(text[], date, date, jsonb) is
$$Rule of buildings: most apartments are colder than they ask for while it is cold outside, as when a boiler or its
pump stands still.$$;
revoke all on function energy.rule_cold_building(text[], date, date, jsonb) from public;
