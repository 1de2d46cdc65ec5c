-- Jobs of pg_cron beside those of sql/jobs.sql; idempotent. Run as a superuser.
--
-- Sessions that train beside energy.train_models(), so that training.workers do: each looks every five minutes and ends at once where nothing is queued.
do $$
declare
    workers constant integer := coalesce((energy.current_config() #>> '{training,workers}')::integer, 1);
    -- Where the weekly training is turned off, trainings that people queue are still done.
    least   constant integer := case when energy.current_config() #>> '{schedules,train_models}' is null then 1 else 2 end;
begin
    if to_regnamespace('cron') is null then
        return;
    end if;
    perform cron.unschedule(jobid) from cron.job
    where database = current_database() and jobname ~ '^edf train worker \d+$'
      and substring(jobname from '\d+$')::integer not between least and workers;
    perform cron.schedule_in_database('edf train worker ' || n, '*/5 * * * *', 'call energy.work_on_trainings()', current_database()::text, 'pipeline')
    from generate_series(least, workers) as n;
end;
$$;
