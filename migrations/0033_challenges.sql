-- Challengers that forecast in shadow beside the champion.
set local role edf_owner;

create table energy.challenges (
    challenge_id  bigint generated always as identity primary key,
    model_id      bigint not null,
    champion_id   bigint not null,
    first_at      timestamptz not null,
    days          integer not null check (days between 1 and 3650),
    reason        text,
    started_at    timestamptz not null default now(),
    started_by    text not null,
    state         text not null default 'running' check (state in ('running', 'promoted', 'ended', 'cancelled')),
    ended_at      timestamptz,
    outcome       text
);
comment on table energy.challenges is 'Pending models that forecast in shadow beside the approved model of their subject, to be compared with it.';
comment on column energy.challenges.first_at is 'Forecasts issued from then on are compared.';
comment on column energy.challenges.days is 'After so many days with forecasts of both it is decided.';
comment on column energy.challenges.state is 'running -> promoted (approved by the rule), ended (a person decides), cancelled (one of the two is no longer what it was).';
comment on column energy.challenges.outcome is 'What came of it, with the numbers.';
create unique index challenges_running on energy.challenges (model_id) where state = 'running';

create table energy.shadow_forecasts (
    model_id          bigint not null,
    building_id       text not null,
    issued_at         timestamptz not null,
    valid_at          timestamptz not null,
    lead_hours        integer not null,
    yhat              double precision not null,
    yhat_lower        double precision not null,
    yhat_upper        double precision not null,
    created_at        timestamptz not null default now(),
    primary key (model_id, building_id, issued_at, valid_at),
    check (yhat_lower <= yhat and yhat <= yhat_upper)
);
comment on table energy.shadow_forecasts is
    'What challengers would have forecast, in kWh per hour with 90 % intervals, from what was known at issued_at; nobody is served them. One row per model, building, issue and hour.';
comment on column energy.shadow_forecasts.valid_at is 'Start of the hour that the value is about.';

reset role;
