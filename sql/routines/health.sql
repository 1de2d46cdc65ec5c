create or replace view energy.health as
with

-- One row each.
open_alerts as (
    select count(*) filter (where severity = 'critical') as critical, count(*) filter (where severity = 'warning') as warnings,
        count(*) filter (where severity = 'info') as infos, count(*) filter (where acknowledged_at is not null) as acknowledged,
        max(seen_at) as checked_at,
        (array_agg(message order by severity <> 'critical', severity <> 'warning', opened_at))[1] as worst
    from energy.alerts where resolved_at is null
),

ages as (
    select count(*) filter (where what = 'meters') as buildings,
        count(*) filter (where what = 'meters' and age <= late_after) as heard,
        count(*) filter (where what = 'forecasts' and age <= late_after) as forecast,
        max(newest_at) filter (where what = 'forecasts') as newest_forecast_at
    from energy.freshness
),

errors as (
    select 100 * sum(hours * mae_kwh) / nullif(sum(actual_kwh), 0) as wape_pct
    from energy.accuracy where lead_day = 1
)

select
    case when critical > 0 then 'failing' when warnings > 0 then 'degraded' when forecast = 0 then 'starting' else 'ok' end as status,
    format('%s: %s of %s buildings have a fresh forecast, %s are heard%s%s.',
           case when critical > 0 then 'Failing' when warnings > 0 then 'Degraded' when forecast = 0 then 'Nothing is forecast yet' else 'All is well' end, forecast, buildings, heard,
           case when wape_pct is not null then format('; forecasts of the next day were off by %s %% (WAPE)', round(wape_pct::numeric, 1)) else '' end,
           case when critical + warnings > 0 then format('. %s alerts are open, the worst: %s', critical + warnings + infos, worst) else '' end) as words,
    buildings, heard as buildings_heard, forecast as buildings_with_forecast, newest_forecast_at, wape_pct,
    critical as critical_alerts, warnings as warning_alerts, infos as info_alerts, acknowledged as acknowledged_alerts
from open_alerts
cross join ages
cross join errors;
comment on view energy.health is
    'How the whole is, in one row and in words (status: ok, degraded, failing, or starting while nothing is forecast): alerts that are open as of the last energy.check_alerts(), what is fresh, and how good forecasts of the first day of lead were.';
