-- Alerts about apartments. Three thresholds keep them from flapping: a run opens an alert where a day reaches the
-- threshold of the budget, days join it from keep_share of that on, and late data withdraw it only where its best day
-- falls below keep_share. What somebody looks at or has resolved is never withdrawn.

-- Days that are known and quiet end a run; days of which nothing is known do not, unless they are many.
create or replace function energy.anomaly_run_of(
    building_id text, apartment_id text, local_date date, quiet_days integer, unknown_days integer
) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select alerts.alert_id
    from energy.anomaly_alerts as alerts
    cross join lateral (
        select greatest(alerts.first_date, least(alerts.run_until, anomaly_run_of.local_date)) as near_date
    ) as ends
    cross join lateral (
        select least(near_date, anomaly_run_of.local_date) as since,
            greatest(near_date, anomaly_run_of.local_date) as until
    ) as gap
    where alerts.building_id = anomaly_run_of.building_id and alerts.apartment_id = anomaly_run_of.apartment_id
      and gap.until - gap.since <= unknown_days
      and (
          select count(distinct scores.local_date) from energy.anomaly_scores as scores
          where scores.building_id = anomaly_run_of.building_id
            -- Of a building a day is known of which any apartment is.
            and anomaly_run_of.apartment_id in (scores.apartment_id, '')
            and scores.local_date > gap.since and scores.local_date < gap.until
      ) < quiet_days
    order by gap.until - gap.since, alerts.first_date desc
    limit 1
$$;
comment on function energy.anomaly_run_of(text, text, date, integer, integer) is
$$The alert to whose run a day belongs: between the two there are fewer than quiet_days days that are known, and no more
than unknown_days in all. NULL: to none.$$;
revoke all on function energy.anomaly_run_of(text, text, date, integer, integer) from public;

create or replace function energy.refresh_anomaly_findings(building_ids text[], from_date date, to_date date) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    with

    made as materialized (
        select made.* from energy.combined_anomaly_scores(building_ids, from_date, to_date) as made
        where made.anomaly_score >= (select list_above from energy.anomaly_alert_settings)
    ),

    gone as (
        delete from energy.anomaly_findings as days
        where days.building_id = any (building_ids) and days.local_date between from_date and to_date
          and not exists (
              select from made
              where made.building_id = days.building_id and made.apartment_id = days.apartment_id
                and made.local_date = days.local_date)
    )

    insert into energy.anomaly_findings as known (building_id, apartment_id, local_date, anomaly_score, strengths, detectors,
        severity, evidence, model_version, suppressed, prior)
    select made.building_id, made.apartment_id, made.local_date, made.anomaly_score, made.strengths, made.detectors,
        made.severity, made.evidence, made.model_version, made.suppressed, made.prior
    from made
    on conflict on constraint anomaly_findings_pkey do update set
        anomaly_score = excluded.anomaly_score, strengths = excluded.strengths, detectors = excluded.detectors,
        severity = excluded.severity, evidence = excluded.evidence, model_version = excluded.model_version,
        suppressed = excluded.suppressed, prior = excluded.prior
    where (known.anomaly_score, known.strengths, known.detectors, known.severity, known.evidence, known.model_version,
        known.suppressed, known.prior)
        is distinct from (excluded.anomaly_score, excluded.strengths, excluded.detectors, excluded.severity,
        excluded.evidence, excluded.model_version, excluded.suppressed, excluded.prior)
$$;
comment on function energy.refresh_anomaly_findings(text[], date, date) is
    'Brings energy.anomaly_findings of these buildings and dates to what detectors say now.';
revoke all on function energy.refresh_anomaly_findings(text[], date, date) from public;

