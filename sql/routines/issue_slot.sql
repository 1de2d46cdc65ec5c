-- Earlier versions had no argument for inputs or model.
drop function if exists energy.issue_forecast(text, timestamptz, interval);
drop function if exists energy.served_series(
    text, timestamptz, interval, text, energy.place_inputs, double precision[], timestamptz[]);

create or replace function energy.served_series(
    building_id text, model_id bigint, archetype text, inputs energy.place_inputs, target double precision[],
    received_at timestamptz[]
) returns edf.series
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    regressors constant text[] := energy.model_regressors(model_id);
    query      text;
begin
    -- A model with its own regressors needs its own query.
    if regressors <> '{}' then
        query := energy.forecast_query(building_id, inputs.slot_at, inputs.horizon, regressors);
        return edf.series_of(
            case when archetype is null then query else energy.with_apartments(query, building_id, inputs.slot_at) end,
            energy.stored_regressor_forecasts(
                building_id, inputs.slot_at,
                inputs.slot_at - (energy.current_config() #>> '{inference,history}')::interval,
                regressors));
    end if;
    return row(
        inputs.times, target, received_at, inputs.names || case when archetype is not null then array['apartments'] end,
        inputs.regressors || case when archetype is not null then
            array_fill(energy.apartments_of(building_id, inputs.slot_at)::double precision,
                array[cardinality(inputs.times)]) end,
        inputs.forecast_times, inputs.forecast_received_at,
        case when inputs.forecast_times is not null then array['temperature_c', 'ghi_w_m2'] end,
        inputs.forecast_values)::edf.series;
end;
$$;
comment on function energy.served_series(text, bigint, text, energy.place_inputs, double precision[], timestamptz[]) is
$$The input series of a model for a building: its demand with the shared inputs of its place; for the model of an
archetype also the number of its apartments. If the model uses rows of raw.regressors, energy.forecast_query is used, as
in training.$$;
revoke all on function energy.served_series(text, bigint, text, energy.place_inputs, double precision[], timestamptz[])
    from public;

create or replace function energy.forecast_by(
    source text, building_id text, slot_at timestamptz, horizon interval, inputs energy.place_inputs,
    target double precision[], received_at timestamptz[]
)
returns table (
    valid_at timestamptz, lead_hours double precision, yhat double precision, yhat_lower double precision,
    yhat_upper double precision,
    confidence double precision, model_id bigint, archetype text
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    served record;
begin
    if source in ('model', 'archetype') then
        select * into served from energy.model_of_building(building_id, source = 'archetype', inputs.known_at);
        return query
        select ahead.valid_at, ahead.lead_hours, ahead.yhat, ahead.yhat_lower, ahead.yhat_upper, ahead.confidence,
            served.model_id, served.archetype
        from energy.predict_for_building(
            forecast_by.building_id, served.model_id,
            energy.served_series(forecast_by.building_id, served.model_id, served.archetype, inputs, target,
                received_at),
            horizon, slot_at) as ahead;
    elsif source = 'design' then
        return query
        select ahead.valid_at, ahead.lead_hours, ahead.yhat, ahead.yhat_lower, ahead.yhat_upper, null::double precision,
            null::bigint, null::text
        from energy.design_forecast(building_id, slot_at, inputs, target) as ahead;
    else
        return query
        select ahead.valid_at, ahead.lead_hours, ahead.yhat, ahead.yhat_lower, ahead.yhat_upper, null::double precision,
            null::bigint, null::text
        from raw.buildings
        cross join lateral energy.fallback_forecast(source, time_zone, slot_at, horizon, inputs, target) as ahead
        where buildings.building_id = forecast_by.building_id;
    end if;
end;
$$;
comment on function energy.forecast_by(text, text, timestamptz, interval, energy.place_inputs, double precision[],
    timestamptz[]) is
$$The forecast of a building by one source: model, archetype, design, profile, last_week or recent_mean. Errors: as
energy.model_of_building, edf.predict, energy.design_forecast and energy.fallback_forecast.$$;
revoke all on function energy.forecast_by(text, text, timestamptz, interval, energy.place_inputs, double precision[],
    timestamptz[]) from public;

create or replace function energy.rated_forecast(
    source text, building_id text, inputs energy.place_inputs, target double precision[], received_at timestamptz[],
    reasons text[]
)
returns table (
    valid_at timestamptz, lead_hours double precision, yhat double precision, yhat_lower double precision,
    yhat_upper double precision, confidence double precision, model_id bigint, archetype text, quality double precision,
    quality_reasons text[]
)
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    -- The weather factor applies only to hours without forecast weather.
    base   double precision := energy.quality_factor(source);
    beyond double precision := energy.quality_factor('weather_short');
    reason text;
begin
    -- Sources that use only the building's own hours do not depend on weather.
    if source not in ('model', 'archetype', 'design') then
        reasons := array(
            select name from unnest(reasons) with ordinality as named (name, at)
            where name not like 'weather%' order by at);
        beyond := 1;
    end if;
    foreach reason in array array_remove(array_remove(reasons, 'weather_missing'), 'weather_short') loop
        base := base * energy.quality_factor(reason);
    end loop;
    return query
    select ahead.valid_at, ahead.lead_hours, ahead.yhat, ahead.yhat_lower, ahead.yhat_upper,
        -- Each input may be within the range of the training data while their combination is not.
        case when ahead.confidence is not null then least(
            ahead.confidence,
            inputs.likeness[array_position(inputs.likeness_days, date_trunc('day', ahead.valid_at, 'UTC'))]) end,
        ahead.model_id, ahead.archetype,
        case when ahead.valid_at >= inputs.weather_reaches_to then base * beyond else base end,
        case when ahead.valid_at >= inputs.weather_reaches_to
             then reasons else array_remove(reasons, 'weather_short') end
    from energy.forecast_by(source, building_id, inputs.slot_at, inputs.horizon, inputs, target, received_at) as ahead;
end;
$$;
comment on function energy.rated_forecast(text, text, energy.place_inputs, double precision[], timestamptz[], text[]) is
$$energy.forecast_by with confidence and quality. reasons: what reduces the quality of the inputs, as in
energy.quality_factor. Errors: as energy.forecast_by.$$;
revoke all on function energy.rated_forecast(text, text, energy.place_inputs, double precision[], timestamptz[], text[])
    from public;

-- Earlier versions had an argument for the horizon, now in inputs.
drop function if exists energy.write_forecast(
    text, energy.forecast_slots, interval, energy.place_inputs, double precision[], timestamptz[], text[]);

create or replace function energy.write_forecast(
    source text, slot energy.forecast_slots, inputs energy.place_inputs, target double precision[],
    received_at timestamptz[], reasons text[]
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    version constant bigint := energy.current_config_id();
    written bigint;
begin
    -- One statement, so that readers see either this revision or the previous one.
    with replaced as (
        delete from energy.forecasts where building_id = slot.building_id and issued_at = slot.slot_at returning *
    )

    insert into energy.superseded_forecasts
        (building_id, issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower, yhat_upper, weather_issued_at,
         created_at, config_id, archetype,
         confidence, revision, known_at, source, quality, quality_reasons)
    select building_id, issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower, yhat_upper, weather_issued_at,
        created_at, config_id, archetype,
        confidence, coalesce(revision, 0), known_at, replaced.source, quality, quality_reasons
    from replaced;
    insert into energy.forecasts
        (building_id, issued_at, valid_at, lead_hours, model_id, yhat, yhat_lower, yhat_upper, weather_issued_at,
         config_id,
         archetype, confidence, revision, known_at, source, quality, quality_reasons)
    select slot.building_id, slot.slot_at, valid_at, lead_hours, model_id, yhat, yhat_lower, yhat_upper,
        inputs.weather_issued_at, version, archetype, confidence, slot.revision, inputs.known_at, write_forecast.source,
        quality, quality_reasons
    from energy.rated_forecast(
        write_forecast.source, slot.building_id, inputs, target, received_at, write_forecast.reasons);
    get diagnostics written = row_count;
    return written;
end;
$$;
comment on function energy.write_forecast(
    text, energy.forecast_slots, energy.place_inputs, double precision[], timestamptz[], text[]) is
$$Writes the forecast of a slot by one source, with its quality; the replaced forecast moves to
energy.superseded_forecasts. Returns the rows written. Errors: as energy.forecast_by.$$;
revoke all on function energy.write_forecast(
    text, energy.forecast_slots, energy.place_inputs, double precision[], timestamptz[], text[]) from public;

-- Earlier versions had an argument for the horizon, now in inputs.
drop function if exists energy.issue_slot(
    text, timestamptz, interval, energy.place_inputs, double precision[], timestamptz[], integer, text[]);

create or replace function energy.issue_slot(
    building_id text, slot_at timestamptz, inputs energy.place_inputs,
    target double precision[], received_at timestamptz[], known_hours integer, reasons text[]
) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    slot    energy.forecast_slots;
    chosen  text;
    source  text;
    because text[] := inputs.reasons || reasons;
    written bigint;
    state   text;
    said    text;
    advice  text;
    first_state  text;
    first_said   text;
    first_advice text;
begin
    select * into slot from energy.forecast_slots as slots
    where slots.building_id = issue_slot.building_id and slots.slot_at = issue_slot.slot_at for update;
    if slot.status = 'issued' then
        return 0;
    end if;
    foreach source in array energy.sources_of(building_id, cardinality(array_remove(target, null)) / 24.0) loop
        begin
            written := energy.write_forecast(source, slot, inputs, target, received_at, because);
            chosen := source;
            exit;
        exception when others then
            get stacked diagnostics state = returned_sqlstate, said = message_text, advice = pg_exception_hint;
            -- The first error is the most informative; a missing own model is no error if there is one of the
            -- archetype.
            if first_state is null or source = 'archetype' and first_state = '42704' then
                first_state := state; first_said := said; first_advice := advice;
            end if;
            if source in ('model', 'archetype') then
                because := because || case when state = '42704' then 'no_' || source
                    else energy.model_failure(state) end;
            end if;
        end;
    end loop;
    if chosen is null then
        raise exception '%', first_said using errcode = first_state, hint = coalesce(first_advice, '');
    end if;
    if chosen in ('model', 'archetype') and first_state = '42704' then
        first_state := null; first_said := null; first_advice := null;
    end if;
    update energy.forecast_slots as slots
    set status = 'issued', tries = tries + 1, tried_at = clock_timestamp(), known_at = inputs.known_at,
        weather_reaches_to = inputs.weather_reaches_to,
        known_hours = issue_slot.known_hours, source = chosen, sqlstate = first_state, message = first_said,
        hint = nullif(first_advice, '')
    where slots.building_id = issue_slot.building_id and slots.slot_at = issue_slot.slot_at;
    return written;
end;
$$;
comment on function energy.issue_slot(text, timestamptz, energy.place_inputs, double precision[], timestamptz[],
    integer, text[]) is
$$Issues the due forecast of a building by the first of energy.sources_of that succeeds: its own model, the model of its
archetype, a design forecast, its hourly profile by type of day, the same hours of last week, the mean. Returns the rows
written; 0: it was already issued.

Errors: if all sources fail, the first informative error.$$;
revoke all on function energy.issue_slot(text, timestamptz, energy.place_inputs, double precision[], timestamptz[],
    integer, text[]) from public;
