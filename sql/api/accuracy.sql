create or replace view api.accuracy with (security_barrier = true) as
select
    own.building_id,
    scored.lead_day,
    scored.days,
    scored.hours,
    scored.mae_kwh,
    scored.rmse_kwh,
    scored.wape_pct,
    scored.mape_pct,
    scored.bias_kwh,
    scored.coverage_pct,
    scored.pinball_kwh,
    scored.registered_rmse_kwh as promised_rmse_kwh
from energy.request_buildings as own
-- One lateral scan per building, so that the rows of other buildings are not read.
cross join lateral (select * from energy.accuracy where accuracy.building_id = own.lookup_id) as scored
where own.shown_from <= (select energy.clock() - look_back from energy.monitoring_limits)
order by own.lookup_id, scored.lead_day;
comment on view api.accuracy is $$Accuracy of the issued forecasts

One row per building and day of lead, over the last 28 days (monitoring.window), ordered by building_id, lead_day. Only
hours with known demand are scored. A supplier sees a building only if it had enough apartments on all of these days.

Example: `GET /accuracy?building_id=eq.all-homes&lead_day=eq.1`$$;
comment on column api.accuracy.building_id is 'The building. Example: all-homes';
comment on column api.accuracy.lead_day is '1: hours up to 24 h after the issue; 2: up to 48 h. Example: 1';
comment on column api.accuracy.days is 'Local days that were scored. Example: 28';
comment on column api.accuracy.hours is 'Forecast hours that were scored. Example: 672';
comment on column api.accuracy.mae_kwh is 'Mean absolute error, in kWh per hour. Example: 3.5';
comment on column api.accuracy.rmse_kwh is 'Root mean square error, in kWh per hour. Example: 4.9';
comment on column api.accuracy.wape_pct is 'Sum of absolute errors, in percent of the sum of demand. Example: 15.2';
comment on column api.accuracy.mape_pct is
    'Mean absolute percentage error; NULL: demand was zero throughout. Example: 19.1';
comment on column api.accuracy.bias_kwh is
    'Mean of forecast minus demand, in kWh per hour; positive: forecasts are too high. Example: -0.3';
comment on column api.accuracy.coverage_pct is 'Percentage of hours inside the 90 % interval. Example: 88.9';
comment on column api.accuracy.pinball_kwh is
    'Mean pinball loss of the quantiles at 5, 50 and 95 %, in kWh per hour. Example: 0.9';
comment on column api.accuracy.promised_rmse_kwh is
$$RMSE in the evaluation with which the building's model was approved; NULL: it has no model of its own.
Example: 4.8$$;
grant select on api.accuracy to supplier, resident, operator;
