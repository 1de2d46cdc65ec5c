-- What technicians are told of apartments: days with their scores combined, alerts, and what was done about each.
set local role edf_owner;

create table energy.anomaly_alerts (
    alert_id       text primary key,
    building_id    text not null,
    apartment_id   text not null,
    first_date     date not null,
    last_date      date not null,
    run_until      date not null,
    days           integer not null check (days >= 1),
    anomaly_score  double precision not null check (anomaly_score between 0 and 1),
    threshold      double precision not null check (threshold between 0 and 1),
    severity       text not null check (severity in ('info', 'warning', 'critical')),
    detectors      text[] not null,
    evidence       jsonb not null default '{}',
    model_version  text not null,
    status         text not null default 'Unseen'
        check (status in ('Unseen', 'Investigating', 'Resolved-True Positive', 'Resolved-False Positive')),
    opened_at      timestamptz not null,
    opened_by      text not null,
    updated_at     timestamptz not null,
    taken_at       timestamptz,
    taken_by       text,
    resolved_at    timestamptz,
    resolved_by    text,
    feedback_notes text,
    withdrawn_at   timestamptz,
    check (first_date <= last_date and last_date <= run_until),
    check ((taken_at is null) = (taken_by is null)),
    check ((resolved_at is null) = (resolved_by is null)),
    check ((resolved_at is not null) = (status like 'Resolved-%')),
    check (withdrawn_at is null or status = 'Unseen')
);
comment on table energy.anomaly_alerts is
$$Faults that technicians are told of: one row for each run of days of an apartment (or of a building as a whole) that
belong together, written by energy.raise_anomaly_alerts and by what technicians decide.$$;
comment on column energy.anomaly_alerts.alert_id is
$$building/apartment#first date, as energy.anomaly_alert_id writes it; it stays, also where late data move the first
date. To read the parts, take the columns.$$;
comment on column energy.anomaly_alerts.apartment_id is 'Empty: the building as a whole.';
comment on column energy.anomaly_alerts.first_date is 'The first day of the run, local to the building.';
comment on column energy.anomaly_alerts.last_date is
    'Its newest day. Of one that is resolved, the newest day up to then.';
comment on column energy.anomaly_alerts.run_until is
$$The newest day that belongs to the same run, also after it was resolved: days near it open no other alert.$$;
comment on column energy.anomaly_alerts.days is 'Days of the run that are anomalous.';
comment on column energy.anomaly_alerts.anomaly_score is
    'The highest combined score of its days: the probability of a fault, as far as that is known.';
comment on column energy.anomaly_alerts.threshold is 'The score from which on alerts were raised when it was opened.';
comment on column energy.anomaly_alerts.severity is 'The worst of what was found on the newest day.';
comment on column energy.anomaly_alerts.detectors is 'What raised the alarm on the newest day, the strongest first.';
comment on column energy.anomaly_alerts.evidence is 'What each of them saw on the newest day.';
comment on column energy.anomaly_alerts.model_version is
    'Configuration of the rules, models and weights that the newest day was scored with.';
comment on column energy.anomaly_alerts.opened_by is 'The role of the job, or who took a day that was below the threshold.';
comment on column energy.anomaly_alerts.taken_by is 'Who investigates it: the subject of a token, or a role.';
comment on column energy.anomaly_alerts.feedback_notes is
    'The newest note; energy.anomaly_alert_events has all of them.';
comment on column energy.anomaly_alerts.withdrawn_at is
    'Nobody had looked at it, and data that came late took its reason away.';
create index anomaly_alerts_by_apartment on energy.anomaly_alerts (building_id, apartment_id, status);
create index anomaly_alerts_newest_first on energy.anomaly_alerts (building_id, last_date desc);

create table energy.anomaly_alert_events (
    event_id      bigint generated always as identity primary key,
    alert_id      text not null,
    building_id   text not null,
    at            timestamptz not null,
    event         text not null
        check (event in ('opened', 'extended', 'rescored', 'withdrawn', 'returned', 'taken', 'resolved', 'commented')),
    from_status   text,
    to_status     text not null,
    anomaly_score double precision not null,
    last_date     date not null,
    notes         text,
    made_by       text not null,
    role          text not null,
    created_at    timestamptz not null default clock_timestamp()
);
comment on table energy.anomaly_alert_events is
$$What happened to alerts about apartments: what scores changed and what people decided, each decision of several that
contradict each other. Append-only.$$;
comment on column energy.anomaly_alert_events.at is 'The pipeline''s clock.';
comment on column energy.anomaly_alert_events.made_by is 'The subject of the token of who decided, or a role.';
create index anomaly_alert_events_of_alert on energy.anomaly_alert_events (alert_id, event_id);

create table energy.anomaly_findings (
    building_id   text not null,
    apartment_id  text not null,
    local_date    date not null,
    anomaly_score double precision not null check (anomaly_score between 0 and 1),
    strengths     jsonb not null,
    detectors     text[] not null,
    severity      text not null check (severity in ('info', 'warning', 'critical')),
    evidence      jsonb not null default '{}',
    model_version text not null,
    suppressed    text check (suppressed in ('settling')),
    alert_id      text,
    primary key (building_id, apartment_id, local_date)
);
comment on table energy.anomaly_findings is
$$Days of apartments whose combined score is worth listing, alert or not: energy.combined_anomaly_scores of the days that
energy.raise_anomaly_alerts last looked at.$$;
comment on column energy.anomaly_findings.strengths is
    'Of each detector how strongly it speaks, 0 to 1: what the combined score is made of.';
comment on column energy.anomaly_findings.suppressed is 'Why it raises no alert: settling, as the building is new.';
comment on column energy.anomaly_findings.alert_id is 'The alert to whose run it belongs.';
create index anomaly_findings_of_alert on energy.anomaly_findings (alert_id) where alert_id is not null;
create index anomaly_findings_by_date on energy.anomaly_findings (local_date);

create table energy.anomaly_thresholds (
    threshold_id bigint generated always as identity primary key,
    made_at      timestamptz not null,
    threshold    double precision not null check (threshold between 0 and 1),
    allowed      integer not null,
    apartments   bigint not null,
    weeks        double precision not null,
    config_id    bigint not null
);
comment on table energy.anomaly_thresholds is
    'From which combined score on alerts were raised, by energy.anomaly_threshold: a row for each change.';
comment on column energy.anomaly_thresholds.allowed is
    'Alerts that the budget allows to that many apartments in these weeks.';
comment on column energy.anomaly_thresholds.weeks is 'The past weeks whose scores were ranked.';

reset role;
