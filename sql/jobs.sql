-- Schedules energy.cron_jobs in pg_cron (times in UTC). Idempotent: jobs are identified by name. Run as a superuser.
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
    -- A new configuration changes schedules only, not commands, users or databases: see energy.reschedule_jobs.
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
            -- This job keeps its previous schedule; the others are still updated.
            get stacked diagnostics state = returned_sqlstate, said = message_text, advice = pg_exception_hint;
            perform energy.record_job_run('schedule_jobs', null, now(), clock_timestamp(), 'failed', 0, state,
                job.name || ': ' || said, advice);
            raise warning 'job "%" was not scheduled: %', job.name, said
                using errcode = state, hint = 'Its schedule is in section schedules of config/edf.yaml.';
        end;
    end loop;
    -- Jobs that are disabled or no longer exist.
    perform cron.unschedule(jobid) from cron.job
    where jobname like 'edf %' and database = current_database()
      and not exists (select from energy.cron_jobs where name = jobname and schedule is not null);
end;
$$;
