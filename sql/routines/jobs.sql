create or replace function energy.define_jobs() returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    with config as materialized (
        select energy.current_config() as config
    ),

    defined as (
        select job_name, description, format('call energy.run_job(%L)', job_name) as command,
            config #>> array['schedules', job_name] as schedule,
            coalesce((config #>> array['jobs', job_name, 'timeout'])::interval, timeout) as timeout,
            coalesce((config #>> array['jobs', job_name, 'late_after'])::interval, late_after) as late_after
        from config
        cross join (values
            ('ingest_inbox', 'Ingests the lines that COPY has written to raw.meter_inbox.', interval '10 minutes',
             interval '15 minutes'),
            ('refresh_hours', 'Recomputes the hours affected by new readings.', '30 minutes', '1 hour'),
            ('refresh_days', 'Recomputes the apartment days whose hours have changed.', '1 hour', '3 hours'),
            ('score_anomalies', 'Scores the days of apartments that are over, and those that changed since.', '1 hour',
             '3 hours'),
            ('train_anomaly_models', 'Trains anomaly models that are due: missing ones, and those trained a month ago.',
             '1 day', '12 hours'),
            ('learn_anomaly_weights', 'Learns the weights of the detectors from technicians'' feedback.', '1 hour',
             '12 hours'),
            ('learn_gap_profiles', 'Learns the daily profiles used to distribute long gaps of meters.', '1 hour',
             '12 hours'),
            ('issue_forecasts', 'Issues due forecasts, including missed ones.', '1 hour', '1 hour'),
            ('refresh_forecasts', 'Corrects the coming hours with the newest actuals and weather.', '15 minutes',
             '1 hour'),
            ('issue_shadow_forecasts', 'Makes the shadow forecasts of challengers.', '1 hour', '3 hours'),
            ('score_forecasts', 'Scores issued forecasts against actuals.', '30 minutes', '3 hours'),
            ('check_alerts', 'Opens and resolves alerts.', '5 minutes', '15 minutes'),
            ('review_life_cycle', 'Updates the life cycle stage of each building.', '1 hour', '12 hours'),
            ('train_models', 'Trains and scores due models: missing, outdated, or with growing errors.', '2 days',
             '12 hours'),
            ('gate_models', 'Rejects models that fail evaluation.gate.', '10 minutes', '12 hours'),
            ('make_partitions', 'Creates the partitions of the coming months.', '1 hour', '12 hours'),
            ('apply_retention', 'Drops data older than its retention in section storage.', '4 hours', '12 hours'),
            ('watch_jobs', 'Closes runs whose session has ended, and records jobs that did not run on time.',
             '5 minutes', '30 minutes')
        ) as jobs (job_name, description, timeout, late_after)
    ),

    dropped as (
        delete from energy.jobs where job_name not in (select job_name from defined)
    )

    insert into energy.jobs as known (job_name, description, command, schedule, timeout, late_after, since)
    select job_name, description, command, schedule, timeout, late_after, energy.clock() from defined
    on conflict (job_name) do update set
        description = excluded.description, command = excluded.command, schedule = excluded.schedule,
        timeout = excluded.timeout,
        late_after = excluded.late_after,
        since = case when known.schedule is distinct from excluded.schedule then excluded.since else known.since end
    where (known.description, known.command, known.schedule, known.timeout, known.late_after)
        is distinct from (excluded.description, excluded.command, excluded.schedule, excluded.timeout,
            excluded.late_after)
$$;
comment on function energy.define_jobs() is
$$Writes energy.jobs: the jobs of this release, with schedules, timeouts and lateness of the current configuration.
Called by deployments and new configurations.$$;
revoke all on function energy.define_jobs() from public;

create or replace function energy.is_run_alive(run energy.job_runs) returns boolean
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    -- A session may outlive the run's failed statement. Workers whose state is not visible count as active.
    select exists (
        select from pg_stat_activity
        where pid = run.backend_pid and backend_start = run.backend_started_at
          and (state = 'active' and query_start <= run.started_at or state is null or state = 'disabled')
    )
$$;
comment on function energy.is_run_alive(energy.job_runs) is
$$Whether the statement that started this run is still executing. Its owner sees the sessions of all roles: see
pg_read_all_stats.$$;
revoke all on function energy.is_run_alive(energy.job_runs) from public;

create or replace function energy.run_at_work(job_name text) returns timestamptz
language sql security definer
set search_path = pg_catalog, pg_temp
as $$
    select started_at from energy.job_runs as runs
    where runs.job_name = run_at_work.job_name and status = 'running' and energy.is_run_alive(runs)
$$;
comment on function energy.run_at_work(text) is 'Start of the active run of a job; NULL: there is none.';
revoke all on function energy.run_at_work(text) from public;

create or replace function energy.close_dead_runs(job_name text default null) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    closed bigint;
begin
    -- pg_stat_activity is otherwise cached within the transaction.
    perform pg_stat_clear_snapshot();
    update energy.job_runs as runs
    set status = 'killed', finished_at = clock_timestamp(),
        message = coalesce(message,
            'its session ended, or its statement was cancelled, before the run could record it'),
        hint = coalesce(hint, 'See the server''s log; committed work is kept, and the next run continues from there.')
    where runs.status = 'running' and (close_dead_runs.job_name is null or runs.job_name = close_dead_runs.job_name)
      and not energy.is_run_alive(runs);
    get diagnostics closed = row_count;
    return closed;
end;
$$;
comment on function energy.close_dead_runs(text) is
$$Sets status killed on runs of a job (by default of all) that are no longer executed by any session. Returns their
number.$$;
revoke all on function energy.close_dead_runs(text) from public;

create or replace function energy.begin_run(job_name text) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
declare
    run bigint;
begin
    if not exists (select from energy.jobs where jobs.job_name = begin_run.job_name) then
        raise exception 'there is no job "%"', begin_run.job_name
            using errcode = 'undefined_object',
                  hint = 'select job_name, description from energy.jobs lists them; without a configuration there are '
                         'none.';
    end if;
    perform energy.close_dead_runs(begin_run.job_name);
    insert into energy.job_runs (job_name, slot_at, started_at, finished_at, status, backend_pid, backend_started_at)
    select begin_run.job_name, energy.clock(), clock_timestamp(), null, 'running', pid, backend_start
    from pg_stat_activity where pid = pg_backend_pid()
    -- Waits for a concurrently starting run.
    on conflict (job_name) where status = 'running' do nothing
    returning job_run_id into run;
    if run is null then
        insert into energy.job_runs (job_name, slot_at, started_at, status, message)
        values (begin_run.job_name, energy.clock(), clock_timestamp(), 'skipped', 'another run is in progress');
    end if;
    return run;
end;
$$;
comment on function energy.begin_run(text) is
$$Records the start of a run, and returns its id; NULL if another run of the job is in progress, which is recorded as
skipped. Runs whose session has ended are closed first. energy.run_job calls it.

Errors: 42704 no such job.$$;
revoke all on function energy.begin_run(text) from public;

create or replace function energy.end_run(
    job_run_id bigint, sqlstate text default null, message text default null, hint text default null,
    out failed_sqlstate text, out failed_message text, out failed_hint text
)
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
#variable_conflict use_column
begin
    update energy.job_runs as runs
    set status = case when end_run.sqlstate is null then 'succeeded' else 'failed' end, finished_at = clock_timestamp(),
        sqlstate = end_run.sqlstate, message = end_run.message, hint = nullif(end_run.hint, '')
    where runs.job_run_id = end_run.job_run_id and runs.status = 'running';
    select runs.sqlstate, runs.message, runs.hint into failed_sqlstate, failed_message, failed_hint
    from energy.job_runs as runs where runs.job_run_id = end_run.job_run_id and runs.status = 'failed';
end;
$$;
comment on function energy.end_run(bigint, text, text, text) is
$$Records the end of a run that has not recorded it itself: failed if there is an SQLSTATE. Returns the error.
energy.run_job calls it.$$;
revoke all on function energy.end_run(bigint, text, text, text) from public;
