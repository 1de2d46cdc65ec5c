create or replace view energy.health as
with

-- Each returns one row.
open_alerts as (
    select count(*) filter (where severity = 'critical') as critical,
        count(*) filter (where severity = 'warning') as warnings,
        count(*) filter (where severity = 'info') as infos,
        count(*) filter (where acknowledged_at is not null) as acknowledged,
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
    -- Spares the other ages.
    where what in ('meters', 'forecasts')
),

errors as (
    select 100 * sum(hours * mae_kwh) / nullif(sum(actual_kwh), 0) as wape_pct
    from energy.accuracy where lead_day = 1
)

select
    case when critical > 0 then 'failing' when warnings > 0 then 'degraded' when forecast = 0 then 'starting'
        else 'ok' end as status,
    format('%s: %s of %s buildings have a fresh forecast, %s report readings%s%s.',
           case when critical > 0 then 'Failing' when warnings > 0 then 'Degraded'
               when forecast = 0 then 'There are no forecasts yet' else 'OK' end, forecast, buildings, heard,
           case when wape_pct is not null then format('; forecasts of the next day were off by %s %% (WAPE)',
               round(wape_pct::numeric, 1)) else '' end,
           case when critical + warnings > 0 then format('. %s alerts are open, the most severe: %s',
               critical + warnings + infos, worst) else '' end) as words,
    buildings, heard as buildings_heard, forecast as buildings_with_forecast, newest_forecast_at, wape_pct,
    critical as critical_alerts, warnings as warning_alerts, infos as info_alerts, acknowledged as acknowledged_alerts
from open_alerts
cross join ages
cross join errors;
comment on view energy.health is
$$Overall status in one row and as text (status: ok, degraded, failing, or starting while there are no forecasts):
open alerts as of the last energy.check_alerts(), freshness of data, and accuracy of forecasts for the first day of
lead.$$;
