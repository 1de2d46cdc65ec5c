create or replace function energy.inference_span(name text) returns interval
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(energy.current_config() -> 'inference' ->> name, case name
    when 'catch_up' then '3 days' when 'weather_deadline' then '3 hours' when 'weather_stale_after' then '36 hours'
    when 'refresh_ahead' then '6 hours' end)::interval;
comment on function energy.inference_span(text) is
    'An interval of section inference of the configuration, or its default; NULL if it has none.';
revoke all on function energy.inference_span(text) from public;

create or replace function energy.issue_times(time_zone text, from_at timestamptz,
    to_at timestamptz) returns timestamptz[]
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- Series step by full hours of UTC: times at another minute, and in half-hour time zones, are rounded up.
    select array_agg(slot_at order by slot_at)
    from (select energy.current_config() -> 'inference' as inference) as config
    cross join generate_series(-1, to_at::date - from_at::date + 1) as n
    cross join lateral (
        select date_trunc('hour', case
            when inference ? 'issue_time_local'
                then (from_at::date + n + (inference ->> 'issue_time_local')::time) at time zone time_zone
            else (from_at::date + n + make_interval(hours => (inference ->> 'issue_hour_utc')::integer))
                at time zone 'UTC'
        end + interval '59 minutes 59.999999 seconds', 'UTC') as slot_at
    ) as slots
    where slot_at >= from_at and slot_at < to_at
$$;
comment on function energy.issue_times(text, timestamptz, timestamptz) is
$$When forecasts of buildings in a time zone are issued from a time up to another, in order: each day at
inference.issue_time_local or, if that is not configured, at inference.issue_hour_utc. NULL: never. Errors: 22023 no
such time zone.$$;
revoke all on function energy.issue_times(text, timestamptz, timestamptz) from public;

create or replace function energy.lock_planning() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$ select pg_advisory_xact_lock(hashtextextended('energy.plan_slots', 0)) $$;
comment on function energy.lock_planning() is
$$Lets one session at a time plan slots, until the end of the caller's transaction, so that the next one sees its
slots.$$;
revoke all on function energy.lock_planning() from public;

create or replace function energy.plan_slots(slot_at timestamptz, horizon interval) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    now_at     constant timestamptz := energy.clock();
    started_at constant timestamptz := clock_timestamp();
    zone       text;
    times      timestamptz[];
    state      text;
    message    text;
    advice     text;
begin
    perform energy.lock_planning();
    if plan_slots.slot_at is not null then
        insert into energy.forecast_slots (building_id, slot_at, horizon)
        select building_id, plan_slots.slot_at, plan_slots.horizon from raw.buildings
        where not exists (
            select from energy.forecasts
            where forecasts.building_id = buildings.building_id and forecasts.issued_at = plan_slots.slot_at)
          -- Inserting an existing slot would wait for the session that is issuing it.
          and not exists (
            select from energy.forecast_slots as slots
            where slots.building_id = buildings.building_id and slots.slot_at = plan_slots.slot_at)
        on conflict on constraint forecast_slots_pkey do nothing;
        -- Issued and since deleted.
        update energy.forecast_slots as slots
        set status = 'due', tried_at = null
        where slots.slot_at = plan_slots.slot_at and status = 'issued' and not exists (
            select from energy.forecasts
            where forecasts.building_id = slots.building_id and forecasts.issued_at = plan_slots.slot_at);
        return;
    end if;
    for zone in select distinct time_zone from raw.buildings order by time_zone loop
        begin
            times := energy.issue_times(zone, now_at - energy.inference_span('catch_up'),
                now_at + interval '1 microsecond');
            -- A building without forecasts begins with the newest slot or, if its model was trained on later data, with
            -- the next one.
            insert into energy.forecast_slots (building_id, slot_at, horizon)
            select buildings.building_id, due.slot_at, plan_slots.horizon
            from raw.buildings
            cross join unnest(times) as due (slot_at)
            left join lateral (
                select max(slots.slot_at) as slot_at from energy.forecast_slots as slots
                where slots.building_id = buildings.building_id
            ) as newest on true
            where time_zone = zone and due.slot_at > coalesce(newest.slot_at, times[cardinality(times) - 1],
                '-infinity')
              and (newest.slot_at is not null or not exists (
                  select from edf.models
                  where status = 'approved'
                    and subject in (buildings.building_id, energy.archetype_subject(buildings.archetype))
                    and training_end > due.slot_at))
            on conflict on constraint forecast_slots_pkey do nothing;
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('issue_forecasts', building_id, now_at, started_at, 'failed', 0, state,
                message, advice)
            from raw.buildings
            where time_zone = zone and not exists (
                select from energy.job_runs as told
                where told.job_name = 'issue_forecasts' and told.building_id = buildings.building_id
                  and told.sqlstate = state
                  and told.started_at > now() - interval '1 day');
        end;
    end loop;
