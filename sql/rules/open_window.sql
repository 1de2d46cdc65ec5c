create or replace function energy.rule_open_window(building_ids text[], from_date date, to_date date, settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    fall_c  constant double precision := (settings ->> 'fall_c')::double precision;
    sharp_c constant double precision := (settings ->> 'sharp_c')::double precision;
    min_kwh constant double precision := (settings ->> 'min_heating_kwh')::double precision;
    cold_c  constant double precision := (settings ->> 'max_outdoor_c')::double precision;
    most_c  constant double precision := (settings ->> 'max_room_c')::double precision;
    within  constant interval := make_interval(hours => (settings ->> 'within_hours')::integer);
    share   constant double precision := (settings ->> 'min_known_share')::double precision;
begin
    return query
    with known as materialized (
        select building_id, apartment_id, local_date, is_suspect
        from (
            -- The fall may have been late on the day before.
            select building_id, apartment_id, local_date, hours_in_day, room_hours, heating_hours,
                max(steepest_fall_c) over (
                    partition by building_id, apartment_id order by local_date
                        range between interval '1 day' preceding and current row) >= sharp_c as is_suspect
            from energy.apartment_days as days
            where days.building_id = any (building_ids) and local_date between from_date - 1 and to_date
        ) as days
        where local_date >= from_date and least(room_hours, heating_hours) >= share * hours_in_day
          and room_hours is not null and heating_hours is not null
    ),

    suspects as materialized (
        select array_agg(building_id) as buildings, array_agg(apartment_id) as apartments
        from (select distinct building_id, apartment_id from known where is_suspect) as found
    ),

    stepped as (
        select hours.*,
            case when lag(hour_at) over room_by_hour = hour_at - interval '1 hour'
                then lag(room_c) over room_by_hour - room_c end as step_c
        from suspects
        cross join lateral energy.anomaly_hours(buildings, apartments, from_date - 2, to_date) as hours
        window room_by_hour as (partition by building_id, apartment_id, room_name order by hour_at)
    ),

    -- Well below its setpoint, where it has one: else it cools because less is asked for, or no longer too much.
    flagged as (
        select *, before_c - room_c >= fall_c and before_c <= most_c and steepest_c >= sharp_c
            and heating_mean_kwh >= min_kwh
                and coalesce(room_c < setpoint_c - fall_c / 2, true) and coalesce(outdoor_c <= cold_c, true) as is_on
        from (
            select *,
                max(room_c) over lately as before_c,
                max(step_c) over lately as steepest_c
            from stepped
            window lately as (
                partition by building_id, apartment_id, room_name order by hour_at
                range between within preceding and current row)
        ) as fallen
    ),

    -- Hours in a row: an hour that is not known ends a run.
    runs as (
        select *, row_number() over run_by_hour as run_hours, first_value(local_time) over run_by_hour as since
        from (
            select *, hour_at - interval '1 hour' * row_number() over room_by_hour as run
            from flagged
            where is_on
            window room_by_hour as (partition by building_id, apartment_id, room_name order by hour_at)
        ) as numbered
        window run_by_hour as (partition by building_id, apartment_id, room_name, run order by hour_at)
    ),

    by_room as (
        select building_id, apartment_id, room_name, local_date, run, max(run_hours) as run_hours, min(since) as since,
            avg(room_c) as room_c, max(before_c) as before_c, max(steepest_c) as steepest_c,
                sum(heating_kwh) as heating_kwh,
            avg(outdoor_c) as outdoor_c, max(before_c - room_c) / nullif(fall_c, 0) as excess
        from runs
        group by building_id, apartment_id, room_name, local_date, run
    ),

    -- Once, whatever number of days the planner expects.
    worst as materialized (
        select distinct on (building_id, apartment_id, local_date) *
        from by_room
        order by building_id, apartment_id, local_date, run_hours desc, room_name
    )

    select known.building_id, known.apartment_id, known.local_date,
        energy.rule_score(worst.run_hours, required, worst.excess), worst.run_hours::double precision,
        case when worst.run_hours is null then '{}' else jsonb_strip_nulls(jsonb_build_object(
            'room', nullif(worst.room_name, ''), 'room_c', round(worst.room_c::numeric, 1), 'before_c',
                round(worst.before_c::numeric, 1),
            'fall_c_per_h', round(worst.steepest_c::numeric, 1), 'heating_kwh', round(worst.heating_kwh::numeric, 2),
            'outdoor_c', round(worst.outdoor_c::numeric, 1), 'since', worst.since)) end
    from known
    left join worst
        on worst.building_id = known.building_id and worst.apartment_id = known.apartment_id
        and worst.local_date = known.local_date;
end;
$$;
comment on function energy.rule_open_window(text[], date, date, jsonb) is
$$Rule: a room fell sharply, stays so much colder, and is heated all the while. A short airing is over before the
required duration.$$;
revoke all on function energy.rule_open_window(text[], date, date, jsonb) from public;
