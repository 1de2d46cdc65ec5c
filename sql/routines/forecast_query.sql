create or replace function energy.forecast_query(building_id text, issued_at timestamptz, horizon interval) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    -- The grid has every hour: one that has not arrived is a row without demand, not a gap.
    select format(
        $query$
        select grid.valid_at, past.consumption_kwh,
            coalesce(ahead.temperature_c, past.temperature_c) as temperature_c,
            coalesce(ahead.ghi_w_m2, past.ghi_w_m2) as ghi_w_m2,
            coalesce(ahead.is_holiday, past.is_holiday, false) as is_holiday
        from generate_series(%2$L::timestamptz - %4$L::interval, %2$L::timestamptz + %3$L::interval - interval '1 hour',
                             interval '1 hour') as grid (valid_at)
        left join features.fct_training_samples as past
            on past.building_id = %1$L and past.valid_at = grid.valid_at and past.valid_at < %2$L
        left join features.fct_forecast_inputs as ahead
            on ahead.building_id = %1$L and ahead.valid_at = grid.valid_at and ahead.valid_at >= %2$L
           and ahead.weather_issued_at = %5$L
        $query$,
        forecast_query.building_id, forecast_query.issued_at, horizon,
        energy.current_config() #>> '{inference,history}',
        (select max(runs.issued_at)
         from raw.weather_forecasts as runs
         join raw.buildings using (weather_location_id)
         where buildings.building_id = forecast_query.building_id and runs.received_at <= forecast_query.issued_at));
$$;
comment on function energy.forecast_query(text, timestamptz, interval) is
    'The query that a building is forecast from, for edf.forecast: recent hours, then the newest weather run received by issued_at.';
revoke all on function energy.forecast_query(text, timestamptz, interval) from public;
