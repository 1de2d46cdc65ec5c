-- It commits, so it cannot have a SET clause; every name is qualified instead.
create or replace procedure energy.run_job(job_name text)
language plpgsql
as $$
declare
    run     bigint;
    state   text;
    message text;
    advice  text;
begin
    -- Whatever the session's default: a run sees what other sessions have committed.
    commit;
    set transaction isolation level read committed;
    run := energy.begin_run(job_name);
    commit;
    if run is null then
        raise notice 'job "%" is running in another session', job_name;
        return;
    end if;
    perform edf.cancel_after((select jobs.timeout from energy.jobs where jobs.job_name = run_job.job_name));
    case job_name
        -- These commit on the way, which exception blocks do not allow: they record their errors themselves.
        when 'ingest_inbox' then call energy.ingest_meter_inbox();
        when 'issue_forecasts' then call energy.issue_forecasts();
        when 'refresh_forecasts' then call energy.refresh_forecasts();
        when 'train_models' then call energy.train_due_models();
        when 'train_anomaly_models' then call energy.train_anomaly_models(only_due => true);
        when 'make_partitions' then call energy.make_partitions();
        when 'apply_retention' then call energy.apply_retention();
        else
            begin
                case job_name
                    when 'refresh_hours' then call energy.refresh_building_hours();
                    when 'refresh_days' then call energy.refresh_apartment_days();
                    when 'score_anomalies' then call energy.score_anomalies();
                    when 'learn_anomaly_weights' then call energy.learn_anomaly_weights();
                    when 'learn_gap_profiles' then call energy.learn_gap_profiles();
                    when 'issue_shadow_forecasts' then call energy.issue_shadow_forecasts();
                    when 'score_forecasts' then call energy.score_forecasts();
                    when 'check_alerts' then call energy.check_alerts();
                    when 'review_life_cycle' then call energy.review_life_cycle();
                    when 'gate_models' then call energy.gate_models();
                    when 'watch_jobs' then call energy.watch_jobs();
                end case;
            exception when query_canceled or others then
                get stacked diagnostics state = returned_sqlstate, message = message_text, advice = pg_exception_hint;
            end;
    end case;
    select * into state, message, advice from energy.end_run(run, state, message, advice);
    commit;
    if state is not null then
        raise exception '%: %', job_name, message using errcode = state, hint = coalesce(advice, '');
    end if;
end;
$$;
comment on procedure energy.run_job(text) is
$$Runs a job of energy.jobs: the entry point for pg_cron and any other scheduler. The run has a row of energy.job_runs
from its start: running, then succeeded or failed with SQLSTATE, message and hint. Only one run of a job executes at a
time; others record themselves as skipped. A run that exceeds the timeout of its job is cancelled (57014). A killed run
is closed as killed by the next run, or by job watch_jobs.

It commits, so it cannot be called inside of a transaction (2D000). Errors: 42704 no such job; the error of the run as a
whole.$$;
revoke all on procedure energy.run_job(text) from public;

create or replace procedure energy.run_timescaledb_job(job_id integer, config jsonb)
language plpgsql
as $$
begin
    call energy.run_job(config ->> 'job_name');
    commit;
end;
$$;
comment on procedure energy.run_timescaledb_job(integer, jsonb) is
$$energy.run_job for a job of TimescaleDB: select add_job('energy.run_timescaledb_job', '15 minutes', config =>
'{"job_name": "issue_forecasts"}').$$;
revoke all on procedure energy.run_timescaledb_job(integer, jsonb) from public;
