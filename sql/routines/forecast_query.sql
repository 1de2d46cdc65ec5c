create or replace function energy.forecast_query(building_id text, issued_at timestamptz, horizon interval) returns text
language sql stable
set search_path = pg_catalog, pg_temp
return energy.building_inputs(
    building_id, issued_at, issued_at - (energy.current_config() #>> '{inference,history}')::interval, issued_at + horizon,
    energy.served_regressors(building_id));
comment on function energy.forecast_query(text, timestamptz, interval) is
    'energy.building_inputs of the recent hours of a building and the hours ahead, as they were known at issued_at, with the regressors of its model.';
revoke all on function energy.forecast_query(text, timestamptz, interval) from public;
