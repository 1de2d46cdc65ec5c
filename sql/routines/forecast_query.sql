create or replace function energy.forecast_query(
    building_id text, issued_at timestamptz, horizon interval, regressors text[]
) returns text
language sql stable
set search_path = pg_catalog, pg_temp
return energy.building_inputs(
    building_id, issued_at, issued_at - (energy.current_config() #>> '{inference,history}')::interval,
    issued_at + horizon,
    regressors);
comment on function energy.forecast_query(text, timestamptz, interval, text[]) is
$$energy.building_inputs of a building's recent hours and the hours ahead, as of issued_at, with these regressors.$$;
revoke all on function energy.forecast_query(text, timestamptz, interval, text[]) from public;

create or replace function energy.forecast_query(building_id text, issued_at timestamptz, horizon interval) returns text
language sql stable
set search_path = pg_catalog, pg_temp
return energy.forecast_query(building_id, issued_at, horizon, energy.approved_regressors(building_id, false));
comment on function energy.forecast_query(text, timestamptz, interval) is
    'As with regressors, using those of the building''s own approved model: the inputs of its forecast.';
revoke all on function energy.forecast_query(text, timestamptz, interval) from public;
