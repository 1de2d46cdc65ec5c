create or replace function energy.rule_flat_sensor(building_ids text[], from_date date, to_date date, settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    flat_c    constant double precision := (settings ->> 'flat_c')::double precision;
    moved_c   constant double precision := (settings ->> 'moved_c')::double precision;
    outside_c constant double precision := (settings ->> 'outdoor_moved_c')::double precision;
    moved_kwh constant double precision := (settings ->> 'heated_kwh')::double precision;
    share     constant double precision := (settings ->> 'min_known_share')::double precision;
begin
    return query
    with known as materialized (
        select building_id, apartment_id, local_date, least_room_range_c <= flat_c as is_suspect
        from energy.apartment_days as days
        where days.building_id = any (building_ids) and local_date between from_date and to_date
          and room_hours >= share * hours_in_day
    ),

    suspects as materialized (
        select array_agg(building_id) as buildings, array_agg(apartment_id) as apartments
        from (select distinct building_id, apartment_id from known where is_suspect) as found
    ),

    flagged as (
        select *, coalesce(abs(room_c - earlier_c) <= flat_c, false) as is_on
        from (
            select hours.*,
                max(room_c) over (
                    partition by building_id, apartment_id, room_name order by hour_at
                    range between interval '1 hour' preceding and interval '1 hour' preceding) as earlier_c,
                (sum(room_c) over room_hours - room_c) / nullif(count(room_c) over room_hours - 1, 0) as others_c
            from suspects
            cross join lateral energy.anomaly_hours(buildings, apartments, from_date - 7, to_date) as hours
            window room_hours as (partition by building_id, apartment_id, hour_at)
        ) as beside
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

    -- Many small steps make a drift; and where nothing else moved, a constant temperature is no wonder.
    moved as (
        select *,
            max(room_c) over so_far - min(room_c) over so_far as range_c,
            max(others_c) over so_far - min(others_c) over so_far as others_moved_c,
            max(outdoor_c) over so_far - min(outdoor_c) over so_far as outdoor_moved_c,
            sum(heating_kwh) over so_far as heating_kwh_so_far
        from runs
        window so_far as (partition by building_id, apartment_id, room_name, run order by hour_at)
    ),

    by_room as (
        select building_id, apartment_id, room_name, local_date, run, max(run_hours) as run_hours, min(since) as since,
            avg(room_c) as room_c, max(others_moved_c) as others_moved_c, max(outdoor_moved_c) as outdoor_moved_c,
            max(heating_kwh_so_far) as heating_kwh, 1::double precision as excess
        from moved
        -- For some hours every evening is flat.
        where range_c <= flat_c and run_hours >= 6
          and (others_moved_c >= moved_c or outdoor_moved_c >= outside_c or heating_kwh_so_far >= moved_kwh)
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
            'room', nullif(worst.room_name, ''), 'room_c', round(worst.room_c::numeric, 2),
            'other_rooms_moved_c', round(worst.others_moved_c::numeric, 1), 'outdoor_moved_c',
                round(worst.outdoor_moved_c::numeric, 1),
            'heating_kwh', round(worst.heating_kwh::numeric, 2), 'since', worst.since)) end
    from known
    left join worst
        on worst.building_id = known.building_id and worst.apartment_id = known.apartment_id
        and worst.local_date = known.local_date;
end;
$$;
comment on function energy.rule_flat_sensor(text[], date, date, jsonb) is
$$Rule: a room temperature that stays the same hour after hour, while the apartment's other rooms or the weather
moved, or the apartment was
heated.$$;
revoke all on function energy.rule_flat_sensor(text[], date, date, jsonb) from public;
