create or replace view energy.solar_accuracy as
with

limits as materialized (
    select energy.clock() - look_back as since from energy.monitoring_limits
)

select
    building_id,
    ceil(greatest(lead_hours, 1) / 24.0)::integer as lead_day,
    count(*) as hours,
    sum(hours.solar_kwh) as generated_kwh,
    edf.mae(hours.solar_kwh, yhat) as mae_kwh,
    edf.rmse(hours.solar_kwh, yhat) as rmse_kwh,
    100 * sum(abs(hours.solar_kwh - yhat)) / nullif(sum(hours.solar_kwh), 0) as wape_pct,
    edf.bias(hours.solar_kwh, yhat) as bias_kwh,
    edf.coverage(hours.solar_kwh, yhat_lower, yhat_upper) as coverage_pct
from limits
join energy.solar_forecasts as forecasts on forecasts.valid_at >= since
join energy.building_hours as hours using (building_id)
where hours.hour_at = forecasts.valid_at and hours.hour_at >= since
  and hours.solar_kwh is not null and (hours.solar_kwh > 0 or yhat_upper > 0)
group by 1, 2;
comment on view energy.solar_accuracy is
$$Accuracy of issued forecasts of solar generation over monitoring.window, by building and day of lead, for hours with
possible sunshine. Errors in kWh per hour.$$;
