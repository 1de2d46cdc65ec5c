-- Forecasts of solar generation, issued with the demand of the building: same slot, same weather, same "known by then".
create or replace function energy.solar_hours(
    building_id text, slot_at timestamptz, known_at timestamptz, times timestamptz[],
    out target double precision[], out received_at timestamptz[]
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select array_agg(known.value order by n),
        -- Data that a revision reads and that arrived after the slot counts as known at the slot.
        array_agg(case when known.received_at <= at + within then least(known.received_at, slot_at) end order by n)
    from (select energy.backfill_after() as within offset 0) as prompt
    cross join unnest(times) with ordinality as grid (at, n)
    left join (
        select hour_at, solar_kwh as value, solar_received_at as received_at
        from energy.building_hours as hours
        where hours.building_id = solar_hours.building_id and hour_at >= times[1] and hour_at < slot_at
          and solar_received_at <= known_at
    ) as known on hour_at = at
$$;
comment on function energy.solar_hours(text, timestamptz, timestamptz, timestamptz[]) is
$$The solar generation of a building at these hours as used by the forecast of a slot: known at known_at and before the
slot, with when each hour was known, as energy.demand_of for demand.$$;
revoke all on function energy.solar_hours(text, timestamptz, timestamptz, timestamptz[]) from public;

create or replace function energy.solar_model_of(building_id text, known_at timestamptz) returns bigint
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select energy.model_known_at(model_id, known_at)
    from edf.models where subject = energy.solar_subject(building_id) and status = 'approved'
$$;
comment on function energy.solar_model_of(text, timestamptz) is
$$The approved model of a building's solar generation or, if it was trained on data received after known_at, the
previous one: see energy.model_known_at. NULL: it has none.$$;
revoke all on function energy.solar_model_of(text, timestamptz) from public;

create or replace function energy.write_solar_forecast(
    source text, building_id text, slot_at timestamptz, horizon interval, inputs energy.place_inputs,
    is_revision boolean
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
-- Suppresses the repeated notices about spikes of each fit.
set client_min_messages = warning
as $$
#variable_conflict use_column
declare
    -- Strategy solar needs three weeks.
    least_hours constant integer := 21 * 24;
    weather     constant text[] := '{temperature_c,ghi_w_m2}'::text[];
    has_weather constant boolean := inputs.names @> weather;
    model       bigint;
    artifact    bytea;
    known       record;
    series      edf.series;
    written     bigint;
begin
    if source = 'model' then
        model := energy.solar_model_of(building_id, inputs.known_at);
        select models.artifact into artifact from edf.models where model_id = model;
        if not found then
            return 0;
        end if;
    end if;
    select * into known from energy.solar_hours(
        building_id, slot_at, case when is_revision then inputs.known_at else slot_at end, inputs.times);
    if cardinality(array_remove(known.target, null)) < least_hours then
        return 0;
    end if;
    -- Temperature and irradiance are the first inputs of a place.
    series := row(
        inputs.times, known.target, known.received_at, case when has_weather then weather else '{}' end,
        case when has_weather then inputs.regressors[1 : 2 * cardinality(inputs.times)] else '{}' end,
        inputs.forecast_times, inputs.forecast_received_at,
        case when inputs.forecast_times is not null then weather end, inputs.forecast_values)::edf.series;
    if source = 'fitted' then
        select fitted.artifact into artifact
        from edf.fit('solar', series, '{}', energy.solar_features(building_id), horizon, null, null
        ) as fitted;
    end if;
    insert into energy.solar_forecasts
        (building_id, issued_at, valid_at, lead_hours, source, model_id, yhat, yhat_lower, yhat_upper, revision,
         known_at, weather_issued_at, config_id)
    select slots.building_id, slots.slot_at, ahead.valid_at, ahead.lead_hours, write_solar_forecast.source, model,
        ahead.yhat, ahead.yhat_lower, ahead.yhat_upper, slots.revision, inputs.known_at, inputs.weather_issued_at,
        energy.current_config_id()
    from energy.forecast_slots as slots
    cross join lateral edf.predict(
        artifact, series, write_solar_forecast.horizon, write_solar_forecast.slot_at, '{}') as ahead
    where slots.building_id = write_solar_forecast.building_id and slots.slot_at = write_solar_forecast.slot_at;
    get diagnostics written = row_count;
    return written;
end;
$$;
comment on function energy.write_solar_forecast(text, text, timestamptz, interval, energy.place_inputs, boolean) is
$$Writes the forecast of a building's solar generation for a slot by one source: model or fitted, as in
energy.solar_forecasts. Returns the rows written; 0: it has no such model, or less than three weeks of known generation
within inference.history. Errors: as edf.fit and edf.predict.$$;
revoke all on function energy.write_solar_forecast(
    text, text, timestamptz, interval, energy.place_inputs, boolean) from public;

create or replace function energy.issue_solar(
    building_id text, slot_at timestamptz, horizon interval, inputs energy.place_inputs, is_revision boolean
) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    started_at constant timestamptz := clock_timestamp();
    source     text;
    state      text;
    message    text;
    advice     text;
begin
    delete from energy.solar_forecasts as replaced
    where replaced.building_id = issue_solar.building_id and replaced.issued_at = issue_solar.slot_at;
    foreach source in array array['model', 'fitted'] loop
        begin
            exit when energy.write_solar_forecast(source, building_id, slot_at, horizon, inputs, is_revision) > 0;
        exception when others then
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            perform energy.record_job_run(
                'issue_forecasts', building_id, slot_at, started_at, 'failed', 0, state,
                'solar generation: ' || message, advice);
        end;
    end loop;
end;
$$;
comment on function energy.issue_solar(text, timestamptz, interval, energy.place_inputs, boolean) is
$$Issues the forecast of a building's solar generation for a slot whose demand has been issued: by its approved model,
else by strategy solar fitted on the newest hours, else none. A failure is recorded in energy.job_runs and not raised,
so that the demand forecast is not lost.$$;
revoke all on function energy.issue_solar(text, timestamptz, interval, energy.place_inputs, boolean) from public;
