-- How unusual each day of an apartment is, by each detector, and which days are to be scored.
set local role edf_owner;

create table energy.anomaly_rules (
    rule        text primary key check (rule ~ '^[a-z][a-z0-9_]{0,62}$'),
    description text not null,
    routine     text not null,
    subject     text not null check (subject in ('apartment', 'building')),
    defaults    jsonb not null default '{}' check (jsonb_typeof(defaults) = 'object')
);
comment on table energy.anomaly_rules is
$$The rules that days are scored by. A rule is a routine in schema energy and a row: docs/anomalies.md says how to add one.$$;
comment on column energy.anomaly_rules.routine is
$$Name of the function in schema energy: (building_ids text[], from_date date, to_date date, settings jsonb) returns
table (building_id text, apartment_id text, local_date date, score double precision, hours double precision, evidence
jsonb), a row for each day that is known.$$;
comment on column energy.anomaly_rules.subject is 'apartment, or building: then apartment_id is empty.';
comment on column energy.anomaly_rules.defaults is
    'Settings where anomalies.rules.<rule> of the configuration says nothing: severity, hours (the required duration), thresholds and operating conditions.';

create table energy.anomaly_scores (
    building_id  text not null,
    apartment_id text not null,
    local_date   date not null,
    detector     text not null,
    score        double precision not null check (score between 0 and 1),
    is_alarm     boolean not null,
    hours        double precision,
    evidence     jsonb not null default '{}',
    model_id     bigint,
    config_id    bigint not null,
    known_at     timestamptz not null,
    primary key (building_id, apartment_id, local_date, detector)
);
comment on table energy.anomaly_scores is
$$How unusual a day is: one row per apartment, or building, local day and detector. A day of which too little is known
for a detector has no row of it.$$;
comment on column energy.anomaly_scores.apartment_id is 'Empty: the building as a whole.';
comment on column energy.anomaly_scores.local_date is 'In the building''s time zone.';
comment on column energy.anomaly_scores.detector is 'A rule of energy.anomaly_rules, or the kind of a model.';
comment on column energy.anomaly_scores.score is
    'Between 0 and 1. Rules: 0.5 where the threshold is reached, more beyond it. Models: 1 - tail probability.';
comment on column energy.anomaly_scores.is_alarm is 'Whether the detector''s own threshold is passed.';
comment on column energy.anomaly_scores.hours is 'How long it has lasted by the end of the day, where the detector knows.';
comment on column energy.anomaly_scores.evidence is 'What a technician reads: room, temperatures, energy, since when.';
comment on column energy.anomaly_scores.model_id is 'NULL: a rule.';
comment on column energy.anomaly_scores.known_at is 'Newest receipt of what the day rests on.';
create index anomaly_scores_by_date on energy.anomaly_scores (local_date, detector);
create index anomaly_scores_of_alarms on energy.anomaly_scores (building_id, local_date) where is_alarm;

create table energy.anomaly_days_due (
    building_id text not null,
    local_date  date not null,
    primary key (building_id, local_date)
);
comment on table energy.anomaly_days_due is
    'Days that changed since they were scored last: energy.refresh_apartment_days() writes it, energy.score_anomalies() empties it once a day is complete.';

create table energy.anomaly_days (
    building_id      text not null,
    local_date       date not null,
    scored_at        timestamptz not null,
    config_id        bigint not null,
    known_at         timestamptz,
    weather_known_at timestamptz,
    primary key (building_id, local_date)
);
comment on table energy.anomaly_days is 'Which days of buildings were scored last when, and on what.';
comment on column energy.anomaly_days.scored_at is 'By the clock of the pipeline.';
comment on column energy.anomaly_days.known_at is 'Newest receipt of the readings of its apartments; NULL: nothing was known.';
comment on column energy.anomaly_days.weather_known_at is
    'Newest receipt of the day''s observed weather; weather that comes later makes the day due again.';

reset role;
