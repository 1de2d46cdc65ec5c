-- Jobs of pg_cron, as the current configuration schedules them (times in UTC); idempotent: a job's name is its key. Run as a superuser.
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
    for job in
        select 'edf ' || replace(key, '_', ' ') as name, energy.current_config() -> 'schedules' ->> key as schedule, command, username
        from (values
            ('ingest_inbox', 'call energy.ingest_meter_inbox()', 'pipeline'),
            ('refresh_hours', 'call energy.refresh_building_hours()', 'pipeline'),
            ('refresh_days', 'call energy.refresh_apartment_days()', 'pipeline'),
            ('learn_gap_profiles', 'call energy.learn_gap_profiles()', 'pipeline'),
            ('issue_forecasts', 'call energy.issue_forecasts()', 'pipeline'),
            ('score_forecasts', 'call energy.score_forecasts()', 'pipeline'),
            ('check_alerts', 'call energy.check_alerts()', 'pipeline'),
            ('train_models', 'call energy.train_models()', 'pipeline'),
            ('gate_models', 'call energy.gate_models()', 'pipeline'),
            ('make_partitions', 'call energy.make_partitions()', session_user),
            ('apply_retention', 'call energy.apply_retention()', session_user)
        ) as jobs (key, command, username)
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
    -- What apply_retention does now.
    perform cron.unschedule(jobid) from cron.job
    where jobname in ('edf purge weather fetches', 'edf purge cron history') and database = current_database();
end;
$$;
