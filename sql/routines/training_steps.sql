create or replace function energy.do_training_step(run energy.training_runs, step text) returns jsonb
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    recipe   constant jsonb := case when run.building_id is not null and run.detector is null then energy.recipe(run.building_id, run.strategy,
        run.parameters, run.features) end;
    model    edf.models;
    failures text[];
    counted  jsonb;
begin
    case do_training_step.step
    when 'validate' then
        if run.detector is not null then
            return energy.validate_anomaly_training(run.building_id, run.archetype, run.slot_at);
        end if;
        return energy.validate_training(run.building_id, run.archetype, run.slot_at);
    when 'features' then
        if run.detector is not null then
            return energy.anomaly_recipe(run.detector, run.building_id, run.archetype, run.slot_at);
        elsif recipe is null then
            return jsonb_build_object('preset', energy.current_config() #>> '{features,preset}');
        end if;
        execute format(
            $query$
            select jsonb_build_object('inputs', count(*), 'without_temperature', count(*) - count(temperature_c),
                'without_radiation', count(*) - count(ghi_w_m2))
            from (%s) as inputs
            $query$, energy.training_query(run.building_id, run.slot_at)) into counted;
        return counted || jsonb_build_object(
            'spec', edf.read_features(recipe -> 'features', recipe ->> 'strategy'),
            'parameters', edf.read_parameters(recipe ->> 'strategy', recipe -> 'parameters'),
            'history_hours', edf.history_hours(recipe ->> 'strategy', recipe -> 'parameters', recipe -> 'features'));
    when 'train' then
        if run.detector is not null then
            run.model_id := energy.fit_anomaly_model(run.detector, run.building_id, run.archetype, run.slot_at);
        elsif recipe is null then
            run.model_id := energy.train_archetype(run.archetype, run.parameters, run.features, run.slot_at);
        else
            run.model_id := energy.fit_building(run.building_id, recipe, run.slot_at);
        end if;
        update energy.training_runs set model_id = run.model_id where run_id = run.run_id;
        select * into strict model from edf.models where model_id = run.model_id;
        return jsonb_build_object('model_id', run.model_id, 'strategy', model.strategy, 'training_rows',
            model.training_rows, 'bytes', length(model.artifact));
    when 'evaluate' then
        -- For an archetype, train_archetype already did this.
        if run.detector is not null then
            perform energy.evaluate_anomaly_model(run.model_id);
        elsif run.building_id is not null then
            perform energy.evaluate_building(run.model_id);
        end if;
        return (
            select coalesce(jsonb_object_agg(strategy, to_jsonb(scores) - 'model_id' - 'strategy'), '{}')
            from energy.overall_scores as scores where model_id = run.model_id);
    when 'check' then
        failures := energy.gate_failures(run.model_id);
        if failures <> '{}' then
            raise exception 'gate: %', array_to_string(failures, '; ')
                using errcode = 'ED001',
                      hint = 'evaluation.gate in the configuration has the limits; energy.model_scores the scores by '
                             'day of lead.';
        end if;
        return '{}'::jsonb;
    when 'stress' then
        if run.detector is not null or energy.current_config() #> '{evaluation,stress}' = 'null' then
            return '{}'::jsonb;
        end if;
        -- It stays pending, with the reasons.
        return jsonb_build_object('failures', energy.record_stress_test(run.model_id));
    when 'register' then
        return jsonb_build_object('approved_by_rule', energy.auto_approve_model(run.model_id));
    end case;
end;
$$;
comment on function energy.do_training_step(energy.training_runs, text) is
$$Executes one step of a training and returns the result. Errors: those of the step; ED001 the model fails
evaluation.gate.$$;
revoke all on function energy.do_training_step(energy.training_runs, text) from public;

create or replace function energy.end_training(run_id bigint, state text, sqlstate text default null,
    message text default null, hint text default null) returns void
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    run energy.training_runs;
begin
    update energy.training_runs as runs
    set state = end_training.state, sqlstate = end_training.sqlstate, message = end_training.message,
        hint = nullif(end_training.hint, ''),
        changed_at = clock_timestamp(), finished_at = clock_timestamp()
    where runs.run_id = end_training.run_id
    returning * into run;
    delete from energy.training_cancels where training_cancels.run_id = end_training.run_id;
    -- A model that will no longer be evaluated must not stay pending.
    if end_training.state <> 'registered'
        and exists (select from edf.models where model_id = run.model_id and status = 'pending') then
        perform edf.reject_model(run.model_id, coalesce(end_training.message, end_training.state));
    end if;
    -- A model that fails its thresholds is a valid result.
    perform energy.record_job_run(
        energy.training_job(run.detector), run.building_id, run.slot_at, run.started_at,
        case when end_training.state = 'registered' or end_training.sqlstate = 'ED001' then 'succeeded'
            else 'failed' end,
        (run.model_id is not null)::integer, nullif(end_training.sqlstate, 'ED001'),
        case when end_training.sqlstate = 'ED001' then format('model %s was rejected: %s', run.model_id,
            end_training.message) else end_training.message end,
        end_training.hint, run.archetype);
end;
$$;
comment on function energy.end_training(bigint, text, text, text, text) is
$$Ends a training as registered, failed or cancelled, with a row of energy.job_runs; the model of a failed training
is rejected with the reason.$$;
revoke all on function energy.end_training(bigint, text, text, text, text) from public;

create or replace function energy.claim_training(out run_id bigint, out attempt integer, out refusal text)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    workers   constant integer := coalesce((energy.current_config() #>> '{training,workers}')::integer, 1);
    -- A session locks its run's row during a step, and releases it briefly between steps.
    patience  constant interval := interval '1 minute';
    abandoned bigint[];
    at_work   bigint;
    ended     bigint;
begin
    -- One at a time, so that the number of workers is exact.
    perform pg_advisory_xact_lock(hashtextextended('energy.claim_training', 0));
    abandoned := array(
        select runs.run_id from (
            select run_id, changed_at from energy.training_runs where state = 'running' for update skip locked
        ) as runs
        where changed_at < clock_timestamp() - patience);
    for ended in select runs.run_id from energy.training_runs as runs
        where runs.run_id = any (abandoned) and runs.attempt >= 3 loop
        perform energy.end_training(ended, 'failed', '58000',
            'three sessions that worked on it ended before it was finished',
                                    'See the server''s log: a restart, a kill, or out of memory.');
    end loop;
    select count(*) into at_work from energy.training_runs
    where state = 'running' and training_runs.run_id <> all (abandoned);
    if at_work >= workers then
        refusal := format('%s sessions are already training, the maximum of training.workers; they will execute the '
                          'queued trainings', at_work);
        return;
    end if;
    select runs.run_id into claim_training.run_id
    from energy.training_runs as runs
    where state = 'queued' or runs.run_id = any (abandoned) and state = 'running'
    -- The model of an archetype that forecasts learns from the same as those of its buildings; one of anomalies is their prior.
    order by (runs.archetype is null) = (runs.detector is not null), runs.run_id
    limit 1
    for update skip locked;
    if not found then
        return;
    end if;
    update energy.training_runs as runs
    set state = 'running', attempt = runs.attempt + 1, started_at = coalesce(runs.started_at, clock_timestamp()),
        changed_at = clock_timestamp(),
        worker_pid = pg_backend_pid(), step = coalesce(runs.step, 'validate')
    where runs.run_id = claim_training.run_id
    returning runs.attempt into claim_training.attempt;
end;
$$;
comment on function energy.claim_training() is
$$Claims the next training of the queue for this session: a queued one, or one whose session has ended (a minute after
its last step), which continues at the unfinished step; after the third such end it fails. NULL: there is none, or
training.workers sessions are already training, which refusal then says.$$;
revoke all on function energy.claim_training() from public;

create or replace function energy.run_training_step(run_id bigint, attempt integer, out over boolean,
    out cancelled boolean)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    steps      constant text[] := array['validate', 'features', 'train', 'evaluate', 'check', 'stress', 'register'];
    started_at constant timestamptz := clock_timestamp();
    run        energy.training_runs;
    asked      energy.training_cancels;
    details    jsonb;
    outcome    text := 'succeeded';
    state      text;
    message    text;
    advice     text;
begin
    over := true;
    cancelled := false;
    -- Claimed by another session, which considered this one dead.
    select * into run from energy.training_runs as runs
    where runs.run_id = run_training_step.run_id and runs.attempt = run_training_step.attempt and runs.state = 'running'
    -- claim_training skips the locked row; cancel_trainings may reference it.
    for no key update;
    if not found then
        return;
    end if;
    select * into asked from energy.training_cancels as cancels where cancels.run_id = run.run_id;
    if found then
        perform energy.end_training(run.run_id, 'cancelled', '57014',
            format('cancelled by %s: %s', asked.asked_by, asked.reason));
        return;
    end if;
    begin
        details := energy.do_training_step(run, run.step);
    exception
        when query_canceled then
            outcome := 'cancelled';
            cancelled := true;
            state := '57014';
            message := sqlerrm;
        when others then
            outcome := 'failed';
            get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
    end;
    insert into energy.training_steps (run_id, attempt, step, started_at, outcome, details)
    values (run.run_id, run.attempt, run.step, started_at, outcome,
            coalesce(details, jsonb_build_object('sqlstate', state, 'message', message)));
    if outcome <> 'succeeded' then
        perform energy.end_training(run.run_id, outcome, state, message, advice);
    elsif run.step = 'register' then
        perform energy.end_training(run.run_id, 'registered', message => coalesce(
            details ->> 'approved_by_rule',
            'it failed its stress test: ' || nullif(array_to_string(energy.stress_failures(run.model_id), '; '), '')));
    else
        over := false;
        update energy.training_runs as runs
        set step = steps[array_position(steps, run.step) + 1], changed_at = clock_timestamp()
        where runs.run_id = run.run_id;
    end if;
end;
$$;
comment on function energy.run_training_step(bigint, integer) is
$$Executes the next step of a training claimed by this session, and returns whether the training is over. A failing step
ends the training, recorded as a row; so does cancelling the session, returned in cancelled so that the caller can
commit the row and stop.$$;
revoke all on function energy.run_training_step(bigint, integer) from public;
