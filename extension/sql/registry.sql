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
comment on column edf.models.subject is
    'What the model forecasts or finds anomalies in: a building''s id, a meter, any name.';
comment on column edf.models.strategy is
    'How it forecasts: seasonal_naive, profile, mstl, prophet, sarimax, lear, xgboost, ensemble, global, solar; or how it finds anomalies: edf.anomaly_strategies().';
comment on column edf.models.status is
    'pending -> approved or rejected; approved -> retired when another model of the subject is approved; retired -> approved by edf.rollback_model.';
comment on column edf.models.artifact is 'The fitted model as versioned bytes that end in their SHA-256. Empty: see edf.empty_model.';
comment on column edf.models.checksum is 'SHA-256 of the artifact as it was trained, in hexadecimal.';
comment on column edf.models.parameters is 'Hyperparameters, with the defaults filled in.';
comment on column edf.models.features is
$$Feature spec, with the defaults filled in; of anomaly models for each feature its median, its spread and the share
of rows in which it was known.$$;
comment on column edf.models.feature_names is 'The features that the model reads, in order.';
comment on column edf.models.training_end is 'End of the training range, not included.';
comment on column edf.models.training_rows is
    'Rows between start and end whose target was known; of anomaly models those with enough known values.';
comment on column edf.models.metrics is
$$held_out: rmse, mae (unit of the target) and mape_pct of the model and of seasonal naive on the newest block, which
is not trained on; importance: see edf.feature_importance. Of anomaly models see docs/anomaly_models.md.$$;

-- A subject's forecasts come from one model.
create unique index models_one_approved_per_subject on edf.models (subject) where status = 'approved';
create index models_by_subject on edf.models (subject, created_at desc);

create table edf.model_events (
    event_id    bigint generated always as identity primary key,
    model_id    bigint not null,
    event       text not null check (event in ('trained', 'approved', 'rejected', 'retired', 'restored', 'emptied', 'deleted')),
    reason      text,
    happened_at timestamptz not null default now(),
    happened_by text not null,
    session_role text default session_user,
    person      text default nullif(current_setting('edf.person', true), '')
);
comment on table edf.model_events is 'Who did what to which model, when and why. Append-only, for every role.';
comment on column edf.model_events.happened_by is 'The role that acted: the one of SET ROLE, else the session''s.';
comment on column edf.model_events.session_role is
    'The role that logged in; NULL: recorded by a release that did not store it.';
comment on column edf.model_events.person is
$$The person for whom an application acts that serves many people with one role, from the setting edf.person; NULL:
not set.$$;
create index model_events_by_model on edf.model_events (model_id, event_id);

-- A dump keeps every model.
select pg_catalog.pg_extension_config_dump('edf.models', '');
select pg_catalog.pg_extension_config_dump('edf.models_model_id_seq', '');
select pg_catalog.pg_extension_config_dump('edf.model_events', '');
select pg_catalog.pg_extension_config_dump('edf.model_events_event_id_seq', '');

-- Under SET ROLE the session's user is the pooler, not the person.
create function edf.acting_role() returns text
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(nullif(nullif(current_setting('role', true), 'none'), ''), session_user);
comment on function edf.acting_role() is 'The role that acts: the one of SET ROLE, else the session''s user.';

-- The state machine is a trigger, so that it applies to every statement.
create function edf.guard_model() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    owner constant oid := (select relowner from pg_class where oid = tg_relid);
begin
    if tg_op = 'INSERT' then
        -- Rows of a dump contain decisions, and only the owner restores them.
        if pg_has_role(current_user, owner, 'member') and pg_has_role(edf.acting_role(), owner, 'member') then
            return new;
        end if;
        if new.status <> 'pending' or num_nonnulls(new.decided_at, new.decided_by) > 0 or new.created_by <> edf.acting_role()
           or new.checksum <> encode(sha256(new.artifact), 'hex') then
            raise exception 'a model of "%" must be inserted as pending, by the role that trained it, with its checksum',
                new.subject
                using errcode = 'object_not_in_prerequisite_state', hint = 'edf.train and edf.register_model write such a row.';
        end if;
        return new;
    end if;
    if (new.model_id, new.subject, new.strategy, new.checksum, new.parameters, new.features, new.feature_names, new.training_start, new.training_end,
        new.training_rows, new.metrics, new.created_at, new.created_by)
        is distinct from
       (old.model_id, old.subject, old.strategy, old.checksum, old.parameters, old.features, old.feature_names, old.training_start, old.training_end,
        old.training_rows, old.metrics, old.created_at, old.created_by)
       or new.artifact <> old.artifact and not (new.artifact = '' and new.status = old.status and old.status in ('rejected', 'retired'))
       or new.status = old.status and (new.decided_at, new.decided_by) is distinct from (old.decided_at, old.decided_by) then
        raise exception 'model % cannot be changed once it is trained', old.model_id
            using errcode = 'object_not_in_prerequisite_state', hint = 'Train another model.';
    end if;
    if new.status <> old.status
       and (old.status, new.status) not in (('pending', 'approved'), ('pending', 'rejected'), ('approved', 'retired'), ('retired', 'approved')) then
        raise exception 'model % is %, it cannot become %', old.model_id, old.status, new.status
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Only a pending model can be approved or rejected. Train another one.';
    end if;
    if (new.status <> old.status or new.artifact <> old.artifact) and not exists (
        select from edf.model_events
        where model_id = old.model_id and happened_at = now()
          and event = case when new.artifact <> old.artifact then 'emptied' when old.status = 'retired' then 'restored' else new.status end
    ) then
        raise exception 'model % would become % without an event that says who did it and why', old.model_id, new.status
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Use edf.approve_model, edf.reject_model, edf.rollback_model or edf.empty_model.';
    end if;
    return new;
end;
$$;
comment on function edf.guard_model() is
$$Enforces the life cycle of models: they are inserted as pending, do not change once trained, and each change of
their status needs an event. Errors: 55000 for any other change.$$;
create trigger guard_model before insert or update on edf.models for each row execute function edf.guard_model();

create function edf.keep_events() returns trigger
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    raise exception 'events of models cannot be changed or deleted'
        using errcode = 'object_not_in_prerequisite_state',
              hint = 'Correct a decision by another one, which adds an event.';
end;
$$;
comment on function edf.keep_events() is 'Keeps edf.model_events append-only, for its owner too. Errors: 55000.';
create trigger keep_events before update or delete on edf.model_events for each row execute function edf.keep_events();
create trigger keep_events_whole before truncate on edf.model_events for each statement execute function edf.keep_events();
-- Also in a session that turns triggers off.
alter table edf.model_events enable always trigger keep_events, enable always trigger keep_events_whole;

create function edf.register_model(
    subject text, strategy text, artifact bytea, parameters jsonb, features jsonb, feature_names text[],
    training_start timestamptz, training_end timestamptz, training_rows bigint, metrics jsonb, reason text default null
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
    perform edf.require_kind(subject, strategy);
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
    insert into edf.model_events (model_id, event, reason, happened_by) values (model, 'trained', register_model.reason, edf.acting_role());
    return model;
end;
$$;
comment on function edf.register_model is
$$Writes a fitted model as a pending row; called by edf.train and edf.train_anomaly_model. Returns the model's id.
Errors: 22004 a NULL argument, 22023 the subject has models of the other kind.$$;
revoke all on function edf.register_model from public;

revoke all on edf.models, edf.model_events from public;
