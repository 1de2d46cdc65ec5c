create or replace function energy.rule_sensor_mismatch(building_ids text[], from_date date, to_date date,
    settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    off_c       constant double precision := (settings ->> 'off_c')::double precision;
    explained_c constant double precision := (settings ->> 'explained_c')::double precision;
    neighbours  constant integer := (settings ->> 'min_neighbours')::integer;
    lowest_c    constant double precision := (settings ->> 'min_neighbour_c')::double precision;
    highest_c   constant double precision := (settings ->> 'max_neighbour_c')::double precision;
    share       constant double precision := (settings ->> 'min_known_share')::double precision;
begin
    return query
    -- The median of the building's other apartments of each day. Where that is no temperature of a heated building the
    -- neighbours are what is wrong: nothing can be said of the one that differs.
    with compared as materialized (
        select days.*, energy.without_one(sorted, place) as neighbour_c
        from (
            select building_id, apartment_id, local_date, room_min_c, room_max_c,
                room_hours >= share * hours_in_day as is_known,
                case when room_temperature_c is not null then row_number() over building_day end as place
            from energy.apartment_days
            where building_id = any (building_ids) and local_date between from_date - 7 and to_date
            window building_day as (partition by building_id, local_date order by room_temperature_c, apartment_id)
        ) as days
        join (
            select building_id, local_date, array_agg(room_temperature_c order by room_temperature_c,
                apartment_id) as sorted
            from energy.apartment_days
            where building_id = any (building_ids) and local_date between from_date - 7 and to_date
                and room_temperature_c is not null
            group by building_id, local_date
        ) as buildings using (building_id, local_date)
        where cardinality(sorted) - (place is not null)::integer >= neighbours
    ),

    known as materialized (
        select building_id, apartment_id, local_date,
            greatest(room_max_c - neighbour_c, neighbour_c - room_min_c) > off_c as is_suspect
        from compared
        where local_date >= from_date and is_known and neighbour_c between lowest_c and highest_c
    ),

    suspects as materialized (
        select array_agg(building_id) as buildings, array_agg(apartment_id) as apartments
        from (select distinct building_id, apartment_id from known where is_suspect) as found
    ),

    -- Unlike the apartment's other rooms too, else it is the apartment that is warm or cold, and unlike what it was
    -- asked for. A room that is colder where nothing is heated and nothing asked for is cold.
    flagged as (
        select *, abs(room_c - neighbour_c) > off_c and coalesce(abs(room_c - others_c) > off_c, true)
                and coalesce(abs(room_c - setpoint_c) > explained_c, true)
                and (setpoint_c is null and room_c < neighbour_c and heating_mean_kwh <= 0.05) is not true as is_on
        from (
            select hours.*, compared.neighbour_c,
                (sum(room_c) over room_hours - room_c) / nullif(count(room_c) over room_hours - 1, 0) as others_c
            from suspects
            cross join lateral energy.anomaly_hours(buildings, apartments, from_date - 7, to_date) as hours
            left join compared
                on compared.building_id = hours.building_id and compared.apartment_id = hours.apartment_id
                and compared.local_date = hours.local_date and compared.neighbour_c between lowest_c and highest_c
            window room_hours as (partition by hours.building_id, hours.apartment_id, hours.hour_at)
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

    by_room as (
        select building_id, apartment_id, room_name, local_date, run, max(run_hours) as run_hours, min(since) as since,
            avg(room_c) as room_c, avg(neighbour_c) as neighbour_c, avg(others_c) as others_c,
                avg(setpoint_c) as setpoint_c,
            max(abs(room_c - neighbour_c)) / nullif(off_c, 0) as excess
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
            'room', nullif(worst.room_name, ''), 'room_c', round(worst.room_c::numeric, 1),
            'neighbours_c', round(worst.neighbour_c::numeric, 1), 'other_rooms_c', round(worst.others_c::numeric, 1),
            'setpoint_c', round(worst.setpoint_c::numeric, 1), 'since', worst.since)) end
    from known
    left join worst
        on worst.building_id = known.building_id and worst.apartment_id = known.apartment_id
        and worst.local_date = known.local_date;
end;
$$;
comment on function energy.rule_sensor_mismatch(text[], date, date, jsonb) is
$$Rule: a room temperature that is far from the median of the building's other apartments, from the apartment's other
rooms and from what
was asked for, for long. Fewer neighbours than min_neighbours, or neighbours whose median is no temperature of a
heated building, say nothing.$$;
revoke all on function energy.rule_sensor_mismatch(text[], date, date, jsonb) from public;
