create or replace function energy.cron_name(job_name text) returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
return 'edf ' || replace(job_name, '_', ' ');
comment on function energy.cron_name(text) is 'The name of a job in pg_cron.';
revoke all on function energy.cron_name(text) from public;

create or replace function energy.reschedule_jobs() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
-- pg_cron lets a role see the jobs that a policy of rows grants it; a session that turns policies off would be refused.
set row_security = on
as $$
#variable_conflict use_column
declare
    unknown text;
begin
    if to_regclass('cron.job') is null or not has_column_privilege('cron.job', 'schedule', 'update') then
        return;
    end if;
    -- pg_cron reads its table anew. A job that rests, as during a deployment, goes on resting.
    execute $update$
        update cron.job
        set schedule = jobs.schedule
        from energy.jobs
        where jobname = energy.cron_name(job_name) and database = current_database() and jobs.schedule <> job.schedule
    $update$;
    execute $delete$
        delete from cron.job
        using energy.jobs
        where jobname = energy.cron_name(job_name) and database = current_database() and jobs.schedule is null
    $delete$;
    execute $lacking$
        select string_agg(job_name, ', ' order by job_name) from energy.jobs
        where schedule is not null
          and not exists (select from cron.job where jobname = energy.cron_name(job_name) and database = current_database())
    $lacking$ into unknown;
    if unknown is not null then
        raise notice 'pg_cron does not have these jobs yet: %', unknown using hint = 'docker/deploy.sh jobs schedules them.';
    end if;
end;
$$;
comment on function energy.reschedule_jobs() is
$$Gives the jobs of pg_cron the schedules of energy.jobs, and removes those that are off. A job that pg_cron does not have is named in a notice: a deployment
schedules it.
Does nothing where there is no pg_cron, or before sql/jobs.sql has granted it.$$;
revoke all on function energy.reschedule_jobs() from public;
