set local role edf_owner;

create table energy.configs (
    config_id bigint generated always as identity primary key,
    config    jsonb not null,
    loaded_at timestamptz not null default now(),
    loaded_by text not null default session_user
);
comment on table energy.configs is 'config/edf.yaml as it was loaded; the newest row is current.';

create type energy.quality as enum ('measured', 'interpolated', 'estimated', 'missing');
comment on type energy.quality is 'How sure a value is, best first; the greatest is the worst.';

create table energy.hours_due (
    building_id text not null,
    sensor_id   bigint not null,
    first_at    timestamptz not null,
    last_at     timestamptz not null,
    received_at timestamptz not null
);
comment on table energy.hours_due is
    'What was read since the hours were last refreshed: by batch, sensor and day. Written with the readings, so that none is missed.';
comment on column energy.hours_due.received_at is 'When the reading at last_at was first received.';

create table energy.building_spans (
    building_id text primary key,
    first_at    timestamptz not null,
    heard_at    timestamptz not null
);
comment on table energy.building_spans is 'From when to when the meters of a building were heard.';
comment on column energy.building_spans.heard_at is 'A meter that said nothing since is unchanged until then, for at most its max_silence_h.';

create table energy.building_heard (
    building_id text not null,
    hour_at     timestamptz not null,
    received_at timestamptz not null,
    primary key (building_id, hour_at)
);
comment on table energy.building_heard is 'When it was first known that a building was heard after an hour: from then on silence in the hour meant something.';
comment on column energy.building_heard.received_at is 'The earliest receipt of any reading at or after the end of the hour.';

create table energy.apartment_hours (
    building_id     text not null,
    apartment_id    text not null,
    hour_at         timestamptz not null,
    consumption_kwh double precision,
    solar_kwh       double precision,
    quality         energy.quality not null,
    received_at     timestamptz,
    primary key (building_id, apartment_id, hour_at)
);
comment on table energy.apartment_hours is 'One row per apartment and hour, materialised from processed.int_apartment_hours.';
comment on column energy.apartment_hours.apartment_id is 'Empty: the building''s own meters.';
comment on column energy.apartment_hours.hour_at is 'Start of the hour.';
comment on column energy.apartment_hours.quality is 'How sure the energy is: its worst part.';
comment on column energy.apartment_hours.received_at is 'When the last reading that the hour rests on was known.';
create index apartment_hours_by_hour on energy.apartment_hours (building_id, hour_at);

create table energy.building_hours (
    building_id          text not null,
    hour_at              timestamptz not null,
    consumption_kwh      double precision,
    solar_kwh            double precision,
    apartments_reporting integer not null,
    apartments_expected  integer not null,
    coverage_share       double precision not null,
    quality              energy.quality not null,
    received_at          timestamptz,
    primary key (building_id, hour_at)
);
comment on table energy.building_hours is 'One row per building and hour, materialised from processed.int_building_hours.';
comment on column energy.building_hours.hour_at is 'Start of the hour.';
comment on column energy.building_hours.consumption_kwh is
    'Demand of all apartments: where few are missing, scaled up from the others and estimated; NULL below the configured share.';
comment on column energy.building_hours.coverage_share is 'Apartments with a value, of those expected.';
comment on column energy.building_hours.quality is 'How sure consumption_kwh is: its worst part.';
comment on column energy.building_hours.received_at is 'When the last reading that the hour rests on was known.';

create table energy.forecasts (
    building_id       text not null,
    issued_at         timestamptz not null,
    valid_at          timestamptz not null,
    lead_hours        integer not null,
    model_id          bigint not null,
    yhat              double precision not null,
    yhat_lower        double precision not null,
    yhat_upper        double precision not null,
    weather_issued_at timestamptz not null,
    created_at        timestamptz not null default now(),
    primary key (building_id, issued_at, valid_at),
    check (yhat_lower <= yhat and yhat <= yhat_upper)
);
comment on table energy.forecasts is 'Demand forecasts in kWh per hour with 90 % intervals; one row per building, issue and hour.';
comment on column energy.forecasts.valid_at is 'Start of the hour that the value is about.';
comment on column energy.forecasts.model_id is 'The model in edf.models.';
comment on column energy.forecasts.weather_issued_at is 'The weather run that was used.';
create index forecasts_by_hour on energy.forecasts (building_id, valid_at, issued_at desc);

create table energy.model_scores (
    model_id     bigint not null,
    strategy     text not null,
    lead_day     integer not null,
    n            bigint not null,
    mape_pct     double precision,
    rmse_kwh     double precision,
    mae_kwh      double precision,
    coverage_pct double precision,
    primary key (model_id, strategy, lead_day)
);
comment on table energy.model_scores is
    'Rolling-origin backtest of a model''s recipe, and of seasonal naive on the same hours, by day of lead.';
comment on column energy.model_scores.n is 'Hours scored.';
comment on column energy.model_scores.coverage_pct is 'Share of the hours inside the 90 % interval.';

create table energy.job_runs (
    job_run_id   bigint generated always as identity primary key,
    job_name     text not null,
    building_id  text,
    slot_at      timestamptz not null,
    started_at   timestamptz not null,
    finished_at  timestamptz not null default clock_timestamp(),
    status       text not null check (status in ('succeeded', 'failed', 'skipped')),
    rows_written bigint not null default 0,
    sqlstate     text,
    message      text,
    hint         text
);
comment on table energy.job_runs is
    'What each run of a job did: a row for the run, and a row for each building that it failed for.';
comment on column energy.job_runs.slot_at is 'The time the run was for, such as a forecast''s issued_at.';
create index job_runs_by_job on energy.job_runs (job_name, started_at desc);

create table energy.building_access (
    subject     text not null,
    building_id text not null,
    primary key (subject, building_id)
);
comment on table energy.building_access is 'Who may see which building: subject is the sub claim of a token.';

reset role;