create or replace function energy.open_anomaly_alert(day energy.anomaly_findings, threshold double precision) returns text
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    opened energy.anomaly_alerts;
begin
    insert into energy.anomaly_alerts (alert_id, building_id, apartment_id, first_date, last_date, run_until, days,
        anomaly_score, threshold, severity, detectors, evidence, model_version, opened_at, opened_by, updated_at)
    values (energy.anomaly_alert_id(day.building_id, day.apartment_id, day.local_date), day.building_id, day.apartment_id,
        day.local_date, day.local_date, day.local_date, 1, day.anomaly_score, open_anomaly_alert.threshold, day.severity, day.detectors,
        day.evidence, day.model_version, energy.clock(), coalesce(energy.person(), session_user), energy.clock())
    returning * into opened;
    update energy.anomaly_findings as days set alert_id = opened.alert_id
    where days.building_id = day.building_id and days.apartment_id = day.apartment_id
      and days.local_date = day.local_date;
    perform energy.note_anomaly_event(opened, 'opened');
    return opened.alert_id;
end;
$$;
comment on function energy.open_anomaly_alert(energy.anomaly_findings, double precision) is
    'Opens an alert that begins with this day, and returns its key.';
revoke all on function energy.open_anomaly_alert(energy.anomaly_findings, double precision) from public;

create or replace function energy.rescore_anomaly_alert(alert_id text, threshold double precision) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    keep_share constant double precision := (select settings.keep_share from energy.anomaly_alert_settings as settings);
    was     energy.anomaly_alerts;
    becomes energy.anomaly_alerts;
    days    record;
    newest  energy.anomaly_findings;
begin
    select * into was from energy.anomaly_alerts as alerts
    where alerts.alert_id = rescore_anomaly_alert.alert_id for update;
    -- What people have decided about stays as they saw it.
    if was.status like 'Resolved-%' then
        return;
    end if;
    select count(*) as n, min(local_date) as first_date, max(local_date) as last_date, max(anomaly_score) as best
    into days
    from energy.anomaly_findings
    where anomaly_findings.alert_id = was.alert_id and suppressed is null and anomaly_score >= keep_share * was.threshold;
    becomes := was;
    if days.n = 0 then
        becomes.withdrawn_at := case when was.status = 'Unseen' then coalesce(was.withdrawn_at, energy.clock()) end;
        becomes.anomaly_score := case when was.status = 'Unseen' then was.anomaly_score else 0 end;
    else
        select * into newest from energy.anomaly_findings
        where anomaly_findings.alert_id = was.alert_id and local_date = days.last_date;
        becomes.first_date := days.first_date;
        becomes.last_date := days.last_date;
        becomes.run_until := days.last_date;
        becomes.days := days.n;
        becomes.anomaly_score := days.best;
        becomes.severity := newest.severity;
        becomes.detectors := newest.detectors;
        becomes.evidence := newest.evidence;
        becomes.model_version := newest.model_version;
        if was.withdrawn_at is not null and days.best >= least(was.threshold, rescore_anomaly_alert.threshold) then
            becomes.withdrawn_at := null;
            becomes.threshold := least(was.threshold, rescore_anomaly_alert.threshold);
        end if;
    end if;
    if becomes is not distinct from was then
        return;
    end if;
    update energy.anomaly_alerts as alerts set
        first_date = becomes.first_date, last_date = becomes.last_date, run_until = becomes.run_until, days = becomes.days,
        anomaly_score = becomes.anomaly_score, threshold = becomes.threshold, severity = becomes.severity,
        detectors = becomes.detectors, evidence = becomes.evidence, model_version = becomes.model_version,
        withdrawn_at = becomes.withdrawn_at, updated_at = energy.clock()
    where alerts.alert_id = was.alert_id;
    -- That its run reaches less far than was thought is nothing that a technician sees.
    was.run_until := becomes.run_until;
    if becomes is not distinct from was then
        return;
    end if;
    perform energy.note_anomaly_event(becomes, case
        when becomes.withdrawn_at is not null and was.withdrawn_at is null then 'withdrawn'
        when becomes.withdrawn_at is null and was.withdrawn_at is not null then 'returned'
        when becomes.last_date > was.last_date then 'extended'
        else 'rescored' end, was.status);
