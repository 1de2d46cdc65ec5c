-- Jobs of pg_cron (times in UTC), idempotent: a job's name is its key. Run as a superuser.
do $$
declare
    job record;
begin
    if to_regnamespace('cron') is null then
        raise notice 'pg_cron is not installed in this database: no job is scheduled'
            using hint = 'Set cron.database_name to this database, create extension pg_cron, and run this again.';
        return;
    end if;
    for job in
        select * from (values
            ('edf issue forecasts', '0 5 * * *', 'call energy.issue_forecasts()', 'pipeline'),
            ('edf refresh hours', '*/15 * * * *', 'call energy.refresh_building_hours()', 'pipeline'),
            ('edf refresh days', '50 */6 * * *', 'call energy.refresh_apartment_days()', 'pipeline'),
            ('edf learn gap profiles', '20 0 * * 0', 'call energy.learn_gap_profiles()', 'pipeline'),
            ('edf ingest inbox', '* * * * *', 'call energy.ingest_meter_inbox()', 'pipeline'),
            ('edf train models', '0 1 * * 0', 'call energy.train_models()', 'pipeline'),
            ('edf gate models', '0 4 * * 0', 'call energy.gate_models()', 'pipeline'),
            ('edf purge weather fetches', '35 2 * * *',
             'delete from raw.weather_fetches where started_at < now() - interval ''90 days''', session_user),
            ('edf purge cron history', '30 2 * * *',
             'delete from cron.job_run_details where end_time < now() - interval ''30 days''', session_user)
        ) as jobs (name, schedule, command, username)
    loop
        perform cron.schedule_in_database(job.name, job.schedule, job.command, current_database()::text, job.username);
    end loop;
end;
$$;
