create or replace view energy.refresh_accuracy as
with

recent as (
    select refreshed.building_id, valid_at, refreshed_at, lead_hours, yhat, yhat_lower, yhat_upper, refreshed.issued_at,
        row_number() over (partition by refreshed.building_id, valid_at, lead_hours order by refreshed_at desc) as place
    from energy.refreshed_forecasts as refreshed
    where valid_at >= energy.clock() - (select look_back from energy.monitoring_limits)
)

select
    recent.building_id,
    lead_hours,
    count(*) as hours,
    edf.rmse(consumption_kwh, recent.yhat) as rmse_kwh,
    edf.rmse(consumption_kwh, issued.yhat) as issued_rmse_kwh,
    edf.rmse(consumption_kwh, recent.yhat) / nullif(edf.rmse(consumption_kwh, issued.yhat), 0) as rmse_ratio,
    edf.coverage(consumption_kwh, recent.yhat_lower, recent.yhat_upper) as coverage_pct
from recent
join energy.building_hours as hours on hours.building_id = recent.building_id and hour_at = valid_at
join lateral (
    select yhat from energy.forecasts
    where forecasts.building_id = recent.building_id and forecasts.valid_at = recent.valid_at
      and forecasts.issued_at = recent.issued_at
) as issued on true
where place = 1 and consumption_kwh is not null
  and hour_at >= energy.clock() - (select look_back from energy.monitoring_limits)
group by recent.building_id, lead_hours;
comment on view energy.refresh_accuracy is
$$Accuracy of refreshes over the last monitoring.window, by building and hour of lead, compared with the forecasts that
they corrected: rmse_ratio below 1 is better. For each hour and lead the last refresh counts. Errors in kWh per hour.$$;
