-- Jobs of pg_cron, as energy.jobs has them (times in UTC); idempotent: a job's name is its key. Run as a superuser.
do $$
declare
    job    record;
    state  text;
    said   text;
    advice text;
begin
    if to_regnamespace('cron') is null then
        raise notice 'pg_cron is not installed in this database: no job is scheduled'
            using hint = 'Set cron.database_name to this database, create extension pg_cron, and run this again.';
        return;
    end if;
    perform energy.define_jobs();
    -- A new configuration changes schedules, and no command, user or database: see energy.reschedule_jobs.
    grant usage on schema cron to edf_owner;
    grant select, delete, update (schedule) on cron.job to edf_owner;
    drop policy if exists edf_owner_reschedules on cron.job;
    create policy edf_owner_reschedules on cron.job to edf_owner using (jobname like 'edf %');
    for job in
        select energy.cron_name(job_name) as name, schedule, format('call energy.run_job(%L)', job_name) as command,
            -- These two make and drop partitions, and empty pg_cron's own history.
            case when job_name in ('make_partitions', 'apply_retention') then session_user else 'pipeline' end as username
        from energy.jobs
    loop
        begin
            if job.schedule is null then
                perform cron.unschedule(jobid) from cron.job where jobname = job.name and database = current_database();
            else
                perform cron.schedule_in_database(job.name, job.schedule, job.command, current_database()::text, job.username);
            end if;
        exception when others then
            -- It keeps the schedule that it had; the other jobs get theirs.
            get stacked diagnostics state = returned_sqlstate, said = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('schedule_jobs', null, now(), clock_timestamp(), 'failed', 0, state, job.name || ': ' || said, advice);
            raise warning 'job "%" was not scheduled: %', job.name, said
                using errcode = state, hint = 'Its schedule is in section schedules of config/edf.yaml.';
        end;
    end loop;
    -- What apply_retention does now, and jobs that are no more.
    perform cron.unschedule(jobid) from cron.job
    where jobname in ('edf purge weather fetches', 'edf purge cron history') and database = current_database();
end;
$$;
