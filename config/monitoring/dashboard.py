"""Writes the Grafana dashboard: panels over the database's views, as role dashboard.

    dashboard.py > config/monitoring/grafana/dashboard.json
"""

import json

SOURCE = {"type": "postgres", "uid": "edf"}
WIDTH = 24

# Title, kind, width of 24, height, unit, query.
PANELS = [
    ("Status", "stat", 24, 3, None, "select words from energy.health"),
    ("Open alerts", "table", 14, 9, None, """
        select severity, rule, subject, message, opened_at, acknowledged_by from energy.alerts
        where resolved_at is null order by severity <> 'critical', severity <> 'warning', opened_at"""),
    ("Jobs", "table", 10, 9, None, """
        select job_name, last_status, last_succeeded_at, next_run_at, is_late, last_message from energy.job_status
        order by is_late desc, job_name"""),
    ("Forecast and demand of $building", "timeseries", 24, 10, "kwatth", """
        select valid_at as time, consumption_kwh as demand, yhat as forecast, yhat_lower as "5 %", yhat_upper as "95 %"
        from (
            select distinct on (valid_at) valid_at, yhat, yhat_lower, yhat_upper from energy.forecasts
            where building_id = '$building' and $__timeFilter(valid_at) and lead_hours <= 24
            order by valid_at, issued_at desc
        ) as newest
        full join (
            select hour_at as valid_at, consumption_kwh from energy.building_hours
            where building_id = '$building' and $__timeFilter(hour_at)
        ) as hours using (valid_at)
        order by 1"""),
    ("Error by day of lead, all buildings (WAPE)", "timeseries", 12, 8, "percent", """
        select local_date::timestamptz as time, 'day ' || lead_day as metric,
        100 * sum(hours * mae_kwh) / nullif(sum(actual_kwh), 0) as value
        from energy.accuracy_days where $__timeFilter(local_date) group by local_date, lead_day order by 1, 2"""),
    ("Hours inside the 90 % interval", "timeseries", 12, 8, "percent", """
        select local_date::timestamptz as time, 'day ' || lead_day as metric,
        sum(hours * coverage_pct) / sum(hours) as value
        from energy.accuracy_days where $__timeFilter(local_date) group by local_date, lead_day order by 1, 2"""),
    ("Buildings with the largest error relative to the champion's evaluation", "table", 12, 8, None, """
        select building_id, days, wape_pct, coverage_pct, rmse_ratio from energy.accuracy
        where lead_day = 1 order by rmse_ratio desc nulls last limit 50"""),
    ("Drift of errors", "table", 12, 8, None, """
        select building_id, days, statistic, is_alarm from energy.error_drift order by statistic desc limit 50"""),
    ("Late meters, weather and forecasts", "table", 12, 8, None, """
        select what, subject, newest_at, age::text as age from energy.freshness
        where (age <= late_after) is not true order by age desc nulls first limit 100"""),
    ("Queues", "table", 12, 8, None, "select queue, waiting, age::text as age from energy.queues order by queue"),
    ("Failed requests to the API", "timeseries", 24, 7, None, """
        select minute as time, status || ' ' || path as metric, sum(requests) as value
        from energy.api_errors where $__timeFilter(minute) group by minute, status, path order by 1, 2"""),
    ("Trainings", "table", 12, 8, None, """
        select coalesce(building_id, archetype) as subject, state, step, reason, message, requested_at, finished_at
        from energy.training_runs
        where $__timeFilter(requested_at) order by run_id desc limit 100"""),
    ("Decisions about models", "table", 12, 8, None, """
        select happened_at, subject, model_id, event, happened_by, reason from edf.model_events
        join edf.models using (model_id) where $__timeFilter(happened_at) order by happened_at desc limit 100"""),
]


def panel(
    number: int, title: str, kind: str, width: int, height: int, unit: str | None, query: str, x: int, y: int
) -> dict:
    """A panel of Grafana."""
    text = " ".join(query.split())
    stat = {"reduceOptions": {"calcs": ["lastNotNull"], "fields": "/.*/"}, "textMode": "value"}
    return {
        "id": number, "title": title, "type": kind, "datasource": SOURCE,
        "gridPos": {"x": x, "y": y, "w": width, "h": height},
        "fieldConfig": {"defaults": {"unit": unit} if unit else {}, "overrides": []},
        "options": stat if kind == "stat" else {},
        "targets": [{
            "refId": "A", "datasource": SOURCE, "format": "time_series" if kind == "timeseries" else "table",
            "rawQuery": True, "rawSql": text,
        }],
    }


def main() -> None:
    panels, x, y = [], 0, 0
    for number, (title, kind, width, height, unit, query) in enumerate(PANELS, start=1):
        panels.append(panel(number, title, kind, width, height, unit, query, x, y))
        x += width
        if x >= WIDTH:
            x, y = 0, y + height
    building = {
        "name": "building", "label": "Building", "type": "query", "datasource": SOURCE, "refresh": 1, "sort": 1,
        "query": "select building_id from raw.buildings order by building_id",
    }
    dashboard = {
        "uid": "edf", "title": "Energy demand forecasts", "tags": ["edf"], "timezone": "", "schemaVersion": 38,
        "version": 1, "refresh": "1m",
        "time": {"from": "now-14d", "to": "now+3d"}, "templating": {"list": [building]}, "panels": panels,
    }
    print(json.dumps(dashboard, indent=1))


if __name__ == "__main__":
    main()
