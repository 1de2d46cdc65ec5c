create or replace function energy.issue_forecast(building_id text, issued_at timestamptz, horizon interval) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    weather_at timestamptz;
    reaches    timestamptz;
    ends_first text;
    building   record;
    written    bigint;
begin
    select weather.issued_at, weather.reaches_to, weather.ends_first into weather_at, reaches, ends_first
    from raw.buildings
    cross join lateral energy.weather_reach(buildings.weather_location_id, issue_forecast.issued_at) as weather
    where buildings.building_id = issue_forecast.building_id;
    if reaches is null or reaches < issue_forecast.issued_at + horizon then
        raise exception 'the newest weather forecast known at % reaches to %, not to %',
            issue_forecast.issued_at, coalesce(reaches || case when ends_first <> 'all' then ' in ' || ends_first else '' end, 'nowhere'),
            issue_forecast.issued_at + horizon
            using errcode = 'data_exception', hint = 'Ingest a newer weather forecast, or ask for a shorter horizon.';
    end if;
    building := energy.model_of_building(issue_forecast.building_id);
    insert into energy.forecasts
        (building_id, issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower, yhat_upper, weather_issued_at, config_id,
         archetype, confidence)
    select issue_forecast.building_id, issue_forecast.issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower, yhat_upper, weather_at,
        energy.current_config_id(), building.archetype, confidence
    from edf.forecast(
        building.subject,
        case when building.archetype is null then
            energy.forecast_query(issue_forecast.building_id, issue_forecast.issued_at, horizon)
        else
            energy.newcomer_query(issue_forecast.building_id, issue_forecast.issued_at, horizon)
        end,
        horizon,
        issue_forecast.issued_at,
        energy.stored_regressor_forecasts(
            issue_forecast.building_id, issue_forecast.issued_at,
            issue_forecast.issued_at - (energy.current_config() #>> '{inference,history}')::interval,
            energy.served_regressors(issue_forecast.building_id)));
    get diagnostics written = row_count;
    return written;
end;
$$;
comment on function energy.issue_forecast(text, timestamptz, interval) is
$$Forecasts one building from what was known at issued_at, with its approved model, or that of its archetype where it has none of its own: column archetype of
energy.forecasts tells. Column confidence is that of edf.forecast. Returns the rows written.

Errors: as edf.forecast; as energy.model_of_building; 22000 the weather does not reach.$$;
revoke all on function energy.issue_forecast(text, timestamptz, interval) from public;

create or replace procedure energy.issue_forecasts(issued_at timestamptz default null, horizon interval default null)
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    slot_at    constant timestamptz := coalesce(issue_forecasts.issued_at, date_trunc('hour', energy.clock()));
    ahead      constant interval := coalesce(issue_forecasts.horizon, (energy.current_config() #>> '{inference,horizon}')::interval);
    started_at constant timestamptz := clock_timestamp();
    building   text;
    written    bigint := 0;
    failed     bigint := 0;
    state      text;
    message    text;
    advice     text;
begin
    if not pg_try_advisory_xact_lock(hashtextextended('energy.issue_forecasts', 0)) then
        perform energy.record_job_run('issue_forecasts', null, slot_at, started_at, 'skipped', message => 'another run is at work');
        return;
    end if;
    call energy.refresh_building_hours();
    for building in
        select buildings.building_id from raw.buildings
        where not exists (
            select from energy.forecasts
            where forecasts.building_id = buildings.building_id and forecasts.issued_at = slot_at
        )
        order by buildings.building_id
    loop
        begin
            written := written + energy.issue_forecast(building, slot_at, ahead);
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('issue_forecasts', building, slot_at, started_at, 'failed', 0, state, message, advice);
            failed := failed + 1;
        end;
    end loop;
    perform energy.record_job_run(
        'issue_forecasts', null, slot_at, started_at, case when failed = 0 then 'succeeded' else 'failed' end, written,
        message => case when failed > 0 then failed || ' buildings failed' end);
end;
$$;
comment on procedure energy.issue_forecasts(timestamptz, interval) is
$$Forecasts every building that has an approved model, or whose archetype has. Running it twice changes nothing.

issued_at: by default the hour that has just begun; only what was known then is used. A building that fails is a row of energy.job_runs with its
SQLSTATE, message and hint; the others go on. A second run at the same time records itself as skipped.$$;
revoke all on procedure energy.issue_forecasts(timestamptz, interval) from public;
