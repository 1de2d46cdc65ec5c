create or replace view api.forecast_history with (security_barrier = true) as
select
    own.building_id,
    said.issued_at,
    said.revision,
    said.valid_at,
    said.lead_hours,
    said.yhat as demand_kwh,
    said.yhat_lower as demand_lower_kwh,
    said.yhat_upper as demand_upper_kwh,
    said.confidence,
    said.source,
    said.quality,
    said.quality_reasons,
    said.created_at as published_at,
    said.superseded_at,
    array[0.05, 0.5, 0.95]::double precision[] as quantile_levels,
    array[said.yhat_lower, said.yhat, said.yhat_upper] as quantile_values
from (
    select building_id, issued_at, coalesce(revision, 0) as revision, valid_at, lead_hours, yhat, yhat_lower,
        yhat_upper, confidence, source, quality, quality_reasons, created_at, null::timestamptz as superseded_at
    from energy.forecasts
    union all
    select building_id, issued_at, revision, valid_at, lead_hours, yhat, yhat_lower,
        yhat_upper, confidence, source, quality, quality_reasons, created_at, superseded_at
    from energy.superseded_forecasts
) as said
join energy.request_buildings as own on own.lookup_id = said.building_id
where said.issued_at >= own.shown_from
order by own.lookup_id, said.issued_at, said.valid_at, said.revision;
comment on view api.forecast_history is $$All issued forecasts

Every issue and every revision of it, ordered by building_id, issued_at, valid_at, revision. A row was visible from
published_at until superseded_at. Filter by building and by a range of issued_at or valid_at: the full history is large.

Example: `GET /forecast_history?building_id=eq.all-homes&valid_at=eq.2017-07-29T12:00:00Z`$$;
comment on column api.forecast_history.building_id is 'The building. Example: all-homes';
comment on column api.forecast_history.issued_at is 'When the forecast was made. Example: 2017-07-29T05:00:00+00:00';
comment on column api.forecast_history.revision is
    '0: the first forecast of its issued_at; a later one replaced it with newer data. Example: 0';
comment on column api.forecast_history.valid_at is 'Start of the hour. Example: 2017-07-29T12:00:00+00:00';
comment on column api.forecast_history.lead_hours is 'Hours from the issue to the end of the hour. Example: 8';
comment on column api.forecast_history.demand_kwh is 'Expected demand (median), in kWh per hour. Example: 21.4';
comment on column api.forecast_history.demand_lower_kwh is
    'Lower bound of the 90 % interval, in kWh per hour. Example: 16.9';
comment on column api.forecast_history.demand_upper_kwh is
    'Upper bound of the 90 % interval, in kWh per hour. Example: 27.2';
comment on column api.forecast_history.confidence is 'As in /forecasts. Example: 0.98';
comment on column api.forecast_history.source is 'As in /forecasts. Example: model';
comment on column api.forecast_history.quality is 'As in /forecasts. Example: 1';
comment on column api.forecast_history.quality_reasons is 'As in /forecasts. Example: ["weather_stale"]';
comment on column api.forecast_history.published_at is
    'When it became visible, by the server''s clock. Example: 2017-07-29T05:00:07+00:00';
comment on column api.forecast_history.superseded_at is
    'When a later revision of the issue replaced it; NULL: not replaced. Example: 2017-07-29T06:15:02+00:00';
comment on column api.forecast_history.quantile_levels is
    'Levels of quantile_values, ascending. Example: [0.05,0.5,0.95]';
comment on column api.forecast_history.quantile_values is
    'Quantiles of demand at quantile_levels, in kWh per hour. Example: [16.9,21.4,27.2]';
grant select on api.forecast_history to supplier, resident, operator;
