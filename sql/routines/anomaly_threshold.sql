-- The budget. A day begins a run, as seen from a threshold t, if its score reaches t and no score of the days shortly
-- before did: for every t between the highest score before and its own. So the number of runs that each threshold would
-- have raised is a running sum over scores, from the highest down.
create or replace function energy.anomaly_threshold(
    out threshold double precision, out allowed integer, out apartments bigint, out weeks double precision
)
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    with

    settings as materialized (
        select * from energy.anomaly_alert_settings
    ),

    span as materialized (
        select max(local_date) as last, (select count(*) from raw.apartments
            where (valid_from > energy.clock()) is not true and (valid_to <= energy.clock()) is not true) as apartments
        from energy.anomaly_findings
    ),

    days as materialized (
        select days.building_id, days.apartment_id, days.local_date, days.anomaly_score, settings.quiet_days
        from energy.anomaly_findings as days
        cross join span
        cross join settings
        where days.local_date > span.last - 7 * settings.budget_weeks and days.suppressed is null
    ),

    -- One week at least, or the first days would count as all that there ever is.
    budgets as materialized (
        select greatest((span.last - min(days.local_date) + 1) / 7.0, 1)::double precision as weeks
        from span left join days on true
        group by span.last
    ),

    beginnings as (
        select days.anomaly_score, coalesce(before.score, 0) as before
        from days
        cross join lateral (
            select max(earlier.anomaly_score) as score from energy.anomaly_findings as earlier
            where earlier.building_id = days.building_id and earlier.apartment_id = days.apartment_id
              and earlier.suppressed is null
              and earlier.local_date < days.local_date and earlier.local_date >= days.local_date - days.quiet_days
        ) as before
    ),

    changes as (
        select anomaly_score as at, 1 as change from beginnings where anomaly_score > before
        union all
        select before as at, -1 as change from beginnings where anomaly_score > before and before > 0
    ),

    counted as (
        select at, sum(sum(change)) over (order by at desc) as runs from changes group by at
    ),

    allowance as (
        select ceil(settings.budget * span.apartments / 100 * budgets.weeks)::integer as allowed,
            span.apartments, budgets.weeks, settings.min_threshold
        from settings cross join span cross join budgets
    ),

    judged as (
        select counted.at, bool_and(counted.runs <= greatest(allowance.allowed, 1)) over (order by counted.at desc) as fits
        from counted cross join allowance
    )

    -- Where the highest score alone, shared by many, is more than the budget, it is raised all the same.
    select greatest(allowance.min_threshold, (
            select case when bool_and(fits) then 0 else coalesce(min(at) filter (where fits), max(at)) end from judged
        )), allowance.allowed, allowance.apartments, allowance.weeks
    from allowance
$$;
comment on function energy.anomaly_threshold() is
$$From which combined score on an alert is raised: the lowest at which the past anomaly_alerts.budget_weeks would have
had no more alerts than the budget allows, and anomaly_alerts.min_threshold at least. A run of days counts once.$$;
revoke all on function energy.anomaly_threshold() from public;