end;
$$;
comment on function energy.rescore_anomaly_alert(text, double precision) is
$$Brings an alert that is not resolved to what its days say now: it grows, is lowered or, where nobody has looked at it
and no day of it is left, withdrawn; it returns where they reach a threshold again. threshold: the one of now.$$;
revoke all on function energy.rescore_anomaly_alert(text, double precision) from public;

create or replace function energy.raise_anomaly_alerts(
    building_ids text[], from_date date default null, to_date date default null
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    settings  constant energy.anomaly_alert_settings := (select s from energy.anomaly_alert_settings as s);
    until     constant date := coalesce(to_date, (
        select max(local_date) from energy.anomaly_scores where anomaly_scores.building_id = any (building_ids)));
    since     constant date := coalesce(from_date, until - settings.late_days);
    began_at  constant bigint := (select coalesce(max(event_id), 0) from energy.anomaly_alert_events);
    budget    record;
    day       energy.anomaly_findings;
    run       energy.anomaly_alerts;
    near_id   text;
    touched   text[];
begin
    if until is null then
        return 0;
    end if;
    -- One at a time, or two would open the same alert.
    perform pg_advisory_xact_lock(hashtextextended('energy.raise_anomaly_alerts', 0));
    perform energy.refresh_anomaly_findings(building_ids, since, until);
    select * into budget from energy.anomaly_threshold();
    insert into energy.anomaly_thresholds (made_at, threshold, allowed, apartments, weeks, config_id)
    select energy.clock(), budget.threshold, budget.allowed, budget.apartments, budget.weeks, energy.current_config_id()
    where budget.threshold is distinct from (
        select newest.threshold from energy.anomaly_thresholds as newest order by threshold_id desc limit 1);

    for day in
        select days.* from energy.anomaly_findings as days
        where days.building_id = any (building_ids) and days.local_date between since and until
          and days.suppressed is null and days.alert_id is null
          and days.anomaly_score >= settings.keep_share * settings.min_threshold
        order by days.building_id, days.apartment_id, days.local_date
    loop
        near_id := energy.anomaly_run_of(
            day.building_id, day.apartment_id, day.local_date, settings.quiet_days, settings.unknown_days);
        select * into run from energy.anomaly_alerts as alerts where alerts.alert_id = near_id for update;
        if found then
            continue when day.anomaly_score < settings.keep_share * least(run.threshold, budget.threshold);
            update energy.anomaly_findings as days set alert_id = run.alert_id
            where days.building_id = day.building_id and days.apartment_id = day.apartment_id
              and days.local_date = day.local_date;
            -- One that is resolved only remembers that its run goes on.
            update energy.anomaly_alerts as alerts
            set run_until = greatest(alerts.run_until, day.local_date)
            where alerts.alert_id = run.alert_id and alerts.run_until < day.local_date;
        elsif day.anomaly_score >= budget.threshold then
            perform energy.open_anomaly_alert(day, budget.threshold);
        end if;
    end loop;

    touched := array(
        select alerts.alert_id from energy.anomaly_alerts as alerts
        where alerts.building_id = any (building_ids) and alerts.status in ('Unseen', 'Investigating')
          and alerts.run_until >= since and alerts.first_date <= until
        order by alerts.alert_id);
    perform energy.rescore_anomaly_alert(touched_id, budget.threshold) from unnest(touched) as touched_id;
    return (
        select count(distinct alert_id) from energy.anomaly_alert_events
        where event_id > began_at and anomaly_alert_events.building_id = any (building_ids));
end;
$$;
comment on function energy.raise_anomaly_alerts(text[], date, date) is
$$Opens alerts about these buildings and their apartments for the days of energy.anomaly_scores from from_date to to_date
(by default the newest anomaly_alerts.late_days), lets those grow that go on, and lowers or withdraws those whose reason
late data took away. Running it again changes nothing. Returns how many alerts it changed. The job that scores calls it.$$;
revoke all on function energy.raise_anomaly_alerts(text[], date, date) from public;
