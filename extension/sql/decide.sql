-- Decisions about models: each with who, when and why.

create function edf.require_model(model_id bigint) returns edf.models
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    select * into model from edf.models where models.model_id = require_model.model_id;
    if not found then
        raise exception 'there is no model %', coalesce(require_model.model_id::text, 'null')
            using errcode = 'undefined_object', hint = 'select model_id, subject, status from edf.models lists them.';
    end if;
    return model;
end;
$$;
comment on function edf.require_model(bigint) is
    'A model by its id, read with the rights of the caller. Errors: 42704 no such model.';

create function edf.locked_model(model_id bigint) returns edf.models
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    model := edf.require_model(model_id);
    -- Decisions about a subject are serialised: the second sees the result of the first.
    perform pg_advisory_xact_lock(hashtextextended('edf.models ' || model.subject, 0));
    select * into model from edf.models where models.model_id = locked_model.model_id for update;
    return model;
end;
$$;
comment on function edf.locked_model is 'A model, locked with its subject until the end of the transaction. Errors: 42704 no such model.';
revoke all on function edf.locked_model from public;

create function edf.require_artifact(model edf.models) returns void
language plpgsql immutable
set search_path = pg_catalog, pg_temp
as $$
begin
    if model.artifact = '' then
        raise exception 'the artifact of model % was emptied', model.model_id
            using errcode = 'object_not_in_prerequisite_state', hint = 'Train another model; edf.model_events says why it was emptied.';
    end if;
    if encode(sha256(model.artifact), 'hex') <> model.checksum then
        raise exception 'the artifact of model % does not match its checksum', model.model_id
            using errcode = 'data_corrupted', hint = 'Restore the row from a backup, or train the model again.';
    end if;
end;
$$;
comment on function edf.require_artifact is
    'Raises an error if a model cannot be used: 55000 its artifact was emptied, XX001 its artifact is damaged.';
revoke all on function edf.require_artifact from public;

create function edf.retire_approved(subject text, reason text) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    champion bigint;
begin
    select model_id into champion from edf.models where models.subject = retire_approved.subject and status = 'approved';
    if found then
        insert into edf.model_events (model_id, event, reason, happened_by) values (champion, 'retired', retire_approved.reason, edf.acting_role());
        update edf.models set status = 'retired' where model_id = champion;
    end if;
end;
$$;
comment on function edf.retire_approved is 'Retires the approved model of a subject, if it has one.';
revoke all on function edf.retire_approved from public;

create function edf.decide_model(model_id bigint, decision text, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    model constant edf.models := edf.locked_model(model_id);
begin
    if model.status = decision then
        raise exception 'model % is already %', model_id, decision
            using errcode = 'object_not_in_prerequisite_state', hint = 'There is nothing to do.';
    elsif model.status <> 'pending' then
        raise exception 'model % is %, it cannot become %', model_id, model.status, decision
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'Only a pending model can be decided on. edf.rollback_model restores the previous one.';
    end if;
    if decision = 'approved' then
        perform edf.require_artifact(model);
        perform edf.retire_approved(model.subject, 'replaced by model ' || model.model_id);
    end if;
    insert into edf.model_events (model_id, event, reason, happened_by)
    values (decide_model.model_id, decision, decide_model.reason, edf.acting_role());
    update edf.models set status = decision, decided_at = now(), decided_by = edf.acting_role() where models.model_id = decide_model.model_id;
    return model_id;
end;
$$;
comment on function edf.decide_model is
    'Approves or rejects a model; called by edf.approve_model and edf.reject_model. Returns the model''s id.';
revoke all on function edf.decide_model from public;

create function edf.approve_model(model_id bigint, reason text default null) returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$ select edf.decide_model(model_id, 'approved', reason) $$;
comment on function edf.approve_model is
$$Approves a pending model: its subject is forecast with it from now on, and the model approved before is retired in
the same transaction. Returns the model's id. Errors: 42704 no such model, 55000 it is not pending, XX001 its
artifact is damaged.$$;
revoke all on function edf.approve_model from public;

create function edf.reject_model(model_id bigint, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    perform edf.require('reason', reason is not null);
    return edf.decide_model(model_id, 'rejected', reason);
end;
$$;
comment on function edf.reject_model is
    'Rejects a pending model, with the reason; it can never be approved. Returns the model''s id. Errors: 42704 no such model, 55000 it is not pending.';
revoke all on function edf.reject_model from public;

create function edf.rollback_model(subject text, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    champion bigint;
    model    edf.models;
begin
    perform edf.require('subject', subject is not null), edf.require('reason', reason is not null);
    perform pg_advisory_xact_lock(hashtextextended('edf.models ' || subject, 0));
    select model_id into champion from edf.models where models.subject = rollback_model.subject and status = 'approved';
    if not found then
        raise exception 'no model of "%" is approved', subject
            using errcode = 'undefined_object',
                  hint = 'select model_id, subject, status from edf.models lists models; approve a pending one.';
    end if;
    -- The model that the champion replaced when it was first approved: another call goes one model further back.
    select models.* into model
    from edf.model_events as retired
    join edf.models using (model_id)
    where models.subject = rollback_model.subject and retired.event = 'retired' and model_id <> champion
      and retired.event_id < (select min(event_id) from edf.model_events where model_id = champion and event = 'approved')
    order by retired.event_id desc
    limit 1;
    if not found then
        raise exception 'model % is the first approved model of "%"', champion, subject
            using errcode = 'object_not_in_prerequisite_state',
                  hint = 'There is no earlier model to roll back to. Approve a pending one.';
    end if;
    perform edf.require_artifact(model);
    perform edf.retire_approved(subject, format('rolled back to model %s: %s', model.model_id, reason));
    insert into edf.model_events (model_id, event, reason, happened_by)
    values (model.model_id, 'restored', format('instead of model %s: %s', champion, reason), edf.acting_role());
    update edf.models set status = 'approved', decided_at = now(), decided_by = edf.acting_role() where models.model_id = model.model_id;
    return model.model_id;
end;
$$;
comment on function edf.rollback_model is
$$Undoes an approval: the model that was approved before is approved again, and the current one is retired. Returns
the id of the model that now forecasts. Errors: 42704 no model is approved; 55000 there is no earlier model, or its
artifact was emptied; XX001 its artifact is damaged.$$;
revoke all on function edf.rollback_model from public;

create function edf.empty_model(model_id bigint, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    model constant edf.models := edf.locked_model(model_id);
begin
    perform edf.require('reason', reason is not null);
    if model.status not in ('rejected', 'retired') then
        raise exception 'model % is %, its artifact is needed', model_id, model.status
            using errcode = 'object_not_in_prerequisite_state', hint = 'Only rejected and retired models can be emptied.';
    end if;
    if model.artifact <> '' then
        insert into edf.model_events (model_id, event, reason, happened_by)
        values (empty_model.model_id, 'emptied', empty_model.reason, edf.acting_role());
        update edf.models set artifact = '' where models.model_id = empty_model.model_id;
    end if;
    return length(model.artifact);
end;
$$;
comment on function edf.empty_model is
$$Empties the artifact of a rejected or retired model permanently. Its row, metrics, checksum and events are
retained, so that its forecasts can be traced; it cannot forecast again. Returns the size of the artifact in bytes, 0
if it was already empty. Errors: 42704 no such model, 55000 it is pending or approved.$$;
revoke all on function edf.empty_model from public;
