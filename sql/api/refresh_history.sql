create or replace view api.refresh_history with (security_barrier = true) as
select
    own.building_id,
    refreshed.valid_at,
    refreshed.refreshed_at,
    refreshed.issued_at,
    refreshed.lead_hours,
    refreshed.yhat as demand_kwh,
    refreshed.yhat_lower as demand_lower_kwh,
    refreshed.yhat_upper as demand_upper_kwh,
    refreshed.confidence,
    refreshed.source,
    refreshed.quality,
    refreshed.quality_reasons,
    refreshed.created_at as published_at,
    array[0.05, 0.5, 0.95]::double precision[] as quantile_levels,
    array[refreshed.yhat_lower, refreshed.yhat, refreshed.yhat_upper] as quantile_values
from energy.refreshed_forecasts as refreshed
join energy.request_buildings as own on own.lookup_id = refreshed.building_id
where refreshed.issued_at >= own.shown_from
order by own.lookup_id, refreshed.valid_at, refreshed.refreshed_at;
comment on view api.refresh_history is $$All refreshes of forecasts

Every refresh of the last 35 days, ordered by building_id, valid_at, refreshed_at. A row was visible from published_at
until the next refresh of the same hour or the next issue. Filter by building and by a range of valid_at.

Example: `GET /refresh_history?building_id=eq.all-homes&valid_at=eq.2017-07-29T07:00:00Z`$$;
comment on column api.refresh_history.building_id is 'The building. Example: all-homes';
comment on column api.refresh_history.valid_at is 'Start of the hour. Example: 2017-07-29T07:00:00+00:00';
comment on column api.refresh_history.refreshed_at is
    'When it was made; it uses only data received by then. Example: 2017-07-29T06:18:02+00:00';
comment on column api.refresh_history.issued_at is
    'Issue of the forecast that it corrects. Example: 2017-07-29T05:00:00+00:00';
comment on column api.refresh_history.lead_hours is
    'Hours from the full hour of refreshed_at to the end of the hour; 1: the hour that had begun. Example: 2';
comment on column api.refresh_history.demand_kwh is 'Expected demand (median), in kWh per hour. Example: 21.4';
comment on column api.refresh_history.demand_lower_kwh is
    'Lower bound of the 90 % interval, in kWh per hour. Example: 16.9';
comment on column api.refresh_history.demand_upper_kwh is
    'Upper bound of the 90 % interval, in kWh per hour. Example: 27.2';
comment on column api.refresh_history.confidence is 'As in /forecasts. Example: 0.98';
comment on column api.refresh_history.source is 'As in /forecasts. Example: model';
comment on column api.refresh_history.quality is 'As in /forecasts. Example: 1';
comment on column api.refresh_history.quality_reasons is 'As in /forecasts. Example: ["weather_stale"]';
comment on column api.refresh_history.published_at is
    'When it became visible, by the server''s clock. Example: 2017-07-29T06:18:02+00:00';
comment on column api.refresh_history.quantile_levels is
    'Levels of quantile_values, ascending. Example: [0.05,0.5,0.95]';
comment on column api.refresh_history.quantile_values is
    'Quantiles of demand at quantile_levels, in kWh per hour. Example: [16.9,21.4,27.2]';
grant select on api.refresh_history to supplier, resident;
