create or replace function energy.governance() returns jsonb
language sql stable
set search_path = pg_catalog, pg_temp
return '{"second_person": true, "auto_approve": null, "auto_approve_anomalies": null}'::jsonb
    || coalesce(energy.current_config() -> 'governance', '{}');
comment on function energy.governance() is
    'Section governance of the configuration with defaults; retention only if it is configured.';
revoke all on function energy.governance() from public;

drop function if exists energy.approval_problem(bigint);

create or replace function energy.person() returns text
language sql stable
set search_path = pg_catalog, pg_temp
-- Roles that log in directly cannot impersonate a person by a setting.
return case when session_user = 'authenticator' then nullif(current_setting('edf.person', true), '') end;
comment on function energy.person() is
    'The person that the API acts for: the subject of the token. NULL: not an API session.';
revoke all on function energy.person() from public;

create or replace function energy.is_same_person(session_role text, acting_role text, person text) returns boolean
language sql stable
set search_path = pg_catalog, pg_temp
-- In API sessions the login and the roles are shared by all users.
return case
    when energy.person() is not null and session_role = session_user then person is not distinct from energy.person()
    else energy.person() = acting_role or session_role = session_user or acting_role = edf.acting_role()
end;
comment on function energy.is_same_person(text, text, text) is
$$Whether somebody (login role, acting role, and for the API the person) is the current user. Either the login role or
the acting role has to match: SET ROLE does not make a second person.$$;
revoke all on function energy.is_same_person(text, text, text) from public;

create or replace function energy.approval_problem(model_id bigint, despite_stress boolean default false) returns text
language sql stable
set search_path = pg_catalog, pg_temp
as $$
    select case
        when exists (
            select from energy.training_runs as runs
            where runs.model_id = approval_problem.model_id and state in ('queued', 'running')
        ) then 'its training is not over: see energy.training_runs'
        when (energy.governance() ->> 'second_person')::boolean and exists (
            select from edf.model_events as events
            where events.model_id = approval_problem.model_id and event = 'trained'
              and energy.is_same_person(session_role, happened_by, person)
            union all
            select from energy.training_runs as runs
            where runs.model_id = approval_problem.model_id and energy.is_same_person(session_role, requested_by, null)
        ) then format('%s trained it or requested its training: a second person must approve it',
        coalesce(energy.person(), session_user))
        when not despite_stress and energy.stress_failures(model_id) <> '{}' then
            'it failed its stress test: ' || array_to_string(energy.stress_failures(model_id), '; ')
    end
$$;
comment on function energy.approval_problem(bigint, boolean) is
$$Why the session's role may not approve a pending model now; NULL: it may. The training must be over, the role a second
person if governance.second_person is on, and the newest stress test passed unless despite_stress.$$;
revoke all on function energy.approval_problem(bigint, boolean) from public;

