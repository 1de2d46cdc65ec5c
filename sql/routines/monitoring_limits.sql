create or replace view energy.monitoring_limits as
select
    coalesce((monitoring ->> 'window')::interval, interval '28 days') as look_back,
    coalesce((monitoring ->> 'max_rmse_ratio')::double precision, 1.25) as max_rmse_ratio,
    coalesce((monitoring ->> 'min_coverage_pct')::double precision, 80) as min_coverage_pct,
    coalesce((monitoring ->> 'max_psi')::double precision, 0.25) as max_psi,
    coalesce((monitoring ->> 'page_hinkley_delta')::double precision, 0.1) as page_hinkley_delta,
    coalesce((monitoring ->> 'page_hinkley_lambda')::double precision, 6) as page_hinkley_lambda,
    coalesce((monitoring ->> 'min_confidence')::double precision, 0.9) as min_confidence,
    coalesce((monitoring ->> 'max_rejected_share')::double precision, 0.1) as max_rejected_share,
    coalesce((monitoring ->> 'meters_late')::interval, interval '6 hours') as meters_late,
    coalesce((monitoring ->> 'weather_late')::interval, interval '18 hours') as weather_late,
    coalesce((monitoring ->> 'forecasts_late')::interval, interval '25 hours') as forecasts_late,
    coalesce((monitoring ->> 'demand_late')::interval, interval '24 hours') as demand_late,
    coalesce((monitoring ->> 'max_api_errors')::bigint, 10) as max_api_errors
from (select energy.current_config() -> 'monitoring' as monitoring) as configs;
comment on view energy.monitoring_limits is 'Section monitoring of the configuration: one row.';
