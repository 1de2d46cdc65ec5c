create or replace function energy.building_features(building_id text) returns jsonb
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    features jsonb;
begin
    select jsonb_build_object('latitude', latitude, 'longitude', longitude) || (energy.current_config() -> 'features')
        || jsonb_build_object('time_zone', time_zone)
    into features
    from raw.buildings where buildings.building_id = building_features.building_id;
    if not found then
        raise exception 'there is no building "%"', building_features.building_id
            using errcode = 'undefined_object', hint = 'select building_id from raw.buildings lists them.';
    end if;
    return features;
end;
$$;
comment on function energy.building_features(text) is
$$The feature spec of a building for edf.train: the configured one, with its location and time zone. Errors: 42704 no
such building.$$;
revoke all on function energy.building_features(text) from public;

create or replace function energy.evaluation_schedule() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select jsonb_build_object('step', config #> '{evaluation,step}', 'refit', config #> '{evaluation,refit}')
    from energy.current_config() as config
$$;
comment on function energy.evaluation_schedule() is
$$The configured step and refit of an evaluation, for schedule of edf.backtest. Each evaluation adds its first origin or
its test period. Errors: 55000 no configuration is loaded.$$;
revoke all on function energy.evaluation_schedule() from public;

create or replace function energy.backtest_recipes(building_id text, schedule jsonb, candidates jsonb,
    as_of timestamptz default null) returns table (
    candidate text, issued_at timestamptz, valid_at timestamptz, lead_hours double precision, actual double precision,
    yhat double precision, yhat_lower double precision, yhat_upper double precision
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select candidate, issued_at, valid_at, lead_hours, actual, yhat, yhat_lower, yhat_upper
    from energy.current_config() as config
    cross join (select coalesce(backtest_recipes.as_of, energy.clock()) as at) as known
    cross join energy.building_features(backtest_recipes.building_id) as features
    cross join lateral edf.backtest_series(
        energy.training_series(backtest_recipes.building_id, known.at), backtest_recipes.candidates, features,
        (config #>> '{inference,horizon}')::interval,
        edf.schedule_of(energy.evaluation_schedule() || backtest_recipes.schedule),
        energy.issue_hours(backtest_recipes.building_id, known.at), null, '{0.05,0.5,0.95}', 1)
$$;
comment on function energy.backtest_recipes(text, jsonb, jsonb, timestamptz) is
$$Backtests recipes for a building, issued at the pipeline's hour with the actual lateness of readings. schedule: as in
edf.backtest, overriding the configured step and refit. candidates: as in edf.backtest, with the configured features
unless they have their own. as_of: only data received by then is used, by default the pipeline's clock. Errors: as
edf.backtest; 22004 candidates is NULL; 42704 no such building.$$;
revoke all on function energy.backtest_recipes(text, jsonb, jsonb, timestamptz) from public;

create or replace function energy.backtest_building(building_id text, schedule jsonb,
    rivals jsonb default '[]') returns table (
    candidate text, issued_at timestamptz, valid_at timestamptz, lead_hours double precision, actual double precision,
    yhat double precision, yhat_lower double precision, yhat_upper double precision
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select recipes.* from energy.current_config() as config
    cross join lateral energy.backtest_recipes(
        backtest_building.building_id, backtest_building.schedule,
        jsonb_build_array(jsonb_build_object('strategy', config #> '{training,strategy}', 'parameters',
            config #> '{training,parameters}'))
            || backtest_building.rivals) as recipes
$$;
comment on function energy.backtest_building(text, jsonb, jsonb) is
$$Backtests the configured recipe for a building, issued at the pipeline's hour with the actual lateness of readings:
the backtest that the gate uses. schedule: as in edf.backtest, overriding the configured step and refit. rivals: further
candidates.

Errors: as edf.backtest; 42704 no such building.$$;
revoke all on function energy.backtest_building(text, jsonb, jsonb) from public;
