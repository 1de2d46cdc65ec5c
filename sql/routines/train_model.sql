create or replace function energy.train_model(building_id text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    version  constant bigint := energy.current_config_id();
    config   constant jsonb := (select config from energy.configs where config_id = version);
    query    constant text := energy.training_query(train_model.building_id, energy.clock());
    hours    constant integer[] := energy.issue_hours(train_model.building_id, energy.clock());
    vintages constant text := energy.stored_regressor_forecasts(train_model.building_id, energy.clock());
    horizon  constant interval := config #>> '{inference,horizon}';
    period   constant interval := config #>> '{evaluation,test_period}';
    first_at constant timestamptz := (
        select issue_times[1]
        from raw.buildings
        cross join energy.issue_times(time_zone, date_trunc('day', energy.clock() - period, 'UTC'), energy.clock()) as issue_times
        where buildings.building_id = train_model.building_id);
    strategy constant text := config #>> '{training,strategy}';
    rivals   constant jsonb := case when strategy = 'seasonal_naive' then '[]' else '["seasonal_naive"]' end;
    features constant jsonb := energy.building_features(train_model.building_id);
    since    timestamptz;
    model    bigint;
begin
    select min(hour_at) into since
    from energy.building_hours where building_hours.building_id = train_model.building_id and received_at <= energy.clock();
    if since > first_at then
        raise exception 'building "%" has hours from % on, its evaluation needs them from before %', train_model.building_id, since, first_at
            using errcode = 'data_exception',
                  hint = 'Wait for more readings; until then the model of its archetype forecasts it. Or make evaluation.test_period shorter.';
    end if;
    model := edf.train(train_model.building_id, query, strategy, config #> '{training,parameters}',
                       features, horizon, vintages, hours);
    insert into energy.trainings (model_id, config_id, building_id, known_at)
    values (model, version, train_model.building_id, energy.clock());
    insert into energy.model_scores (model_id, strategy, lead_day, n, mape_pct, rmse_kwh, mae_kwh, coverage_pct)
    select model, candidate, ceil(lead_hours / 24), count(actual), edf.mape(actual, yhat), edf.rmse(actual, yhat),
        edf.mae(actual, yhat), 100 * avg((actual between yhat_lower and yhat_upper)::int)
    from energy.backtest_building(train_model.building_id, jsonb_build_object('first_origin', first_at), rivals)
    group by candidate, ceil(lead_hours / 24);
    return model;
end;
$$;
comment on function energy.train_model(text) is
$$Trains a model of a building as configured, and scores its recipe against seasonal naive in a rolling-origin backtest: asked at the pipeline's own
issue hour, with readings as late as they were. Both read the weather as it was forecast, where such forecasts are stored, and as it was observed elsewhere: energy.training_weather has the shares.

Returns the id of the pending model; its scores stand in energy.model_scores, its configuration in energy.trainings. Errors: as edf.train; 22000 its hours do not
reach back to the evaluation; 42704 no such building.$$;
revoke all on function energy.train_model(text) from public;