create or replace function energy.approve_models(
    reason text, subjects text[] default null, model_ids bigint[] default null, despite_stress boolean default false
)
returns table (model_id bigint, subject text, approved boolean, problem text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    if coalesce(btrim(approve_models.reason), '') = '' then
        raise exception 'an approval needs a reason'
            using errcode = 'invalid_parameter_value', hint = 'Give a reason; it is stored in edf.model_events.';
    end if;
    for model_id, subject in
        select newest.model_id, newest.subject
        from (
            select distinct on (models.subject) models.model_id, models.subject
            from edf.models
            where (status = 'pending' or models.model_id = any (approve_models.model_ids))
              and (approve_models.subjects is null or models.subject = any (approve_models.subjects))
              and (approve_models.model_ids is null or models.model_id = any (approve_models.model_ids))
            order by models.subject, models.model_id desc
        ) as newest
        order by newest.model_id
    loop
        problem := energy.approval_problem(model_id, approve_models.despite_stress);
        if problem is null then
            begin
                perform edf.approve_model(model_id, approve_models.reason);
            exception when object_not_in_prerequisite_state or data_corrupted then
                problem := sqlerrm;
            end;
        end if;
        approved := problem is null;
        return next;
    end loop;
end;
$$;
comment on function energy.approve_models(text, text[], bigint[], boolean) is
$$Approves pending models, the newest of each subject: all, or those of these subjects, or these models. One row each:
whether it was approved, and if not, why.

reason is stored with the event. despite_stress: approve models that failed their stress test too; give the reason for
it. Requires role edf_approver and, if governance.second_person is on, somebody who neither trained the model nor
requested its training. Errors: 22023 no reason.$$;
revoke all on function energy.approve_models(text, text[], bigint[], boolean) from public;

create or replace function energy.reject_models(reason text, subjects text[] default null,
    model_ids bigint[] default null)
returns table (model_id bigint, subject text)
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    select edf.reject_model(models.model_id, reason), models.subject
    from edf.models
    where status = 'pending' and num_nonnulls(subjects, model_ids) > 0
      and (subjects is null or models.subject = any (subjects))
      and (model_ids is null or models.model_id = any (model_ids))
$$;
comment on function energy.reject_models(text, text[], bigint[]) is
$$Rejects all pending models of these subjects, or these models, permanently; one row each. Without subjects and
models, none. Errors: 22004 no reason.$$;
revoke all on function energy.reject_models(text, text[], bigint[]) from public;

create or replace function energy.rollback_model(subject text, reason text) returns bigint
language sql security definer
set search_path = pg_catalog, pg_temp
as $$ select edf.rollback_model(subject, reason) $$;
comment on function energy.rollback_model(text, text) is
$$edf.rollback_model for role edf_approver: the previously approved model forecasts the subject again. Returns its
id. Errors: as edf.rollback_model.$$;
revoke all on function energy.rollback_model(text, text) from public;

create or replace function energy.auto_approve_anomaly_model(model_id bigint) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    most  constant double precision := (
        energy.governance() #>> '{auto_approve_anomalies,max_alarm_pct}')::double precision;
    score energy.model_scores;
    why   text;
begin
    select scores.* into score
    from energy.model_scores as scores
    join edf.models using (model_id)
    where scores.model_id = auto_approve_anomaly_model.model_id and status = 'pending'
      and models.strategy = any (energy.anomaly_models());
    if (100 - score.coverage_pct <= most) is not true or exists (
        select from energy.training_runs as runs
        where runs.model_id = auto_approve_anomaly_model.model_id and state in ('queued', 'running') and step <> 'register')
    then
        return null;
    end if;
    why := format('rule governance.auto_approve_anomalies of configuration %s: %s %% of %s days that were held out are alarms; at most %s %% are asked',
                  energy.current_config_id(), round((100 - score.coverage_pct)::numeric, 2), score.n, most);
    perform edf.approve_model(model_id, why);
    return why;
end;
$$;
comment on function energy.auto_approve_anomaly_model(bigint) is
$$Approves a pending model of anomalies where governance.auto_approve_anomalies of the configuration has a rule, and no more
than its share of the days that were held out are alarms. Returns the rule with the numbers, as it is written with the
event; NULL: it stays pending for a person.$$;
revoke all on function energy.auto_approve_anomaly_model(bigint) from public;

create or replace function energy.auto_approve_model(model_id bigint) returns text
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    rule     constant jsonb := nullif(energy.governance() -> 'auto_approve', 'null');
    days     double precision;
    champion bigint;
    ratio    double precision;
    why      text;
begin
    if exists (select from edf.models where models.model_id = auto_approve_model.model_id and strategy = any (energy.anomaly_models())) then
        return energy.auto_approve_anomaly_model(model_id);
    end if;
    select extract(epoch from (config #>> '{evaluation,test_period}')::interval) / 86400 into days
    from energy.trainings join energy.configs using (config_id) where trainings.model_id = auto_approve_model.model_id;
    select scores.rmse_kwh / nullif(rivals.rmse_kwh, 0) into ratio
    from energy.overall_scores as scores
    join energy.overall_scores as rivals using (model_id)
    join edf.models using (model_id)
    where model_id = auto_approve_model.model_id and scores.strategy = models.strategy and rivals.strategy = 'champion'
      and status = 'pending';
    if rule is null or (100 * (1 - ratio) >= (rule ->> 'min_improvement_pct')::double precision) is not true
       or (days >= (rule ->> 'min_days')::double precision) is not true or energy.stress_failures(model_id) <> '{}'
       or exists (select from energy.training_runs as runs
           where runs.model_id = auto_approve_model.model_id and state in ('queued', 'running') and step <> 'register')
               then
        return null;
    end if;
    select approved.model_id into champion
    from edf.models as approved join edf.models as pending using (subject)
    where approved.status = 'approved' and pending.model_id = auto_approve_model.model_id;
    why := format('rule governance.auto_approve of configuration %s: RMSE %s %% below that of model %s over %s days; '
                  'at least %s %% over %s days is required',
                  energy.current_config_id(), round((100 * (1 - ratio))::numeric, 1), champion, round(days),
                  rule ->> 'min_improvement_pct', rule ->> 'min_days');
    perform edf.approve_model(model_id, why);
    return why;
end;
$$;
comment on function energy.auto_approve_model(bigint) is
$$Approves a pending model if it meets governance.auto_approve of the configuration and passed its stress test: it is
compared with the champion's recipe on the same hours of its evaluation. Returns the rule with the numbers, as stored
with the event; NULL: it stays pending for a person to decide. Without a champion nothing is approved. The rule for an
anomaly model is governance.auto_approve_anomalies.$$;
revoke all on function energy.auto_approve_model(bigint) from public;
