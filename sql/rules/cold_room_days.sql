create or replace function energy.cold_room_days(
    building_ids text[], from_date date, to_date date, settings jsonb,
    min_kwh double precision, max_kwh double precision, max_outdoor_c double precision default null
)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    under_c  constant double precision := (settings ->> 'under_c')::double precision;
    min_rise constant double precision := (settings ->> 'min_rise_c')::double precision;
    settle   constant interval := make_interval(hours => (settings ->> 'settle_hours')::integer);
    share    constant double precision := (settings ->> 'min_known_share')::double precision;
    gap_c    constant double precision := (select limits.gap_c from energy.anomaly_limits as limits);
    near_date constant date := from_date - 1 - ceil(required / 24)::integer;
begin
    return query
    with days as materialized (
        select building_id, apartment_id, local_date, most_under_c, hours_in_day,
            least(controlled_hours, heating_hours) >= share * hours_in_day
                and controlled_hours is not null and heating_hours is not null as is_known,
            -- A run has half of the required duration on one of two days; gaps are of gap_c and more.
            case when under_c >= gap_c then max(gap_hours) over (
                partition by building_id, apartment_id order by local_date
                range between interval '1 day' preceding and current row) end as longest_gap,
            -- One that began before is on all day.
            local_date = near_date and (under_c < gap_c or gap_hours >= hours_in_day - 1) as is_longer
        from energy.apartment_days
        where building_id = any (building_ids) and local_date between near_date and to_date
    ),

    known as materialized (
        select building_id, apartment_id, local_date,
            most_under_c > under_c and coalesce(longest_gap >= required / 2, true) as is_suspect
        from days
        where is_known and local_date >= from_date
          -- Whether it is the season of heating has to be known.
          and (max_outdoor_c is null or (days.building_id, days.local_date) in (
              select outdoors.building_id, outdoors.local_date
              from energy.outdoor_days(building_ids, from_date, to_date) as outdoors))
    ),

    suspects as materialized (
        select since, array_agg(building_id) as buildings, array_agg(apartment_id) as apartments
        from (
            select building_id, apartment_id, case when bool_or(is_longer) then from_date - 7 else near_date end as since
            from days
            where (building_id, apartment_id) in (select building_id, apartment_id from known where is_suspect)
            group by building_id, apartment_id
        ) as found
        group by since
    ),

    -- A room that is asked to be warmer only now has to have had time to warm.
    flagged as (
        select *, room_c < asked_c - under_c and heating_mean_kwh between min_kwh and max_kwh
            and room_c - earlier_c < min_rise and (max_outdoor_c is null or outdoor_mean_c <= max_outdoor_c) as is_on
        from (
            select hours.*,
                min(setpoint_c) over (room_by_hour range between settle preceding and current row) as asked_c,
                max(room_c) over (room_by_hour range between settle preceding and settle preceding) as earlier_c,
                -- Boilers heed the mean of a day: a cold night between warm days is not heated.
                avg(outdoor_c) over (
                    room_by_hour range between interval '23 hours' preceding and current row) as outdoor_mean_c
            from suspects
            cross join lateral energy.anomaly_hours(buildings, apartments, least(since, near_date), to_date) as hours
            window room_by_hour as (partition by building_id, apartment_id, room_name order by hour_at)
        ) as asked
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
            avg(room_c) as room_c, min(asked_c) as asked_c, sum(heating_kwh) as heating_kwh,
                avg(outdoor_c) as outdoor_c,
            max(asked_c - room_c) / nullif(under_c, 0) as excess
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
            'room', nullif(worst.room_name, ''), 'room_c', round(worst.room_c::numeric, 1), 'setpoint_c',
                round(worst.asked_c::numeric, 1),
            'heating_kwh', round(worst.heating_kwh::numeric, 2), 'outdoor_c',
                round(worst.outdoor_c::numeric, 1), 'since', worst.since)) end
    from known
    left join worst
        on worst.building_id = known.building_id and worst.apartment_id = known.apartment_id
        and worst.local_date = known.local_date;
end;
$$;
comment on function energy.cold_room_days(
    text[], date, date, jsonb, double precision, double precision, double precision) is
$$Days with a room below its setpoint that does not get warmer, while the heat, in kWh an hour on average over three,
lies between min_kwh and max_kwh and it was no warmer outside, over a day, than max_outdoor_c (NULL: whatever the weather).
The setpoint is the lowest of the last settle_hours, and the room has warmed by less than min_rise_c since then. Rules call it.$$;
revoke all on function energy.cold_room_days(
    text[], date, date, jsonb, double precision, double precision, double precision) from public;
