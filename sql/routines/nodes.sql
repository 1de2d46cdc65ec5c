-- Training, evaluation and forecast of one building: in the session itself or, with Citus (energy.enable_citus), on the
-- node that has the building. The functions *_on_node are distributed: Citus runs a call of the form SELECT ... FROM
-- f(...) there, as the role that is in force, and the functions *_for_building make that edf_owner. No argument may
-- have a type of an extension, hence the series as text. The functions read nothing but their arguments and
-- energy.node_models, so that nodes need no other table. Each of the functions *_for_building handles a lost node
-- itself: a common handler would need dynamic SQL, and jsonb for rows of three types, artifacts among them.
create or replace function energy.has_nodes() returns boolean
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    found boolean;
begin
    if to_regclass('pg_catalog.pg_dist_partition') is null then
        return false;
    end if;
    execute 'select exists (select from pg_dist_partition where logicalrelid = ''energy.node_models''::regclass)'
    into found;
    return found;
end;
$$;
comment on function energy.has_nodes() is 'Whether energy.enable_citus() has distributed energy.node_models.';
revoke all on function energy.has_nodes() from public;

create or replace function energy.backtest_scores(
    series edf.series, candidates jsonb, features jsonb, horizon interval, schedule jsonb, issue_hours integer[]
)
returns table (
    candidate text, lead_day integer, n bigint, mape_pct double precision, rmse_kwh double precision,
    mae_kwh double precision, coverage_pct double precision
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select candidate, ceil(lead_hours / 24)::integer, count(actual), edf.mape(actual, yhat), edf.rmse(actual, yhat),
        edf.mae(actual, yhat), 100 * avg((actual between yhat_lower and yhat_upper)::int)
    from edf.backtest_series(
        series, candidates, features, horizon, edf.schedule_of(schedule), issue_hours, null, '{0.05,0.5,0.95}', 1)
    group by 1, 2
$$;
comment on function energy.backtest_scores(edf.series, jsonb, jsonb, interval, jsonb, integer[]) is
    'Scores of a backtest by candidate and day of lead, as in energy.model_scores. Errors: as edf.backtest.';
revoke all on function energy.backtest_scores(edf.series, jsonb, jsonb, interval, jsonb, integer[]) from public;

create or replace function energy.fit_on_node(
    building_id text, strategy text, series text, parameters jsonb, features jsonb, horizon interval,
    issue_hours integer[]
) returns setof edf.fitted
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from edf.fit(strategy, series::edf.series, parameters, features, horizon, issue_hours, null);
end;
$$;
comment on function energy.fit_on_node(text, text, text, jsonb, jsonb, interval, integer[]) is
    'edf.fit on the node of a building. Errors: as edf.fit.';
revoke all on function energy.fit_on_node(text, text, text, jsonb, jsonb, interval, integer[]) from public;

create or replace function energy.scores_on_node(
    building_id text, series text, candidates jsonb, features jsonb, horizon interval, schedule jsonb,
    issue_hours integer[]
)
returns table (
    candidate text, lead_day integer, n bigint, mape_pct double precision, rmse_kwh double precision,
    mae_kwh double precision, coverage_pct double precision
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    return query select * from energy.backtest_scores(
        series::edf.series, candidates, features, horizon, schedule, issue_hours);
end;
$$;
comment on function energy.scores_on_node(text, text, jsonb, jsonb, interval, jsonb, integer[]) is
    'energy.backtest_scores on the node of a building. Errors: as edf.backtest.';
revoke all on function energy.scores_on_node(text, text, jsonb, jsonb, interval, jsonb, integer[]) from public;

create or replace function energy.predict_on_node(
    building_id text, model_id bigint, series text, horizon interval, issued_at timestamptz
)
returns table (
    valid_at timestamptz, lead_hours double precision, yhat double precision, yhat_lower double precision,
    yhat_upper double precision, confidence double precision
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    model bytea;
begin
    select models.artifact into model from energy.node_models as models
    where models.building_id = predict_on_node.building_id and models.model_id = predict_on_node.model_id;
    if found then
        return query
        select ahead.valid_at, ahead.lead_hours, ahead.yhat, ahead.yhat_lower, ahead.yhat_upper, ahead.confidence
        from edf.predict(model, series::edf.series, horizon, issued_at, '{}') as ahead;
    end if;
end;
$$;
comment on function energy.predict_on_node(text, bigint, text, interval, timestamptz) is
$$edf.predict on the node of a building, with its copy of the model in energy.node_models. No rows: the node has no copy.
Errors: as edf.predict.$$;
revoke all on function energy.predict_on_node(text, bigint, text, interval, timestamptz) from public;

create or replace function energy.note_lost_node(building_id text, state text, message text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform set_config('energy.node_lost_at', clock_timestamp()::text, false);
    raise warning 'the node of building "%" was lost: %', building_id, message
        using errcode = state, hint = 'This session computes itself for a minute, then asks the nodes again.';
end;
$$;
comment on function energy.note_lost_node(text, text, text) is
    'Warns that a node was lost, with the SQLSTATE of the error, and makes the session compute itself for a minute.';
revoke all on function energy.note_lost_node(text, text, text) from public;

create or replace function energy.asks_nodes() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select energy.has_nodes()
        and (clock_timestamp() < nullif(current_setting('energy.node_lost_at', true), '')::timestamptz
            + interval '1 minute') is not true
$$;
comment on function energy.asks_nodes() is
$$Whether this session lets nodes compute: there are nodes, and it has not lost one in the last minute. A timeout for
each building would otherwise delay all of them.$$;
revoke all on function energy.asks_nodes() from public;

create or replace function energy.forecasts_on_nodes() returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(nullif(current_setting('energy.forecasts_on_nodes', true), '')::boolean, false);
comment on function energy.forecasts_on_nodes() is
    'Whether nodes forecast, as energy.enable_citus() has set it for the database.';
revoke all on function energy.forecasts_on_nodes() from public;

create or replace function energy.fit_for_building(
    building_id text, strategy text, series edf.series, parameters jsonb, features jsonb, horizon interval,
    issue_hours integer[]
) returns edf.fitted
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'
as $$
declare
    as_text text;
    fitted  edf.fitted;
begin
    if energy.asks_nodes() then
        begin
            as_text := series::text;
            select * into strict fitted
            from energy.fit_on_node(building_id, strategy, as_text, parameters, features, horizon, issue_hours);
            return fitted;
        exception when connection_exception or admin_shutdown or crash_shutdown or cannot_connect_now then
            perform energy.note_lost_node(building_id, sqlstate, sqlerrm);
        end;
    end if;
    select * into strict fitted
    from edf.fit(strategy, series, parameters, features, horizon, issue_hours, null);
    return fitted;
end;
$$;
comment on function energy.fit_for_building(text, text, edf.series, jsonb, jsonb, interval, integer[]) is
    'edf.fit on the node of a building or, without nodes or where it is lost, in the session. Errors: as edf.fit.';
revoke all on function energy.fit_for_building(text, text, edf.series, jsonb, jsonb, interval, integer[]) from public;

create or replace function energy.scores_for_building(
    building_id text, series edf.series, candidates jsonb, features jsonb, horizon interval, schedule jsonb,
    issue_hours integer[]
)
returns table (
    candidate text, lead_day integer, n bigint, mape_pct double precision, rmse_kwh double precision,
    mae_kwh double precision, coverage_pct double precision
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'
as $$
declare
    as_text text;
begin
    if energy.asks_nodes() then
        begin
            as_text := series::text;
            return query
            select * from energy.scores_on_node(
                building_id, as_text, candidates, features, horizon, schedule, issue_hours);
            return;
        exception when connection_exception or admin_shutdown or crash_shutdown or cannot_connect_now then
            perform energy.note_lost_node(building_id, sqlstate, sqlerrm);
        end;
    end if;
    return query
    select * from energy.backtest_scores(series, candidates, features, horizon, schedule, issue_hours);
end;
$$;
comment on function energy.scores_for_building(text, edf.series, jsonb, jsonb, interval, jsonb, integer[]) is
$$energy.backtest_scores on the node of a building or, without nodes or where it is lost, in the session. Errors: as
edf.backtest.$$;
revoke all on function energy.scores_for_building(text, edf.series, jsonb, jsonb, interval, jsonb, integer[])
    from public;

create or replace function energy.predict_for_building(
    building_id text, model_id bigint, series edf.series, horizon interval, issued_at timestamptz
)
returns table (
    valid_at timestamptz, lead_hours double precision, yhat double precision, yhat_lower double precision,
    yhat_upper double precision, confidence double precision
)
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
set datestyle = 'ISO'
as $$
#variable_conflict use_column
declare
    as_text text;
begin
    -- Models of archetypes have no copies.
    if energy.forecasts_on_nodes() and energy.asks_nodes() and exists (
        select from edf.models
        where models.model_id = predict_for_building.model_id and subject = predict_for_building.building_id) then
        begin
            as_text := series::text;
            return query
            select * from energy.predict_on_node(
                predict_for_building.building_id, predict_for_building.model_id, as_text, horizon, issued_at);
            if found then
                return;
            end if;
        exception when connection_exception or admin_shutdown or crash_shutdown or cannot_connect_now then
            perform energy.note_lost_node(building_id, sqlstate, sqlerrm);
        end;
    end if;
    return query
    select ahead.valid_at, ahead.lead_hours, ahead.yhat, ahead.yhat_lower, ahead.yhat_upper, ahead.confidence
    from edf.models
    cross join lateral edf.predict(models.artifact, series, horizon, issued_at, '{}') as ahead
    where models.model_id = predict_for_building.model_id;
end;
$$;
comment on function energy.predict_for_building(text, bigint, edf.series, interval, timestamptz) is
$$The forecast of a model for a building: with energy.forecasts_on_nodes() on the node of the building, else, or where the
node is lost or has no copy of the model, in the session. Errors: as edf.predict.$$;
revoke all on function energy.predict_for_building(text, bigint, edf.series, interval, timestamptz) from public;

create or replace function energy.place_models() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    wanted bigint[];
    placed bigint[];
begin
    if not energy.has_nodes() then
        return 0;
    end if;
    wanted := array(
        select model_id from edf.models where energy.forecasts_on_nodes() and status = 'approved' and artifact <> ''
            and exists (select from raw.buildings where building_id = subject));
    placed := array(select model_id from energy.node_models);
    delete from energy.node_models
    where model_id = any (array(select unnest(placed) except select unnest(wanted)));
    insert into energy.node_models (building_id, model_id, artifact)
    select subject, model_id, artifact from edf.models
    where model_id = any (array(select unnest(wanted) except select unnest(placed)));
    return cardinality(array(select unnest(wanted) except select unnest(placed)));
end;
$$;
comment on function energy.place_models() is
$$Where nodes forecast, copies the approved models of buildings to their nodes; deletes other copies. Returns the number
of new copies. Each issue of forecasts calls it; until then a new model forecasts on the coordinator.$$;
revoke all on function energy.place_models() from public;
