-- The queue of trainings, and the steps of each.
set local role edf_owner;

create sequence energy.training_batches;
comment on sequence energy.training_batches is 'Ids of batches: what one call of energy.queue_trainings asked for.';

create table energy.training_runs (
    run_id       bigint generated always as identity primary key,
    batch_id     bigint not null,
    building_id  text,
    archetype    text,
    reason       text not null,
    strategy     text,
    parameters   jsonb,
    features     jsonb,
    state        text not null default 'queued' check (state in ('queued', 'running', 'registered', 'failed', 'cancelled')),
    step         text check (step in ('validate', 'features', 'train', 'evaluate', 'check', 'stress', 'register')),
    attempt      integer not null default 0,
    model_id     bigint,
    slot_at      timestamptz not null,
    requested_at timestamptz not null default now(),
    requested_by text not null,
    session_role text not null default session_user,
    started_at   timestamptz,
    changed_at   timestamptz,
    finished_at  timestamptz,
    worker_pid   integer,
    sqlstate     text,
    message      text,
    hint         text,
    constraint training_runs_of_one check (num_nonnulls(building_id, archetype) = 1)
);
comment on table energy.training_runs is 'Trainings that were asked for: the queue that sessions take them from, and what became of each.';
comment on column energy.training_runs.building_id is 'The building whose model is trained; NULL: that of an archetype.';
comment on column energy.training_runs.reason is 'Why it is trained.';
comment on column energy.training_runs.strategy is 'Instead of training.strategy of the configuration; NULL: as configured.';
comment on column energy.training_runs.parameters is 'Instead of training.parameters; NULL: as configured, or the defaults of another strategy.';
comment on column energy.training_runs.features is 'Laid over the features of the configuration; NULL: as configured.';
comment on column energy.training_runs.state is
    'queued -> running -> registered (the model is pending) or failed (message says why); cancelled by energy.cancel_trainings.';
comment on column energy.training_runs.step is 'The step that is being done, or at which it ended.';
comment on column energy.training_runs.attempt is 'How often a session has taken it: again where the session before ended without an answer.';
comment on column energy.training_runs.slot_at is 'The pipeline''s clock when it was asked for: nothing received later is read.';
comment on column energy.training_runs.changed_at is 'When its last step ended.';
create unique index training_runs_open on energy.training_runs (coalesce(building_id, 'archetype:' || archetype)) where state in ('queued', 'running');
create index training_runs_by_batch on energy.training_runs (batch_id);
create index training_runs_by_model on energy.training_runs (model_id);

create table energy.training_steps (
    run_id      bigint not null references energy.training_runs on delete cascade,
    attempt     integer not null,
    step        text not null,
    started_at  timestamptz not null,
    finished_at timestamptz not null default clock_timestamp(),
    outcome     text not null check (outcome in ('succeeded', 'failed', 'cancelled')),
    details     jsonb not null default '{}',
    primary key (run_id, attempt, step)
);
comment on table energy.training_steps is 'Steps of trainings that are over, with what they found.';

create table energy.training_cancels (
    run_id   bigint primary key references energy.training_runs on delete cascade,
    reason   text not null,
    asked_at timestamptz not null default now(),
    asked_by text not null
);
comment on table energy.training_cancels is 'Trainings that are to end before their next step. Apart from the queue, whose rows are locked while a session works on them.';

reset role;
