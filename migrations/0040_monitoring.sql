-- What was issued, held against what came true; what is wrong, and who has seen it.
set local role edf_owner;

create table energy.accuracy_days (
    building_id  text not null references raw.buildings,
    local_date   date not null,
    lead_day     integer not null check (lead_day >= 1),
    hours        integer not null,
    actual_kwh   double precision not null,
    mape_pct     double precision,
    rmse_kwh     double precision not null,
    mae_kwh      double precision not null,
    wape_pct     double precision,
    bias_kwh     double precision not null,
    coverage_pct double precision not null,
    pinball_kwh  double precision not null,
    primary key (building_id, local_date, lead_day)
);
comment on table energy.accuracy_days is
    'How good the forecasts were that were issued, by building, local day and day of lead, as far as actuals are known: see energy.score_forecasts.';
comment on column energy.accuracy_days.lead_day is '1: hours up to 24 h after the issue.';
comment on column energy.accuracy_days.hours is 'Forecast hours that are scored: those with demand; of several issues each counts.';
comment on column energy.accuracy_days.actual_kwh is 'Sum of the absolute demand of these hours.';
comment on column energy.accuracy_days.coverage_pct is 'Share of the hours inside the 90 % interval.';
comment on column energy.accuracy_days.pinball_kwh is 'Mean pinball loss of the quantiles 5, 50 and 95 %.';
create index accuracy_days_by_date on energy.accuracy_days (local_date);

create table energy.alerts (
    alert_id        bigint generated always as identity primary key,
    rule            text not null,
    severity        text not null check (severity in ('info', 'warning', 'critical')),
    subject         text not null,
    message         text not null,
    opened_at       timestamptz not null,
    seen_at         timestamptz not null,
    acknowledged_at timestamptz,
    acknowledged_by text,
    note            text,
    resolved_at     timestamptz,
    check ((acknowledged_at is null) = (acknowledged_by is null)),
    check (resolved_at >= opened_at)
);
comment on table energy.alerts is 'What was found wrong by energy.check_alerts: a row from when it began until it was over.';
comment on column energy.alerts.rule is 'As in energy.alert_rules.';
comment on column energy.alerts.subject is 'What it is about: a building, a place, a job.';
comment on column energy.alerts.message is 'What is wrong, as it was last seen, at seen_at.';
comment on column energy.alerts.acknowledged_at is 'When somebody said that they had seen it: energy.acknowledge_alert.';
create unique index alerts_once on energy.alerts (rule, subject) where resolved_at is null;
create index alerts_by_time on energy.alerts (opened_at);

create table energy.alert_rules (
    rule     text primary key,
    severity text not null check (severity in ('info', 'warning', 'critical')),
    within   interval not null,
    meaning  text not null,
    advice   text not null
);
comment on table energy.alert_rules is 'What energy.check_alerts looks for.';
comment on column energy.alert_rules.within is 'How long after it happened it is seen at the latest, where the jobs run as scheduled.';

reset role;
