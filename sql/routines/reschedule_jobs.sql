create or replace function energy.cron_name(job_name text) returns text
language sql immutable strict
set search_path = pg_catalog, pg_temp
return 'edf ' || replace(job_name, '_', ' ');
comment on function energy.cron_name(text) is 'The name of a job in pg_cron.';
revoke all on function energy.cron_name(text) from public;

create or replace view energy.cron_jobs as
with

workers as (
    select coalesce((config #>> '{training,workers}')::integer, 1) as training,
        coalesce((config #>> '{inference,workers}')::integer, 1) as inference
    from (select energy.current_config() as config) as current
)

select energy.cron_name(job_name) as name, schedule, command,
    -- These two jobs create and drop partitions, and purge pg_cron's own history.
    job_name in ('make_partitions', 'apply_retention') as needs_superuser
from energy.jobs
union all
select 'edf train worker ' || n, '*/5 * * * *', 'call energy.work_on_trainings()', false
from workers cross join generate_series(1, training) as n
union all
-- The first session is the run of the job.
select 'edf issue worker ' || n, schedule, 'call energy.work_on_forecasts()', false
from energy.jobs cross join workers cross join generate_series(2, inference) as n
where job_name = 'issue_forecasts';
comment on view energy.cron_jobs is
$$The jobs for pg_cron, by name: those of energy.jobs, and the additional sessions that work on the queue of trainings
(training.workers) and on due forecasts (inference.workers). schedule is in UTC; NULL: disabled.$$;

create or replace function energy.reschedule_jobs() returns void
language plpgsql
set search_path = pg_catalog, pg_temp
-- pg_cron shows jobs by row security policies; a session with row_security off would get an error.
set row_security = on
as $$
declare
    unknown text;
begin
    if to_regclass('cron.job') is null or not has_column_privilege('cron.job', 'schedule', 'update') then
        return;
    end if;
    -- pg_cron reloads its table. An inactive job, such as during a deployment, stays inactive.
    execute $update$
        update cron.job
        set schedule = wanted.schedule
        from energy.cron_jobs as wanted
        where jobname = name and database = current_database() and wanted.schedule <> job.schedule
    $update$;
    execute $delete$
        delete from cron.job
        where jobname like 'edf %' and database = current_database()
          and not exists (select from energy.cron_jobs as wanted where jobname = name and wanted.schedule is not null)
    $delete$;
    execute $lacking$
        select string_agg(name, ', ' order by name) from energy.cron_jobs as wanted
        where schedule is not null
          and not exists (select from cron.job where jobname = name and database = current_database())
    $lacking$ into unknown;
    if unknown is not null then
        raise notice 'pg_cron does not have these jobs yet: %',
            unknown using hint = 'docker/deploy.sh jobs schedules them.';
    end if;
end;
$$;
comment on function energy.reschedule_jobs() is
$$Gives the jobs of pg_cron the schedules of energy.cron_jobs, and removes disabled jobs and those with names beginning
with "edf " that no longer exist. Jobs unknown to pg_cron are reported in a notice: a deployment schedules them. Does
nothing without pg_cron, or before sql/jobs.sql has granted access.$$;
revoke all on function energy.reschedule_jobs() from public;
