-- They commit after each step, so they cannot have SET clauses; every name is qualified instead.
create or replace procedure energy.work_on_trainings(batch_id bigint default null)
language plpgsql
as $$
declare
    claim      record;
    result     record;
    run        record;
    progress   record;
    started_at constant timestamptz := pg_catalog.clock_timestamp();
    worked     bigint := 0;
begin
    perform energy.check_timescaledb();
    loop
        claim := energy.claim_training();
        commit;
        if claim.refusal is not null then
            raise notice '%', claim.refusal;
            if worked = 0 and work_on_trainings.batch_id is not null then
                perform energy.note_training_work(work_on_trainings.batch_id, started_at, claim.refusal);
            end if;
            return;
        end if;
        exit when claim.run_id is null;
        loop
            result := energy.run_training_step(claim.run_id, claim.attempt);
            commit;
            exit when result.over;
        end loop;
        worked := worked + 1;
        select * into run from energy.training_runs as runs where runs.run_id = claim.run_id;
        select * into progress from energy.training_progress as batches where batches.batch_id = run.batch_id;
        raise notice '% %, % s: % of % done, % elapsed, about % left',
            pg_catalog.concat_ws(' of ', run.detector,
                coalesce(run.building_id, energy.archetype_subject(run.archetype))), run.state,
            pg_catalog.round(extract(epoch from run.finished_at - run.started_at)::numeric, 1), progress.done,
            progress.total,
            pg_catalog.date_trunc('second', progress.elapsed),
            coalesce(pg_catalog.date_trunc('second', progress.remaining)::text, 'an unknown time');
        if run.state = 'failed' then
            raise warning '% was not trained: %', coalesce(run.building_id, energy.archetype_subject(run.archetype)),
                run.message;
        end if;
        if result.cancelled then
            raise query_canceled using message = 'the training was cancelled',
                hint = 'Queued trainings stay queued: select energy.cancel_trainings(reason).';
        end if;
    end loop;
    if work_on_trainings.batch_id is not null then
        perform energy.note_training_work(work_on_trainings.batch_id, started_at, null);
    end if;
end;
$$;
comment on procedure energy.work_on_trainings(bigint) is
$$Executes queued trainings one after the other until the queue is empty; each step is committed. Call it in up to
training.workers sessions: each claims its own trainings. A building that fails is recorded in energy.training_runs and
energy.job_runs; the others continue. Cancelling the session cancels its current training.

batch_id: at the end a row of energy.job_runs with the progress and duration of this batch is written.$$;
revoke all on procedure energy.work_on_trainings(bigint) from public;

create or replace function energy.note_training_work(batch_id bigint, started_at timestamptz, refusal text) returns void
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    select energy.record_job_run(
        energy.training_job((select max(detector) from energy.training_runs as runs
            where runs.batch_id = note_training_work.batch_id)), null, energy.clock(), note_training_work.started_at,
        case when refusal is null then 'succeeded' else 'skipped' end, coalesce(registered, 0),
        message => coalesce(refusal,
            case when total > 0 then format('%s of %s done, %s registered, %s failed, %s cancelled; %s elapsed', done,
                total, registered, failed, cancelled,
                                                                     date_trunc('second', elapsed))
                                                                         else 'there was nothing to train' end))
    from (select) as one
    left join energy.training_progress as batches on batches.batch_id = note_training_work.batch_id
$$;
comment on function energy.note_training_work(bigint, timestamptz, text) is
$$Writes the row of energy.job_runs of a session that worked on a batch of trainings, with the batch's progress, or
why it did not work.$$;
revoke all on function energy.note_training_work(bigint, timestamptz, text) from public;

drop procedure if exists energy.train_models(text[]);

create or replace procedure energy.train_models(
    building_ids text[] default null, archetypes text[] default null,
    strategy text default null, parameters jsonb default null, features jsonb default null, reason text default null
)
language plpgsql
as $$
declare
    batch record;
begin
    perform energy.check_timescaledb();
    batch := energy.queue_trainings(building_ids, archetypes, strategy, parameters, features, reason);
    commit;
    call energy.work_on_trainings(batch.batch_id);
end;
$$;
comment on procedure energy.train_models(text[], text[], text, jsonb, jsonb, text) is
$$Trains a model of each building, then of each archetype that has two buildings with enough history, through the steps
of energy.training_steps: queues them (energy.queue_trainings, see there for the arguments; energy.plan_trainings is the
dry run) and works on the queue, beside other sessions (energy.work_on_trainings). A model that passes evaluation.gate
stays pending; one that fails is rejected with the numbers.

A building or archetype that fails is recorded in energy.training_runs and energy.job_runs; the others continue.$$;
revoke all on procedure energy.train_models(text[], text[], text, jsonb, jsonb, text) from public;

create or replace procedure energy.train_due_models()
language plpgsql
as $$
declare
    batch record;
begin
    perform energy.check_timescaledb();
    batch := energy.queue_trainings(only_due => true);
    commit;
    call energy.work_on_trainings(batch.batch_id);
end;
$$;
comment on procedure energy.train_due_models() is
$$As energy.train_models, for the buildings and archetypes of energy.training_due: those without an approved model, with
growing errors, or last trained training.max_age ago.$$;
revoke all on procedure energy.train_due_models() from public;
