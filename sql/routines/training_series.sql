create or replace function energy.training_series(building_id text, at timestamptz) returns edf.series
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select edf.series_of(
        energy.training_query(training_series.building_id, training_series.at),
        energy.stored_regressor_forecasts(training_series.building_id, training_series.at))
$$;
comment on function energy.training_series(text, timestamptz) is
$$The series that models of a building are fitted to and evaluated on: its demand with the configured regressors in all
hours before a time, and the regressors as known in advance, all as known at that time. Errors: as edf.series_of.$$;
revoke all on function energy.training_series(text, timestamptz) from public;
