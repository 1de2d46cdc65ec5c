-- Approval and rejection: the decision of a person or of a gate.

create function edf.decide_model(model_id bigint, decision text, reason text) returns bigint
language plpgsql
security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    model edf.models;
begin
    perform edf.require('model_id', model_id is not null);
    select * into model from edf.models where models.model_id = decide_model.model_id;
    if not found then
        raise exception 'there is no model %', model_id
            using errcode = 'undefined_object', hint = 'select model_id, subject, status from edf.models lists them.';
    end if;
    -- Two decisions about a subject take turns: the second sees what the first has done.
    perform pg_advisory_xact_lock(hashtextextended('edf.models ' || model.subject, 0));
    select * into model from edf.models where models.model_id = decide_model.model_id for update;
    if decision = 'approved' and encode(sha256(model.artifact), 'hex') <> model.checksum then
        raise exception 'the artifact of model % does not match its checksum', model_id
            using errcode = 'data_corrupted', hint = 'Restore the row from a backup, or train the model again.';
    end if;
    if decision = 'approved' and model.status = 'pending' then
        with retired as (
            update edf.models set status = 'retired'
            where subject = model.subject and status = 'approved'
            returning models.model_id
        )
        insert into edf.model_events (model_id, event, reason, happened_by)
        select retired.model_id, 'retired', 'replaced by model ' || model.model_id, edf.acting_role() from retired;
    end if;
    update edf.models set status = decision, decided_at = now(), decided_by = edf.acting_role()
    where models.model_id = decide_model.model_id and status is distinct from decision;
    if not found then
        raise exception 'model % is already %', model_id, decision
            using errcode = 'object_not_in_prerequisite_state', hint = 'There is nothing to do.';
    end if;
    insert into edf.model_events (model_id, event, reason, happened_by)
    values (decide_model.model_id, decision, decide_model.reason, edf.acting_role());
    return model_id;
end;
$$;
comment on function edf.decide_model is 'What edf.approve_model and edf.reject_model share. Returns the model''s id.';
revoke all on function edf.decide_model from public;

create function edf.approve_model(model_id bigint, reason text default null) returns bigint
language sql
security definer
set search_path = pg_catalog, pg_temp
as $$ select edf.decide_model(model_id, 'approved', reason) $$;
comment on function edf.approve_model is
    'Approves a pending model: from now on its subject is forecast with it; the model approved before is retired in the same transaction. Returns the model''s id. Errors: 42704 no such model, 55000 it is not pending, XX001 its artifact is damaged.';
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
