create or replace function energy.training_columns(before timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $columns$
            valid_at,
            case when received_at <= %1$L then consumption_kwh end as consumption_kwh,
            case when weather_received_at <= %1$L then temperature_c end as temperature_c,
            case when weather_received_at <= %1$L then ghi_w_m2 end as ghi_w_m2,
            %2$s
        $columns$,
        before, energy.calendar_regressors());
$$;
comment on function energy.training_columns(timestamptz) is
    'The columns of features.fct_training_samples that models learn from, as a list for a query: NULL what was not known by a time.';
revoke all on function energy.training_columns(timestamptz) from public;

create or replace function energy.training_query(building_id text, before timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format('select %s from features.fct_training_samples where building_id = %L and valid_at < %L',
                  energy.training_columns(before), building_id, before);
$$;
comment on function energy.training_query(text, timestamptz) is
    'The query that a building''s model is trained on, for edf.train: hours before a time as they were known then, weather as observed.';
revoke all on function energy.training_query(text, timestamptz) from public;
