-- Models of solar generation: they have their own subjects, separate from those of demand.
create or replace function energy.solar_subject(building_id text) returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
return 'solar:' || building_id;
comment on function energy.solar_subject(text) is
    'The subject of a building''s solar models in edf.models; building ids cannot have this form.';
revoke all on function energy.solar_subject(text) from public;

create or replace function energy.solar_features(building_id text) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('latitude', latitude, 'longitude', longitude, 'time_zone', time_zone)
    from raw.buildings where buildings.building_id = solar_features.building_id
$$;
comment on function energy.solar_features(text) is
    'The feature spec of a building''s solar generation: its location and time zone. NULL: there is no such building.';
revoke all on function energy.solar_features(text) from public;

create or replace function energy.solar_training_query(building_id text, before timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $query$
        select grid.valid_at,
            case when hours.solar_received_at <= %2$L then hours.solar_kwh end as solar_kwh,
            case when hours.solar_received_at <= least(%2$L, grid.valid_at + %5$L::interval)
                 then hours.solar_received_at end as received_at,
            weather.temperature_c,
            weather.ghi_w_m2
        from generate_series(%3$L::timestamptz, %4$L::timestamptz - interval '1 hour', interval '1 hour')
            as grid (valid_at)
        left join energy.building_hours as hours
            on hours.building_id = %1$L and hours.hour_at = grid.valid_at and hours.hour_at < %4$L
        left join energy.weather_as_of(
            (select weather_location_id from raw.buildings where building_id = %1$L), %2$L, %3$L, %4$L
        ) as weather on weather.valid_at = grid.valid_at
        $query$,
        solar_training_query.building_id, energy.iso(before), energy.iso(since.at),
        energy.iso(date_trunc('hour', before, 'UTC')), energy.exact(energy.backfill_after()))
    from (
        select coalesce(min(hour_at), date_trunc('hour', before, 'UTC') - interval '1 hour') as at
        from energy.building_hours
        where building_hours.building_id = solar_training_query.building_id and solar_received_at <= before
    ) as since
$$;
comment on function energy.solar_training_query(text, timestamptz) is
$$The solar generation of a building in all hours before a time, with temperature and irradiance, as known at that time:
the counterpart of energy.building_inputs.$$;
revoke all on function energy.solar_training_query(text, timestamptz) from public;

-- Security definer, so that only this function writes scores.
create or replace function energy.train_solar_model(building_id text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    config      constant jsonb := energy.current_config();
    horizon     constant interval := (config #>> '{inference,horizon}')::interval;
    at          constant timestamptz := energy.clock();
    features    constant jsonb := energy.solar_features(train_solar_model.building_id);
    query       constant text := energy.solar_training_query(train_solar_model.building_id, at);
    forecasts   constant text := energy.stored_regressor_forecasts(
        train_solar_model.building_id, at, '-infinity', '{}');
    issue_hours constant integer[] := energy.issue_hours(train_solar_model.building_id, at);
    model       bigint;
begin
    if features is null then
        raise exception 'there is no building "%"', coalesce(train_solar_model.building_id, 'null')
            using errcode = 'undefined_object', hint = 'select building_id from raw.buildings lists them.';
    end if;
    model := edf.train(
        energy.solar_subject(train_solar_model.building_id), query, 'solar', '{}', features, horizon, forecasts,
        issue_hours);
    -- Scored for hours with possible sunshine only, the same for both models: nights are trivially right.
    insert into energy.model_scores (model_id, strategy, lead_day, n, rmse_kwh, mae_kwh, coverage_pct)
    select model, candidate, ceil(lead_hours / 24), count(actual), edf.rmse(actual, yhat), edf.mae(actual, yhat),
        100 * avg((actual between yhat_lower and yhat_upper)::int)
    from (
        select *, max(yhat_upper) filter (where candidate = 'solar') over (partition by issued_at, valid_at) as most
        from edf.backtest(
            query, features => features, horizon => horizon,
            schedule => energy.evaluation_schedule()
                || jsonb_build_object('test_period', config #>> '{evaluation,test_period}'),
            regressor_forecasts => forecasts,
            candidates => '["solar", {"strategy": "seasonal_naive", "parameters": {"season_h": 24}}]',
            issue_hours => issue_hours)
    ) as tried
    where most > 0 or actual > 0
    group by candidate, ceil(lead_hours / 24);
    return model;
end;
$$;
comment on function energy.train_solar_model(text) is
$$Trains a model of strategy solar for a building's solar generation, and compares it with the same hours of the day
before in a rolling-origin backtest over hours with possible sunshine: energy.model_scores, which energy.gate_models
checks against evaluation.gate. Returns the id of the pending model, of subject energy.solar_subject(building_id); once
approved it replaces the models fitted at each issue.

Errors: as edf.train and edf.backtest; 22000 its hours do not reach back to the evaluation; 42704 no such building.$$;
revoke all on function energy.train_solar_model(text) from public;
