create or replace function energy.fail_slot(
    building_id text, slot_at timestamptz, started_at timestamptz, status text, state text, message text, hint text
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    was energy.forecast_slots;
begin
    select * into was from energy.forecast_slots as slots
    where slots.building_id = fail_slot.building_id and slots.slot_at = fail_slot.slot_at;
    update energy.forecast_slots as slots
    set status = fail_slot.status, tries = tries + 1, tried_at = clock_timestamp(), sqlstate = state,
        message = fail_slot.message, hint = nullif(fail_slot.hint, '')
    where slots.building_id = fail_slot.building_id and slots.slot_at = fail_slot.slot_at;
    -- Repeated attempts with the same outcome are recorded once.
    if status = 'failed' and (was.sqlstate, was.message) is distinct from (state, fail_slot.message) then
        perform energy.record_job_run('issue_forecasts', building_id, slot_at, started_at, 'failed', 0, state, message,
            hint);
    end if;
end;
$$;
comment on function energy.fail_slot(text, timestamptz, timestamptz, text, text, text, text) is
$$Records that a forecast is still due: status failed also adds a row to energy.job_runs, once per error; with status
waiting its weather is late.$$;
revoke all on function energy.fail_slot(text, timestamptz, timestamptz, text, text, text, text) from public;

create or replace function energy.issue_batch(
    building_ids text[], slot_at timestamptz, horizon interval, inputs energy.place_inputs, is_revision boolean
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    started_at constant timestamptz := clock_timestamp();
    building   text;
    demand     record;
    failed     energy.forecast_slots;
    issued     bigint;
    written    bigint := 0;
    state      text;
    message    text;
    advice     text;
begin
    begin
        for demand in select * from energy.demand_of(
            building_ids, slot_at, case when is_revision then inputs.known_at else slot_at end, inputs.times) loop
            building := demand.building_id;
            begin
                issued := energy.issue_slot(
                    building, slot_at, inputs, demand.target, demand.received_at, demand.known_hours, demand.reasons);
                if issued > 0 then
                    perform energy.issue_solar(building, slot_at, horizon, inputs, is_revision);
                end if;
                written := written + issued;
                select * into failed from energy.forecast_slots as slots
                where slots.building_id = building and slots.slot_at = issue_batch.slot_at and sqlstate is not null
                  and sqlstate <> '42704';
                if found then
                    -- Another source was used, but the failure of its model is still recorded.
                    perform energy.record_job_run('issue_forecasts', building, slot_at, started_at, 'failed', 0,
                        failed.sqlstate, failed.message, failed.hint);
                end if;
            exception when others then
                get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
                perform energy.fail_slot(building, slot_at, started_at, 'failed', state, message, advice);
            end;
        end loop;
    exception when others then
        get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
        written := 0;
        -- A building whose demand cannot be read does not stop the others.
        foreach building in array building_ids loop
            if cardinality(building_ids) > 1 then
                written := written + energy.issue_batch(array[building], slot_at, horizon, inputs, is_revision);
            else
                perform energy.fail_slot(building, slot_at, started_at, 'failed', state, message, advice);
            end if;
        end loop;
    end;
    return written;
end;
$$;
comment on function energy.issue_batch(text[], timestamptz, interval, energy.place_inputs, boolean) is
$$Issues due forecasts of buildings at one place, with those of their solar generation, in the caller's transaction. A
forecast that fails is recorded in energy.job_runs with SQLSTATE, message and hint, and stays due; the others continue.
Returns the rows of demand written.$$;
revoke all on function energy.issue_batch(text[], timestamptz, interval, energy.place_inputs, boolean) from public;
