-- Which code was deployed when, and the recipe that a model was asked to have.
set local role edf_owner;

create table energy.deployments (
    deployment_id bigint generated always as identity primary key,
    deployed_at   timestamptz not null default now(),
    edf_version   text not null,
    checksum      text not null,
    deployed_by   text not null default session_user
);
comment on table energy.deployments is
    'Versions of the code: a row for each deployment that changed the extension, a routine or a view. What was written later was written by the newest before it.';
comment on column energy.deployments.edf_version is 'Version of the extension.';
comment on column energy.deployments.checksum is 'SHA-256 of the definitions of all routines and views of energy and api, in hexadecimal.';

alter table energy.trainings add column recipe jsonb;
comment on column energy.trainings.recipe is
    'strategy, parameters and features as they were asked for, before defaults were filled in; NULL: of a training that did not note them.';
comment on column energy.model_scores.strategy is
    'The model''s own strategy; seasonal_naive; champion: the recipe of the model that was approved then, evaluated on the same hours.';

reset role;
