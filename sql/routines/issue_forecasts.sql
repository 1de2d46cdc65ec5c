create or replace function energy.due_batch(
    issued_at timestamptz, tried_before timestamptz, out building_ids text[], out slot_at timestamptz, out horizon interval, out is_revision boolean,
    out weather_location_id text, out time_zone text
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with due as materialized (
        select slots.building_id, slots.slot_at, coalesce(slots.horizon, (energy.current_config() #>> '{inference,horizon}')::interval) as horizon,
            revision > 0 as is_revision, weather_location_id, time_zone, region,
            -- One that has a calendar of its own is alone.
            case when exists (select from raw.calendar_events as events where events.building_id = slots.building_id) then slots.building_id end as alone
        from energy.forecast_slots as slots
        join raw.buildings using (building_id)
        where status <> 'issued' and (tried_at < tried_before) is not false
          and case when issued_at is not null then slots.slot_at = issued_at
                   else slots.slot_at > energy.clock() - energy.inference_span('catch_up') and slots.slot_at <= energy.clock() end
    ),

    batches as (
        select array_agg(building_id order by building_id) as building_ids, slot_at, horizon, is_revision, weather_location_id, time_zone
        from due
        group by slot_at, horizon, is_revision, weather_location_id, time_zone, region, alone
    )

    -- The oldest slot first.
    select building_ids[1:40], slot_at, horizon, is_revision, weather_location_id, time_zone
    from batches
    order by slot_at, weather_location_id, time_zone, building_ids
    limit 1
$$;
comment on function energy.due_batch(timestamptz, timestamptz) is
$$The buildings whose forecasts are issued next, 40 at most: of one slot, the oldest that is due, and of one place, calendar and time zone, so that they share what
they read. issued_at: of that slot alone. tried_before: what was tried since then waits for the next run. NULLs: nothing is due.$$;
revoke all on function energy.due_batch(timestamptz, timestamptz) from public;

create or replace function energy.inputs_of_batch(batch record) returns energy.place_inputs
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    started_at constant timestamptz := clock_timestamp();
    inputs     energy.place_inputs;
    building   text;
    state      text;
    message    text;
    advice     text;
begin
    return energy.inputs_of_place(
        batch.weather_location_id, batch.building_ids[1], batch.time_zone, batch.slot_at, batch.horizon, batch.is_revision);
exception when others then
    get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
    foreach building in array batch.building_ids loop
        perform energy.record_job_run('issue_forecasts', building, batch.slot_at, started_at, 'failed', 0, state, message, advice);
    end loop;
    -- Without weather and calendar there are the hours of each building.
    inputs.known_at := batch.slot_at;
    inputs.weather_reaches_to := batch.slot_at;
    inputs.is_waiting := false;
    inputs.reasons := '{weather_missing}';
    inputs.names := '{}';
    inputs.regressors := '{}';
    inputs.times := array(select generate_series(
        batch.slot_at - (energy.current_config() #>> '{inference,history}')::interval, batch.slot_at + batch.horizon - interval '1 hour', interval '1 hour'));
    return inputs;
end;
$$;
comment on function energy.inputs_of_batch(record) is
$$energy.inputs_of_place for a row of energy.due_batch. What cannot be read of a place is a row of energy.job_runs for each of these buildings, which are then forecast
from their own hours.$$;
revoke all on function energy.inputs_of_batch(record) from public;

-- It commits after each batch, so it can have no SET clause; every name is qualified instead.
create or replace procedure energy.issue_forecasts(issued_at timestamptz default null, horizon interval default null)
language plpgsql
as $$
declare
    started_at constant timestamptz := pg_catalog.clock_timestamp();
    batch      record;
    group_key  text;
    last_key   text;
    inputs     energy.place_inputs;
    is_planned boolean := false;
    written    bigint := 0;
    state      text;
    message    text;
    advice     text;
begin
    if issued_at <> pg_catalog.date_trunc('hour', issued_at, 'UTC') then
        raise exception 'forecasts are issued at full hours, not at %', issued_at
            using errcode = 'invalid_parameter_value', hint = 'Give a full hour of UTC, or none for those that are due.';
    end if;
    perform energy.check_timescaledb();
    loop
        -- The lock ends with each transaction, so that a run that is killed leaves none behind.
        if not pg_catalog.pg_try_advisory_xact_lock(pg_catalog.hashtextextended('energy.issue_forecasts', 0)) then
            perform energy.record_job_run('issue_forecasts', null, coalesce(issued_at, energy.clock()), started_at, 'skipped', message => 'another run is at work');
            return;
        end if;
        begin
            if not is_planned then
                begin
                    call energy.refresh_building_hours();
                exception when others then
                    -- The hours there are will do.
                    get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
                    perform energy.record_job_run('refresh_hours', null, energy.clock(), started_at, 'failed', 0, state, message, advice);
                end;
                perform energy.plan_slots(issued_at, horizon);
                if issued_at is null then
                    perform energy.plan_revisions();
                end if;
                is_planned := true;
            end if;
            select * into batch from energy.due_batch(issued_at, started_at);
            exit when batch.building_ids is null;
            group_key := (batch.slot_at, batch.horizon, batch.is_revision, batch.weather_location_id, batch.time_zone)::text;
            if group_key is distinct from last_key or pg_catalog.cardinality(batch.building_ids) = 1 then
                inputs := energy.inputs_of_batch(batch);
                last_key := group_key;
            end if;
            if inputs.is_waiting then
                perform energy.fail_slot(building_id, batch.slot_at, started_at, 'waiting', null,
                                         'its weather forecast is late; it reaches to ' || energy.iso(inputs.weather_reaches_to), null)
                from pg_catalog.unnest(batch.building_ids) as building_id;
            else
                written := written + energy.issue_batch(batch.building_ids, batch.slot_at, batch.horizon, inputs, batch.is_revision);
            end if;
        exception when query_canceled then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
        end;
        exit when state = '57014';
        commit;
        state := null;
    end loop;
    perform energy.record_issue_run(issued_at, started_at, written, state, message, advice);
end;
$$;
comment on procedure energy.issue_forecasts(timestamptz, interval) is
$$Issues the forecasts that are due of every building, by the first source that can (energy.issue_slot): each day's at inference.issue_time_local, and since then those
that were missed, the oldest first. Running it twice changes nothing; a run that is killed has left whole slots, and the next one goes on.

issued_at: the forecasts of that hour instead, whether due or not. Only what was known then is used, but for weather that was late: it is waited for until
inference.weather_deadline, each run tries again, and what is there then is read. A building that fails is a row of energy.job_runs with its SQLSTATE, message and hint;
the others go on. A second run at the same time records itself as skipped. It commits on the way. Errors: 22023 no full hour.$$;
revoke all on procedure energy.issue_forecasts(timestamptz, interval) from public;

create or replace function energy.record_issue_run(
    issued_at timestamptz, started_at timestamptz, rows_written bigint, sqlstate text, message text, hint text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    failed  bigint;
    waiting bigint;
begin
    select count(*) filter (where status = 'failed'), count(*) filter (where status = 'waiting') into failed, waiting
    from energy.forecast_slots
    where status <> 'issued' and tried_at >= record_issue_run.started_at;
    perform energy.record_job_run(
        'issue_forecasts', null, coalesce(record_issue_run.issued_at, energy.clock()), started_at,
        case when failed > 0 or sqlstate is not null then 'failed' else 'succeeded' end, rows_written, sqlstate,
        nullif(concat_ws('; ', message, nullif(failed, 0) || ' buildings failed',
                         nullif(waiting, 0) || ' forecasts wait for weather'), ''), hint);
end;
$$;
comment on function energy.record_issue_run(timestamptz, timestamptz, bigint, text, text, text) is
    'Writes the row of energy.job_runs of energy.issue_forecasts as a whole: rows written, how many forecasts failed, and how many wait.';
revoke all on function energy.record_issue_run(timestamptz, timestamptz, bigint, text, text, text) from public;

create or replace procedure energy.reissue_forecasts(issued_at timestamptz, building_ids text[] default null)
language plpgsql
as $$
begin
    if energy.plan_revisions(issued_at, building_ids) = 0 then
        raise notice 'nothing was issued at % of these buildings', issued_at;
    end if;
    commit;
    call energy.issue_forecasts(issued_at);
end;
$$;
comment on procedure energy.reissue_forecasts(timestamptz, text[]) is
$$Issues the forecasts of a slot anew, of these buildings (by default all), from what is known now: as their next revision. What readers saw before stands in
energy.superseded_forecasts. It commits. A rule does the same by itself: see inference.reissue_until.$$;
revoke all on procedure energy.reissue_forecasts(timestamptz, text[]) from public;
