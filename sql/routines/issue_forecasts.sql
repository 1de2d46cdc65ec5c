-- Earlier versions worked on batches in a single session.
drop function if exists energy.inputs_of_batch(record);
drop function if exists energy.record_issue_run(timestamptz, timestamptz, bigint, text, text, text);

create or replace function energy.inputs_of_batch(due record, building_ids text[]) returns energy.place_inputs
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
        due.weather_location_id, building_ids[1], due.time_zone, due.slot_at, due.horizon, due.is_revision);
exception when others then
    get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
    foreach building in array building_ids loop
        perform energy.record_job_run(
            'issue_forecasts', building, due.slot_at, started_at, 'failed', 0, state, message, advice);
    end loop;
    -- Without weather and calendar, the fallback uses the buildings' own hours.
    inputs.place := due.place;
    inputs.slot_at := due.slot_at;
    inputs.horizon := due.horizon;
    inputs.is_revision := due.is_revision;
    inputs.known_at := due.slot_at;
    inputs.weather_reaches_to := due.slot_at;
    inputs.is_waiting := false;
    inputs.reasons := '{weather_missing}';
    inputs.names := '{}';
    inputs.regressors := '{}';
    inputs.times := array(select generate_series(
        due.slot_at - (energy.current_config() #>> '{inference,history}')::interval,
        due.slot_at + due.horizon - interval '1 hour', interval '1 hour'));
    return inputs;
end;
$$;
comment on function energy.inputs_of_batch(record, text[]) is
$$energy.inputs_of_place for buildings of a row of energy.due_places. An error is recorded in energy.job_runs for each
of them; they are then forecast from their own hours.$$;
revoke all on function energy.inputs_of_batch(record, text[]) from public;

create or replace function energy.issue_next(issued_at timestamptz, tried_before timestamptz,
    inputs energy.place_inputs)
returns energy.place_inputs
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    started_at   constant timestamptz := clock_timestamp();
    building_ids text[];
    due          record;
begin
    -- Continues with the place that was read last, if it has more slots.
    if inputs.slot_at is not null then
        building_ids := energy.claim_slots(inputs.place, inputs.slot_at, inputs.horizon, inputs.is_revision,
            tried_before);
    end if;
    if cardinality(building_ids) > 0 is not true then
        for due in select * from energy.due_places(issue_next.issued_at, tried_before) loop
            building_ids := energy.claim_slots(due.place, due.slot_at, due.horizon, due.is_revision, tried_before);
            exit when cardinality(building_ids) > 0;
        end loop;
        if cardinality(building_ids) > 0 is not true then
            return null;
        end if;
        inputs := energy.inputs_of_batch(due, building_ids);
    end if;
    if inputs.is_waiting then
        perform energy.fail_slot(
            building_id, inputs.slot_at, started_at, 'waiting', null,
            'its weather forecast is late; it reaches to ' || energy.iso(inputs.weather_reaches_to), null)
        from unnest(building_ids) as building_id;
    else
        perform energy.issue_batch(building_ids, inputs.slot_at, inputs.horizon, inputs, inputs.is_revision);
    end if;
    return inputs;
end;
$$;
comment on function energy.issue_next(timestamptz, timestamptz, energy.place_inputs) is
$$Issues the next batch of due forecasts that no other session has claimed, in the caller's transaction: up to 40
buildings of one place in the oldest slot, preferably the place of inputs. Returns the inputs of the place, for the next
call; NULL: nothing is left to claim. Arguments as energy.due_places.$$;
revoke all on function energy.issue_next(timestamptz, timestamptz, energy.place_inputs) from public;

create or replace function energy.prepare_issue(issued_at timestamptz, horizon interval) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    started_at constant timestamptz := clock_timestamp();
    state      text;
    message    text;
    advice     text;
begin
    begin
        call energy.refresh_building_hours();
    exception when others then
        -- Continues with the hours available.
        get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
        perform energy.record_job_run(
            'refresh_hours', null, energy.clock(), started_at, 'failed', 0, state, message, advice);
    end;
    begin
        perform energy.place_models();
    exception when others then
        raise warning 'models were not placed on the nodes: %', sqlerrm
            using errcode = sqlstate, hint = 'Models without a copy on their node forecast on the coordinator.';
    end;
    perform energy.plan_slots(issued_at, horizon);
    if issued_at is null then
        perform energy.plan_revisions();
    end if;
end;
$$;
comment on function energy.prepare_issue(timestamptz, interval) is
$$Refreshes the hours, places models on the nodes and plans the due slots, in the caller's transaction; arguments as
energy.issue_forecasts.$$;
revoke all on function energy.prepare_issue(timestamptz, interval) from public;

-- It commits after each batch, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.issue_forecasts(issued_at timestamptz default null, horizon interval default null)
language plpgsql
as $$
declare
    started_at constant timestamptz := pg_catalog.clock_timestamp();
    inputs     energy.place_inputs;
    is_planned boolean := false;
    is_over    boolean := false;
    state      text;
    message    text;
    advice     text;
begin
    if issued_at <> pg_catalog.date_trunc('hour', issued_at, 'UTC') then
        raise exception 'forecasts are issued at full hours, not at %', issued_at
            using errcode = 'invalid_parameter_value',
                  hint = 'Give a full hour of UTC, or none for those that are due.';
    end if;
    perform energy.check_timescaledb();
    while not is_over loop
        begin
            if not is_planned then
                perform energy.prepare_issue(issued_at, horizon);
                is_planned := true;
            else
                inputs := energy.issue_next(issued_at, started_at, inputs);
                -- Waits for slots claimed by other sessions, and takes over those of killed sessions.
                is_over := inputs.slot_at is null and not energy.await_slot(issued_at, started_at);
            end if;
        exception when query_canceled then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            is_over := true;
        end;
        commit;
    end loop;
    perform energy.record_issue_run(issued_at, started_at, state, message, advice);
end;
$$;
comment on procedure energy.issue_forecasts(timestamptz, interval) is
$$Issues the due forecasts of every building by the first source that succeeds (energy.issue_slot): each day at
inference.issue_time_local, and missed ones since then, the oldest first. Sessions that call energy.work_on_forecasts()
share the work. Running it twice changes nothing; a killed run leaves complete slots, and the next one continues.

issued_at: issue the forecasts of that hour instead, whether due or not. Only data known then is used, except for late
weather: each run retries until inference.weather_deadline, then uses what is available. A building that fails is
recorded in energy.job_runs with SQLSTATE, message and hint; the others continue. It commits on the way. Errors: 22023
not a full hour.$$;
revoke all on procedure energy.issue_forecasts(timestamptz, interval) from public;

create or replace function energy.record_issue_run(
    issued_at timestamptz, started_at timestamptz, sqlstate text default null, message text default null,
    hint text default null
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    oldest  constant timestamptz := coalesce(issued_at, energy.clock() - energy.inference_span('catch_up'));
    newest  constant timestamptz := coalesce(issued_at, energy.clock());
    written bigint;
    failed  bigint;
    waiting bigint;
begin
    -- From all sessions.
    with tried as materialized (
        select building_id, slot_at, status from energy.forecast_slots
        where slot_at between oldest and newest and tried_at >= record_issue_run.started_at
    )

    select count(*) filter (where status = 'failed'), count(*) filter (where status = 'waiting'), (
            select count(*)
            from tried as slots
            join energy.forecasts as made on made.building_id = slots.building_id and made.issued_at = slots.slot_at
            where slots.status = 'issued' and made.issued_at between oldest and newest)
    into failed, waiting, written
    from tried;
    perform energy.record_job_run(
        'issue_forecasts', null, coalesce(record_issue_run.issued_at, energy.clock()), started_at,
        case when failed > 0 or sqlstate is not null then 'failed' else 'succeeded' end, written, sqlstate,
        nullif(concat_ws('; ', message, nullif(failed, 0) || ' buildings failed',
                         nullif(waiting, 0) || ' forecasts wait for weather'), ''), hint);
end;
$$;
comment on function energy.record_issue_run(timestamptz, timestamptz, text, text, text) is
$$Writes the row of energy.job_runs for a whole run of energy.issue_forecasts, over all sessions that took part: rows
written, failed forecasts, and waiting forecasts.$$;
revoke all on function energy.record_issue_run(timestamptz, timestamptz, text, text, text) from public;

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
$$Issues the forecasts of a slot again, of these buildings (by default all), from the data known now, as their next
revision. The previous ones move to energy.superseded_forecasts. It commits. For automatic revisions see
inference.reissue_until.$$;
revoke all on procedure energy.reissue_forecasts(timestamptz, text[]) from public;
