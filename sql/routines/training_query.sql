create or replace function energy.training_query(building_id text, before timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select format(
        $query$
        select valid_at,
            case when received_at <= %2$L then consumption_kwh end as consumption_kwh,
            case when weather_received_at <= %2$L then temperature_c end as temperature_c,
            case when weather_received_at <= %2$L then ghi_w_m2 end as ghi_w_m2,
            %3$s
        from features.fct_training_samples where building_id = %1$L and valid_at < %2$L
        $query$,
        building_id, before, energy.calendar_regressors());
$$;
comment on function energy.training_query(text, timestamptz) is
    'The query that a building''s model is trained on, for edf.train: hours before a time as they were known then, weather as observed.';
revoke all on function energy.training_query(text, timestamptz) from public;
