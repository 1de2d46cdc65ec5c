-- The model registry: models as rows, and what happened to them.

create table edf.models (
    model_id       bigint generated always as identity primary key,
    subject        text not null,
    strategy       text not null,
    status         text not null default 'pending'
                   check (status in ('pending', 'approved', 'rejected', 'retired')),
    artifact       bytea not null,
    checksum       text not null,
    parameters     jsonb not null,
    features       jsonb not null,
    feature_names  text[] not null,
    training_start timestamptz not null,
    training_end   timestamptz not null,
    training_rows  bigint not null,
    metrics        jsonb not null,
    created_at     timestamptz not null default now(),
    created_by     text not null,
    decided_at     timestamptz,
    decided_by     text
);
comment on table edf.models is
    'Trained models. A model is used once it is approved; a subject has at most one approved model.';
comment on column edf.models.subject is 'What the model forecasts: a building''s id, a meter, any name.';
comment on column edf.models.strategy is 'How it forecasts: seasonal_naive, profile, mstl, prophet, sarimax, lear, xgboost, ensemble, global.';
comment on column edf.models.status is
    'pending -> approved or rejected; approved -> retired when another model of the subject is approved.';
comment on column edf.models.artifact is 'The fitted model as versioned bytes that end in their SHA-256.';
comment on column edf.models.checksum is 'SHA-256 of the artifact, in hexadecimal.';
comment on column edf.models.parameters is 'Hyperparameters, with the defaults filled in.';
comment on column edf.models.features is 'Feature spec, with the defaults filled in.';
comment on column edf.models.feature_names is 'The features that the model reads, in order.';
comment on column edf.models.training_end is 'First time that was not learnt from.';
comment on column edf.models.training_rows is 'Rows between start and end whose target was known.';
comment on column edf.models.metrics is
    'held_out: rmse, mae (unit of the target) and mape_pct of the model and of seasonal naive on the newest block, not learnt from.';

-- A subject's forecasts come from one model.
create unique index models_one_approved_per_subject on edf.models (subject) where status = 'approved';
create index models_by_subject on edf.models (subject, created_at desc);

create table edf.model_events (
    event_id    bigint generated always as identity primary key,
    model_id    bigint not null,
    event       text not null check (event in ('trained', 'approved', 'rejected', 'retired')),
    reason      text,
    happened_at timestamptz not null default now(),
    happened_by text not null
);
comment on table edf.model_events is 'Who did what to which model, when and why.';
create index model_events_by_model on edf.model_events (model_id, event_id);

-- A dump keeps every model.
select pg_catalog.pg_extension_config_dump('edf.models', '');
select pg_catalog.pg_extension_config_dump('edf.models_model_id_seq', '');
select pg_catalog.pg_extension_config_dump('edf.model_events', '');
select pg_catalog.pg_extension_config_dump('edf.model_events_event_id_seq', '');

-- The state machine stands in a trigger, so that no statement passes by it.
create function edf.guard_model() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    if (new.model_id, new.subject, new.strategy, new.artifact, new.checksum, new.parameters, new.features)
        is distinct from
       (old.model_id, old.subject, old.strategy, old.artifact, old.checksum, old.parameters, old.features) then
        raise exception 'model % cannot be changed once it is trained', old.model_id
            using errcode = 'object_not_in_prerequisite_state', hint = 'Train another model.';
    end if;
    if new.status <> old.status
       and (old.status, new.status) not in (('pending', 'approved'), ('pending', 'rejected'), ('approved', 'retired')) then
        raise exception 'model % is %, it cannot become %', old.model_id, old.status, new.status
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Only a pending model can be approved or rejected. Train another one.';
    end if;
    return new;
end;
$$;
comment on function edf.guard_model() is
    'Keeps a trained model as it is and its status on its way. Errors: 55000 for any other change.';
create trigger guard_model before update on edf.models for each row execute function edf.guard_model();

-- Under SET ROLE the session's user is the pooler, not the person.
create function edf.acting_role() returns text
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(nullif(nullif(current_setting('role', true), 'none'), ''), session_user);
comment on function edf.acting_role() is 'The role that acts: the one of SET ROLE, else the session''s user.';

create function edf.register_model(
    subject text, strategy text, artifact bytea, parameters jsonb, features jsonb, feature_names text[],
    training_start timestamptz, training_end timestamptz, training_rows bigint, metrics jsonb
) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    model bigint;
begin
    perform edf.require('subject', subject is not null), edf.require('strategy', strategy is not null),
            edf.require('artifact', artifact is not null), edf.require('parameters', parameters is not null),
            edf.require('features', features is not null), edf.require('feature_names', feature_names is not null),
            edf.require('training_start', training_start is not null), edf.require('training_end', training_end is not null),
            edf.require('training_rows', training_rows is not null), edf.require('metrics', metrics is not null);
    insert into edf.models (
        subject, strategy, artifact, checksum, parameters, features, feature_names,
        training_start, training_end, training_rows, metrics, created_by
    )
    values (
        register_model.subject, register_model.strategy, register_model.artifact,
        encode(sha256(register_model.artifact), 'hex'), register_model.parameters, register_model.features,
        register_model.feature_names, register_model.training_start, register_model.training_end,
        register_model.training_rows, register_model.metrics, edf.acting_role()
    )
    returning model_id into model;
    insert into edf.model_events (model_id, event, happened_by) values (model, 'trained', edf.acting_role());
    return model;
end;
$$;
comment on function edf.register_model is 'Writes a fitted model as a pending row; edf.train calls it. Returns the model''s id.';
revoke all on function edf.register_model from public;

revoke all on edf.models, edf.model_events from public;
