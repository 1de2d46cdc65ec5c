create or replace view energy.anomaly_figures as
with

settings as materialized (
    select precision_at from energy.anomaly_alert_settings
),

alerts as materialized (
    select alerts.*, date_trunc('week', opened_at at time zone 'UTC')::date as week,
        case status when 'Resolved-True Positive' then 1.0::double precision
            when 'Resolved-False Positive' then 0.0::double precision end as is_fault
    from energy.anomaly_alerts as alerts
    where withdrawn_at is null
),

grouped as (
    select week, 'all' as kind, '' as name, alert_id, anomaly_score, is_fault, opened_at, resolved_at from alerts
    union all
    select week, 'detector' as kind, detector as name, alert_id, anomaly_score, is_fault, opened_at, resolved_at
    from alerts cross join lateral unnest(detectors) as detector
    union all
    select week, 'model' as kind, model_version as name, alert_id, anomaly_score, is_fault, opened_at, resolved_at
    from alerts
),

ranked as (
    select grouped.*, row_number() over (
            partition by week, kind, name order by anomaly_score desc, alert_id) as place
    from grouped
),

sizes as materialized (
    select weeks.week, count(apartments.apartment_id) as apartments
    from (select distinct alerts.week from alerts) as weeks
    left join raw.apartments
        on (valid_from < (weeks.week + 7)::timestamp at time zone 'UTC') is not false
        and (valid_to > weeks.week::timestamp at time zone 'UTC') is not false
    group by weeks.week
)

select
    ranked.week,
    ranked.kind,
    ranked.name,
    count(*) as alerts,
    sizes.apartments,
    100 * count(*)::double precision / nullif(sizes.apartments, 0) as alerts_per_100,
    count(is_fault) as resolved,
    count(*) filter (where is_fault = 1) as true_positives,
    count(*) filter (where is_fault = 0) as false_positives,
    avg(is_fault) as precision,
    settings.precision_at,
    avg(is_fault) filter (where place <= settings.precision_at) as precision_at_k,
    percentile_cont(0.5) within group (order by extract(epoch from resolved_at - opened_at) / 3600)
        filter (where resolved_at is not null) as median_hours_to_resolution
from ranked
cross join settings
join sizes on sizes.week = ranked.week
group by ranked.week, ranked.kind, ranked.name, sizes.apartments, settings.precision_at;
comment on view energy.anomaly_figures is
$$How good alerts about apartments were, by the week (from Monday, UTC) that they were opened in: all of them, by detector
that raised the alarm, and by model version. An answer that comes later counts in the week of its alert.$$;
comment on column energy.anomaly_figures.kind is 'all, detector or model.';
comment on column energy.anomaly_figures.name is 'The detector or the model version; empty: all.';
comment on column energy.anomaly_figures.alerts_per_100 is 'Alerts for each 100 apartments.';
comment on column energy.anomaly_figures.precision is 'Share of the resolved ones that were faults; NULL: none is resolved.';
comment on column energy.anomaly_figures.precision_at_k is
    'The same of the precision_at (anomaly_alerts.precision_at) alerts of the highest scores.';
comment on column energy.anomaly_figures.median_hours_to_resolution is 'From the opening to the newest answer.';
