create or replace function energy.rule_stuck_valve(building_ids text[], from_date date, to_date date, settings jsonb)
returns table (
    building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence jsonb
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    required constant double precision := (settings ->> 'hours')::double precision;
    over_c   constant double precision := (settings ->> 'over_c')::double precision;
    min_kwh  constant double precision := (settings ->> 'min_heating_kwh')::double precision;
    settle   constant interval := make_interval(hours => (settings ->> 'settle_hours')::integer);
    share    constant double precision := (settings ->> 'min_known_share')::double precision;
    usual_days constant integer := (settings ->> 'usual_days')::integer;
    gap_c    constant double precision := (select limits.gap_c from energy.anomaly_limits as limits);
begin
    return query
    with known as materialized (
        select building_id, apartment_id, local_date,
            -- A run of the required duration has half of it on one of two days; gaps are of gap_c and more.
            most_over_c > over_c and (over_c < gap_c or coalesce(longest_gap >= required / 2, true)) as is_suspect
        from (
            select building_id, apartment_id, local_date, most_over_c, controlled_hours, heating_hours, hours_in_day,
                max(gap_hours) over (
                    partition by building_id, apartment_id order by local_date
                    range between interval '1 day' preceding and current row) as longest_gap
            from energy.apartment_days as days
            where days.building_id = any (building_ids) and local_date between from_date - 1 and to_date
        ) as days
        where local_date >= from_date and least(controlled_hours, heating_hours) >= share * hours_in_day
          and controlled_hours is not null and heating_hours is not null
    ),

    suspects as materialized (
        select array_agg(building_id) as buildings, array_agg(apartment_id) as apartments
        from (select distinct building_id, apartment_id from known where is_suspect) as found
    ),

    -- A room that was asked to be warm a while ago may still be: it has to have had time to cool.
    recent as materialized (
        select hours.*, max(setpoint_c) over lately as asked_c
        from suspects
        cross join lateral energy.anomaly_hours(
            buildings, apartments, from_date - 1 - ceil(required / 24)::integer, to_date) as hours
        window lately as (
            partition by building_id, apartment_id, room_name order by hour_at
            range between settle preceding and current row)
    ),

    -- Those that may have been too warm for long enough: of the others no more has to be read.
    long as materialized (
        select distinct building_id, apartment_id
        from (
            select building_id, apartment_id, room_name,
                hour_at - interval '1 hour' * row_number() over room_by_hour as run
            from recent
            where room_c > asked_c + over_c and heating_mean_kwh >= min_kwh
            window room_by_hour as (partition by building_id, apartment_id, room_name order by hour_at)
        ) as numbered
        group by building_id, apartment_id, room_name, run
        having count(*) >= required
    ),

    earlier as materialized (
        select hours.*, max(setpoint_c) over lately as asked_c
        from (select array_agg(building_id) as buildings, array_agg(apartment_id) as apartments from long) as long
        cross join lateral energy.anomaly_hours(buildings, apartments, from_date - 7 - usual_days, to_date) as hours
        window lately as (
            partition by building_id, apartment_id, room_name order by hour_at
            range between settle preceding and current row)
    ),

    -- By how much a room was warmer than asked for in the weeks before: one between heated rooms that is hardly heated
    -- itself always is.
    usual as materialized (
        select building_id, apartment_id, room_name, local_date,
            case when sum(known) over before >= 96 then greatest(0, sum(over_c) over before / sum(known) over before)
                else 0 end as usual_c
        from (
            select building_id, apartment_id, room_name, local_date, count(room_c - asked_c) as known,
                sum(room_c - asked_c) as over_c
            from earlier
            group by building_id, apartment_id, room_name, local_date
        ) as days
        window before as (partition by building_id, apartment_id, room_name order by local_date
            range between make_interval(days => usual_days) preceding and interval '1 day' preceding)
    ),

    flagged as (
        select recent.*, room_c > asked_c + over_c and heating_mean_kwh >= min_kwh as is_on
        from recent
        where (building_id, apartment_id) not in (select building_id, apartment_id from long)
        union all
        select earlier.*, room_c > asked_c + over_c + coalesce(usual_c, 0) and heating_mean_kwh >= min_kwh as is_on
        from earlier
        left join usual using (building_id, apartment_id, room_name, local_date)
        where local_date >= from_date - 7
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
            avg(room_c) as room_c, max(asked_c) as asked_c, sum(heating_kwh) as heating_kwh,
                avg(outdoor_c) as outdoor_c,
            max(room_c - asked_c) / nullif(over_c, 0) as excess
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
comment on function energy.rule_stuck_valve(text[], date, date, jsonb) is
$$Rule: heat flows while a room stays far above what is asked for, and further than it was on average over the usual_days
before: a room that is warmed by its neighbours always is. The setpoint is the highest of the last settle_hours, so that
a room that cools after its setpoint was lowered is none; heat is the mean over three hours, so that a meter of large
steps counts.$$;
revoke all on function energy.rule_stuck_valve(text[], date, date, jsonb) from public;