end;
$$;
comment on function energy.plan_slots(timestamptz, interval) is
$$Writes the due forecasts to energy.forecast_slots: with slot_at the slot of every building at that time, else all
slots since each building's newest, at most inference.catch_up back. An invalid time zone affects only its own
buildings; they are recorded in energy.job_runs once a day.$$;
revoke all on function energy.plan_slots(timestamptz, interval) from public;

create or replace function energy.plan_revisions(slot_at timestamptz default null,
    building_ids text[] default null) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    inference constant jsonb := energy.current_config() -> 'inference';
    now_at    constant timestamptz := energy.clock();
    planned   bigint;
begin
    perform energy.lock_planning();
    with asked as (
        select slots.building_id, slots.slot_at from energy.forecast_slots as slots
        where slots.slot_at = plan_revisions.slot_at and status = 'issued'
          and (building_ids is null or slots.building_id = any (building_ids))
    ),

    newest as (
        select distinct on (slots.building_id) slots.*, weather_location_id,
            coalesce(slots.horizon, (inference ->> 'horizon')::interval) as ahead
        from energy.forecast_slots as slots join raw.buildings using (building_id)
        where plan_revisions.slot_at is null and slots.slot_at > now_at - (inference ->> 'reissue_until')::interval
          and slots.slot_at < now_at
        order by slots.building_id, slots.slot_at desc
    ),

    -- Once per place: has missing weather arrived?
    reached as (
        select weather_location_id, slot_at, ahead,
            energy.weather_reaches(weather_location_id, now_at, slot_at, slot_at + ahead) as reaches_to
        from (select distinct weather_location_id, slot_at, ahead from newest
            where weather_reaches_to < slot_at + ahead) as lacking
    ),

    -- Has missing demand arrived?
    late as (
        select newest.building_id, slot_at
        from newest
        join energy.building_hours as hours on hours.building_id = newest.building_id
        where status = 'issued' and hour_at >= slot_at - interval '48 hours' and hour_at < slot_at
          and received_at <= now_at and consumption_kwh is not null
        group by newest.building_id, slot_at, known_hours
        having count(*) - known_hours >= coalesce((inference ->> 'reissue_hours')::integer, 6)
    ),

    due as (
        select building_id, slot_at from asked
        union
        select building_id, slot_at from newest join reached using (weather_location_id, slot_at, ahead)
        where status = 'issued' and reached.reaches_to > weather_reaches_to and revision < 3
        union
        select building_id, slot_at from late join newest using (building_id, slot_at) where revision < 3
    )

    update energy.forecast_slots as slots
    set status = 'due', revision = slots.revision + 1, tried_at = null, tries = 0
    from due
    where slots.building_id = due.building_id and slots.slot_at = due.slot_at;
    get diagnostics planned = row_count;
    return planned;
end;
$$;
comment on function energy.plan_revisions(timestamptz, text[]) is
$$Makes issued forecasts due again, as their next revision. With slot_at those of that slot, of these buildings (by
default all); else the newest of each building, until inference.reissue_until after its slot, if weather that it lacked
or inference.reissue_hours of demand in the 48 hours before it have arrived since; three times at most. Returns their
number.$$;
revoke all on function energy.plan_revisions(timestamptz, text[]) from public;
