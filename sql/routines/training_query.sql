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
            is_holiday, is_day_before_holiday, is_day_after_holiday, is_bridge_day, days_until_next_holiday, days_since_last_holiday,
            is_school_holiday, is_christmas_period, is_event
        from features.fct_training_samples where building_id = %1$L and valid_at < %2$L
        $query$,
        building_id, before);
$$;
comment on function energy.training_query(text, timestamptz) is
    'The query that a building''s model is trained on, for edf.train: hours before a time as they were known then, weather as observed.';
revoke all on function energy.training_query(text, timestamptz) from public;
