-- Jobs of pg_cron beside those of sql/jobs.sql; idempotent. Run as a superuser.
--
-- Sessions that train what is queued: by people, by alerts of grown errors, by the daily job. Each looks every five minutes and ends at once where nothing is queued, or
-- where training.workers are at work.
do $$
declare
    workers constant integer := coalesce((energy.current_config() #>> '{training,workers}')::integer, 1);
begin
    if to_regnamespace('cron') is null then
        return;
    end if;
    perform cron.unschedule(jobid) from cron.job
    where database = current_database() and jobname ~ '^edf train worker \d+$'
      and substring(jobname from '\d+$')::integer not between 1 and workers;
    perform cron.schedule_in_database('edf train worker ' || n, '*/5 * * * *', 'call energy.work_on_trainings()', current_database()::text, 'pipeline')
    from generate_series(1, workers) as n;
end;
$$;
