create or replace view energy.anomaly_list as
with

settings as materialized (
    select listed_days, (energy.clock() at time zone 'UTC')::date as today from energy.anomaly_alert_settings
),

newest as materialized (
    select threshold from energy.anomaly_thresholds order by threshold_id desc limit 1
)

select
    alert_id, building_id, apartment_id, status, withdrawn_at is null as is_alert,
    case when withdrawn_at is null then 'alert' else 'withdrawn' end as standing, anomaly_score, threshold, severity,
    first_date, last_date, days, detectors, evidence, model_version, feedback_notes, opened_at, taken_at, taken_by,
    resolved_at, resolved_by
from energy.anomaly_alerts
cross join settings
where withdrawn_at is null or last_date > settings.today - settings.listed_days
union all
select
    energy.anomaly_alert_id(strongest.building_id, strongest.apartment_id, strongest.local_date) as alert_id,
    strongest.building_id, strongest.apartment_id, 'Unseen' as status, false as is_alert,
    coalesce(strongest.suppressed, 'below_threshold') as standing, strongest.anomaly_score, newest.threshold,
    strongest.severity, strongest.local_date as first_date, strongest.local_date as last_date, 1 as days,
    strongest.detectors, strongest.evidence, strongest.model_version, null::text as feedback_notes,
    null::timestamptz as opened_at, null::timestamptz as taken_at, null::text as taken_by,
    null::timestamptz as resolved_at, null::text as resolved_by
from (
    select distinct on (days.building_id, days.apartment_id) days.*
    from energy.anomaly_findings as days
    cross join settings
    where days.alert_id is null and days.local_date > settings.today - settings.listed_days
    order by days.building_id, days.apartment_id, days.anomaly_score desc, days.local_date desc
) as strongest
cross join newest;
comment on view energy.anomaly_list is
$$Alerts about apartments, and of what raised none the strongest day of each apartment within
anomaly_alerts.listed_days.$$;
comment on column energy.anomaly_list.standing is
$$alert; withdrawn: late data took its reason away; below_threshold: the budget ends above it; settling: the building is
new.$$;
