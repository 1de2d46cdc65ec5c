create or replace function energy.training_query(building_id text, before timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        'select valid_at, consumption_kwh, temperature_c, ghi_w_m2, is_holiday
         from features.fct_training_samples where building_id = %L and valid_at < %L',
        building_id, before);
$$;
comment on function energy.training_query(text, timestamptz) is
    'The query that a building''s model is trained on, for edf.train: hours before a time, weather as observed.';
revoke all on function energy.training_query(text, timestamptz) from public;
