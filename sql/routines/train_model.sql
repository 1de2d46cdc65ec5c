-- A training in parts, for energy.train_model and for the steps of the queue. recipe: strategy, parameters, features.
create or replace function energy.recipe(building_id text, strategy text, parameters jsonb,
    features jsonb) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object(
        'strategy', coalesce(recipe.strategy, config #>> '{training,strategy}'),
        -- Parameters belong to one strategy.
        'parameters', coalesce(recipe.parameters,
                               case when coalesce(recipe.strategy,
                                   config #>> '{training,strategy}') = config #>> '{training,strategy}'
                                    then config #> '{training,parameters}' end,
                               '{}'),
        'features', energy.building_features(recipe.building_id) || coalesce(recipe.features, '{}'))
    from energy.current_config() as config
$$;
comment on function energy.recipe(text, text, jsonb, jsonb) is
$$strategy, parameters and features for training a building: as configured if NULL. features are merged into the
configured ones. Errors: 42704 no such building.$$;
revoke all on function energy.recipe(text, text, jsonb, jsonb) from public;

create or replace function energy.evaluation_start(building_id text, at timestamptz) returns timestamptz
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    config   constant jsonb := energy.current_config();
    first_at constant timestamptz := (
        select issue_times[1]
        from raw.buildings
        cross join energy.issue_times(time_zone,
            date_trunc('day', at - (config #>> '{evaluation,test_period}')::interval, 'UTC'), at) as issue_times
        where buildings.building_id = evaluation_start.building_id);
    since    timestamptz;
begin
    select min(hour_at) into since
    from energy.building_hours where building_hours.building_id = evaluation_start.building_id and received_at <= at;
    if (since <= first_at) is not true then
        raise exception 'building "%" has %, its evaluation needs hours from before %', evaluation_start.building_id,
            coalesce('hours from ' || since || ' on', 'no hours'), first_at
            using errcode = 'data_exception',
                  hint = 'Wait for more readings; until then the model of its archetype forecasts it. Or make '
                         'evaluation.test_period shorter.';
    end if;
    return first_at;
end;
$$;
comment on function energy.evaluation_start(text, timestamptz) is
$$The first issue of the evaluation of a model trained at a time. Errors: 22000 the building's hours do not reach
back to it.$$;
revoke all on function energy.evaluation_start(text, timestamptz) from public;

create or replace function energy.fit_building(building_id text, recipe jsonb, at timestamptz) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    version constant bigint := energy.current_config_id();
    fitted  edf.fitted;
    model   bigint;
begin
    fitted := energy.fit_for_building(
        fit_building.building_id, recipe ->> 'strategy',
        energy.training_series(fit_building.building_id, at),
        recipe -> 'parameters', recipe -> 'features',
        (energy.current_config() #>> '{inference,horizon}')::interval,
        energy.issue_hours(fit_building.building_id, at));
    model := edf.register_model(
        fit_building.building_id, recipe ->> 'strategy', fitted.artifact, fitted.parameters_used, fitted.features_used,
        fitted.feature_names, fitted.training_start, fitted.training_end, fitted.training_rows, fitted.metrics);
    insert into energy.trainings (model_id, config_id, building_id, known_at, recipe)
    values (model, version, fit_building.building_id, at, fit_building.recipe);
    return model;
end;
$$;
comment on function energy.fit_building(text, jsonb, timestamptz) is
$$Trains a model of a building by a recipe of energy.recipe on data known at a time. Returns the id of the pending
model, which has no scores yet. Errors: as edf.train.$$;
revoke all on function energy.fit_building(text, jsonb, timestamptz) from public;

create or replace function energy.champion_recipe(subject text, except_model bigint) returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select coalesce(recipe, jsonb_build_object('strategy', models.strategy, 'parameters', models.parameters, 'features',
        models.features))
    from edf.models
    left join energy.trainings using (model_id)
    where models.subject = champion_recipe.subject and status = 'approved' and model_id is distinct from except_model
$$;
comment on function energy.champion_recipe(text, bigint) is
    'The recipe of a subject''s approved model, other than this one; NULL if there is none.';
revoke all on function energy.champion_recipe(text, bigint) from public;

create or replace function energy.evaluate_building(model_id bigint) returns bigint
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    config   constant jsonb := energy.current_config();
    training energy.trainings;
    own      jsonb;
    champion jsonb;
    rivals   jsonb := '[]'::jsonb;
    written  bigint;
begin
    select * into strict training from energy.trainings where trainings.model_id = evaluate_building.model_id;
    own := training.recipe || jsonb_build_object('name', training.recipe ->> 'strategy');
    champion := energy.champion_recipe(training.building_id, training.model_id);
    if own ->> 'strategy' <> 'seasonal_naive' then
        rivals := '["seasonal_naive"]';
    end if;
    if champion <> training.recipe then
        rivals := rivals || (champion || '{"name": "champion"}');
    end if;
    insert into energy.model_scores (model_id, strategy, lead_day, n, mape_pct, rmse_kwh, mae_kwh, coverage_pct)
    select training.model_id, candidate, lead_day, n, mape_pct, rmse_kwh, mae_kwh, coverage_pct
    from energy.scores_for_building(
        training.building_id,
        energy.training_series(training.building_id, training.known_at),
        jsonb_build_array(own) || rivals, energy.building_features(training.building_id),
        (config #>> '{inference,horizon}')::interval,
        energy.evaluation_schedule() || jsonb_build_object(
            'first_origin', energy.evaluation_start(training.building_id, training.known_at)),
        energy.issue_hours(training.building_id, training.known_at));
    get diagnostics written = row_count;
    -- The same recipe gives the same forecasts: reuse the scores.
    insert into energy.model_scores (model_id, strategy, lead_day, n, mape_pct, rmse_kwh, mae_kwh, coverage_pct)
    select model_id, 'champion', lead_day, n, mape_pct, rmse_kwh, mae_kwh, coverage_pct
    from energy.model_scores
    where model_id = training.model_id and strategy = own ->> 'strategy' and champion = training.recipe;
    return written;
end;
$$;
comment on function energy.evaluate_building(bigint) is
$$Scores the recipe of a building's model against seasonal naive and the recipe of the champion, the approved model, in
a rolling-origin backtest. Writes energy.model_scores; returns the number of rows. The champion's stored model is not
scored itself: it may have been trained on these hours. Errors: as edf.backtest; 22000 the hours do not reach back to
the evaluation.$$;
revoke all on function energy.evaluate_building(bigint) from public;

-- Security definer, so that only this function writes scores.
create or replace function energy.train_model(building_id text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    model bigint;
begin
    perform energy.building_features(train_model.building_id),
        energy.evaluation_start(train_model.building_id, energy.clock());
    model := energy.fit_building(train_model.building_id, energy.recipe(train_model.building_id, null, null, null),
        energy.clock());
    perform energy.evaluate_building(model);
    return model;
end;
$$;
comment on function energy.train_model(text) is
$$Trains a model of a building as configured, and scores its recipe against seasonal naive in a rolling-origin backtest,
issued at the pipeline's issue hour with the actual lateness of readings. Both use stored weather forecasts where
available, and observations otherwise: see energy.training_weather for the shares.

Returns the id of the pending model; its scores are in energy.model_scores, its configuration in energy.trainings.
Thresholds are checked by energy.gate_models, or at once by energy.train_models. Errors: as edf.train; 22000 its hours
do not reach back to the evaluation; 42704 no such building.$$;
revoke all on function energy.train_model(text) from public;
