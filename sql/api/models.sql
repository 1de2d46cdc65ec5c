-- Models that wait for approval, and the decision.
create or replace function energy.decision_state(model_id bigint, out stress_failures text[], out problem text)
language sql stable security definer
set search_path = pg_catalog, pg_temp
as $$
    select energy.stress_failures(models.model_id),
        case when status = 'pending' then energy.approval_problem(models.model_id) end
    from edf.models where models.model_id = decision_state.model_id
$$;
comment on function energy.decision_state(bigint) is
$$Stress test failures of a model and, if it is pending, why the caller may not approve it now; for the API, whose roles
can read nothing else.$$;
revoke all on function energy.decision_state(bigint) from public;
grant execute on function energy.decision_state(bigint), energy.clock() to operator;

create or replace view api.models with (security_barrier = true) as
select
    models.model_id,
    models.subject,
    models.strategy,
    models.status,
    models.created_at as trained_at,
    models.created_by as trained_by,
    models.decided_at,
    decision.person as decided_by,
    decision.reason,
    scores.n as evaluated_hours,
    scores.rmse_kwh,
    scores.mape_pct,
    scores.coverage_pct,
    champion.rmse_kwh as champion_rmse_kwh,
    naive.rmse_kwh as naive_rmse_kwh,
    state.stress_failures,
    state.problem
from edf.models
cross join lateral energy.decision_state(models.model_id) as state
left join energy.overall_scores as scores on scores.model_id = models.model_id and scores.strategy = models.strategy
left join energy.overall_scores as champion on champion.model_id = models.model_id and champion.strategy = 'champion'
left join energy.overall_scores as naive on naive.model_id = models.model_id and naive.strategy = 'seasonal_naive'
left join lateral (
    select coalesce(events.person, events.happened_by) as person, events.reason from edf.model_events as events
    where events.model_id = models.model_id and event in ('approved', 'rejected', 'restored')
    order by event_id desc limit 1
) as decision on true
where models.status in ('pending', 'approved') or models.decided_at > now() - interval '90 days';
comment on view api.models is $$Models and decisions about them

One row per model that is pending, approved, or was decided in the last 90 days. `GET /models?status=eq.pending` lists
the pending ones. Errors are those of a rolling-origin backtest over all days of lead; `champion_rmse_kwh` is the RMSE
of the model approved at that time on the same hours.$$;
comment on column api.models.subject is 'The building that it forecasts, or `archetype:` followed by a name.';
comment on column api.models.status is 'pending, approved, rejected or retired.';
comment on column api.models.trained_by is 'The role that trained it.';
comment on column api.models.decided_by is 'Who approved or rejected it: the subject of a token, or a role.';
comment on column api.models.reason is 'The reason given with the decision.';
comment on column api.models.evaluated_hours is 'Number of hours evaluated; null: it was not evaluated.';
comment on column api.models.naive_rmse_kwh is 'RMSE of seasonal naive on the same hours.';
comment on column api.models.stress_failures is 'Failures of its stress test; empty: none.';
comment on column api.models.problem is 'Why you cannot approve it now; null: you can.';
grant select on api.models to operator;

-- Maps errors of the registry to HTTP status codes.
create or replace function energy.decide_over_http(
    decision text, model_id bigint, reason text, despite_stress boolean default false
) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
declare
    found record;
    said  text;
    advice text;
begin
    if model_id is null or coalesce(btrim(reason), '') = '' then
        raise exception '% is missing', case when model_id is null then 'model_id' else 'reason' end
            using errcode = 'invalid_parameter_value',
                  hint = 'Send {"model_id": 1, "reason": "..."}: what convinced you is kept.';
    end if;
    if not exists (select from edf.models where models.model_id = decide_over_http.model_id) then
        perform energy.refuse('PT404', format('there is no model %s', model_id), 'GET /models lists them.');
    end if;
    begin
        if decision = 'approve' then
            select * into found
            from energy.approve_models(reason, model_ids => array[model_id], despite_stress => despite_stress);
            if not found.approved then
                perform energy.refuse('PT409', format('model %s was not approved: %s', model_id, found.problem),
                    'GET /models says what each model waits for.');
            end if;
        else
            perform edf.reject_model(model_id, reason);
        end if;
    exception when object_not_in_prerequisite_state or data_corrupted then
        get stacked diagnostics said = message_text, advice = pg_exception_hint;
        perform energy.refuse('PT409', said, advice);
    end;
    return (
        select jsonb_build_object(
            'model_id', models.model_id, 'subject', subject, 'status', status, 'decided_at', decided_at)
        from edf.models where models.model_id = decide_over_http.model_id);
end;
$$;
comment on function energy.decide_over_http(text, bigint, text, boolean) is
$$Shared by api.approve_model and api.reject_model. Errors: 22023 no model_id or reason; PT404 no such model; PT409 the
decision is not possible, and why.$$;
revoke all on function energy.decide_over_http(text, bigint, text, boolean) from public;

create or replace function api.approve_model(
    model_id bigint default null, reason text default null, despite_stress boolean default false
) returns jsonb
language sql security definer
set search_path = pg_catalog, pg_temp
as $$ select energy.decide_over_http('approve', model_id, reason, coalesce(despite_stress, false)) $$;
comment on function api.approve_model(bigint, text, boolean) is
$$Approves a pending model

From now on it forecasts its subject; the previously approved model is retired. `reason` is stored with your name and
the time. `despite_stress`: approve it although it failed its stress test. 409 says why it cannot be approved, for
example because you trained it yourself.$$;
revoke all on function api.approve_model(bigint, text, boolean) from public;
grant execute on function api.approve_model(bigint, text, boolean) to operator;

create or replace function api.reject_model(model_id bigint default null, reason text default null) returns jsonb
language sql security definer
set search_path = pg_catalog, pg_temp
as $$ select energy.decide_over_http('reject', model_id, reason) $$;
comment on function api.reject_model(bigint, text) is
$$Rejects a pending model permanently

`reason` is stored with your name and the time.$$;
revoke all on function api.reject_model(bigint, text) from public;
grant execute on function api.reject_model(bigint, text) to operator;

create or replace function api.rollback_model(subject text default null, reason text default null) returns jsonb
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    said   text;
    advice text;
    model  bigint;
begin
    if coalesce(subject, '') = '' or coalesce(btrim(reason), '') = '' then
        raise exception '% is missing', case when coalesce(subject, '') = '' then 'subject' else 'reason' end
            using errcode = 'invalid_parameter_value', hint = 'Send {"subject": "...", "reason": "..."}.';
    end if;
    begin
        model := edf.rollback_model(subject, reason);
    exception when undefined_object or object_not_in_prerequisite_state or data_corrupted then
        get stacked diagnostics said = message_text, advice = pg_exception_hint;
        perform energy.refuse('PT409', left(said, 300), advice);
    end;
    return jsonb_build_object('model_id', model, 'subject', subject, 'status', 'approved');
end;
$$;
comment on function api.rollback_model(text, text) is
$$Rolls back an approval

The previously approved model forecasts the subject again. 409: there is none.$$;
revoke all on function api.rollback_model(text, text) from public;
grant execute on function api.rollback_model(text, text) to operator;
