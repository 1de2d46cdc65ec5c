-- What pg_cron runs, as energy.cron_jobs has it (times in UTC); idempotent: a name is a key. Run as a superuser.
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
    for job in select * from energy.cron_jobs where schedule is not null loop
        begin
            perform cron.schedule_in_database(
                job.name, job.schedule, job.command, current_database()::text,
                case when job.needs_superuser then session_user else 'pipeline' end);
        exception when others then
            -- It keeps the schedule that it had; the other jobs get theirs.
            get stacked diagnostics state = returned_sqlstate, said = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('schedule_jobs', null, now(), clock_timestamp(), 'failed', 0, state, job.name || ': ' || said, advice);
            raise warning 'job "%" was not scheduled: %', job.name, said
                using errcode = state, hint = 'Its schedule is in section schedules of config/edf.yaml.';
        end;
    end loop;
    -- Those that are off, and those that are no more.
    perform cron.unschedule(jobid) from cron.job
    where jobname like 'edf %' and database = current_database()
      and not exists (select from energy.cron_jobs where name = jobname and schedule is not null);
end;
$$;
