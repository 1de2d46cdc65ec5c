create or replace view api.forecasts with (security_barrier = true) as
select
    building_id,
    valid_at,
    issued_at,
    yhat as demand_kwh,
    yhat_lower as demand_lower_kwh,
    yhat_upper as demand_upper_kwh,
    confidence,
    source,
    quality,
    quality_reasons,
    revision,
    lead_hours,
    array[0.05, 0.5, 0.95]::double precision[] as quantile_levels,
    array[yhat_lower, yhat, yhat_upper] as quantile_values,
    refreshed_at,
    issued_yhat as issued_demand_kwh
from energy.request_forecasts
where is_shown
order by lookup_id, valid_at;
comment on view api.forecasts is $$Forecasts from the current hour on

The newest forecast of each hour and building, ordered by building_id, valid_at. The first hours are corrected every 15
minutes with the newest actuals and weather, at refreshed_at. Past hours and earlier issues are in /forecast_history,
earlier refreshes in /refresh_history. A building with fewer apartments than suppliers may see has no rows here; it is
included in /portfolio_forecasts.

Example: `GET /forecasts?building_id=eq.all-homes&valid_at=lt.2017-07-30&limit=48`$$;
comment on column api.forecasts.building_id is 'The building. Example: all-homes';
comment on column api.forecasts.valid_at is 'Start of the hour. Example: 2017-07-29T06:00:00+00:00';
comment on column api.forecasts.issued_at is 'When the forecast was made. Example: 2017-07-29T05:00:00+00:00';
comment on column api.forecasts.demand_kwh is 'Expected demand (median), in kWh per hour. Example: 21.4';
comment on column api.forecasts.demand_lower_kwh is 'Lower bound of the 90 % interval, in kWh per hour. Example: 16.9';
comment on column api.forecasts.demand_upper_kwh is 'Upper bound of the 90 % interval, in kWh per hour. Example: 27.2';
comment on column api.forecasts.confidence is
$$Similarity of the hour to the training data, from 1 down to 0; missing or unusual weather and late demand lower it.
NULL: not known. Example: 0.98$$;
comment on column api.forecasts.source is
$$model: the building's own model. archetype: the model of its archetype. design: a design forecast from its archetype's
profile. profile: its usual hourly profile. last_week: the same hours of the week before. recent_mean: a mean. NULL: not
known. Example: model$$;
comment on column api.forecasts.quality is
    'From 1, the best, down to 0; below 1, quality_reasons says why. NULL: not known. Example: 1';
comment on column api.forecasts.quality_reasons is
$$Reasons for a lower quality: weather_missing, weather_short, weather_stale, meter_flat, recent_gap, no_model,
no_archetype, model_damaged, model_format, model_failed. Example: ["weather_stale"]$$;
comment on column api.forecasts.revision is
    '0: the first forecast of its issued_at; a later one replaced it with newer data. Example: 0';
comment on column api.forecasts.lead_hours is 'Hours from the issue to the end of the hour. Example: 2';
comment on column api.forecasts.quantile_levels is 'Levels of quantile_values, ascending. Example: [0.05,0.5,0.95]';
comment on column api.forecasts.quantile_values is
    'Quantiles of demand at quantile_levels, in kWh per hour. Example: [16.9,21.4,27.2]';
comment on column api.forecasts.refreshed_at is
$$When demand, interval, confidence and quality of the hour were corrected with newer actuals and weather; NULL: they
are as issued. Example: 2017-07-29T05:18:02+00:00$$;
comment on column api.forecasts.issued_demand_kwh is 'Expected demand as it was issued, in kWh per hour. Example: 20.9';
grant select on api.forecasts to supplier, resident, operator;
