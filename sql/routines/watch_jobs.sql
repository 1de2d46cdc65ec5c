create or replace function energy.is_scheduled(job_name text) returns boolean
language plpgsql stable security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    scheduled boolean;
begin
    -- pg_cron runs in one database of a server; sql/jobs.sql grants access to it.
    if to_regclass('cron.job') is null or not has_table_privilege('cron.job', 'select') then
        return false;
    end if;
    execute 'select exists (select from cron.job where active and database = current_database() and command = '
            'format(''call energy.run_job(%L)'', $1))'
    into scheduled using job_name;
    return scheduled;
end;
$$;
comment on function energy.is_scheduled(text) is
    'Whether pg_cron runs a job. False without pg_cron, or with another scheduler.';
revoke all on function energy.is_scheduled(text) from public;

-- Dropped first: the columns of a view cannot change otherwise. Dependent alerts and API views are recreated
-- afterwards.
drop view if exists energy.late_jobs cascade;
drop view if exists energy.job_status cascade;
create view energy.job_status as
select
    jobs.job_name,
    jobs.description,
    jobs.schedule,
    jobs.timeout,
    jobs.late_after,
    last_run.started_at as last_started_at,
    last_run.finished_at as last_finished_at,
    last_run.status as last_status,
    last_run.sqlstate as last_sqlstate,
    last_run.message as last_message,
    (
        select max(finished_at) from energy.job_runs as runs
        where runs.job_name = jobs.job_name and building_id is null and archetype is null and status = 'succeeded'
    ) as last_succeeded_at,
    case when energy.is_scheduled(jobs.job_name) then energy.scheduled_near(jobs.schedule, now(),
        true) end as next_run_at,
    due.due_at,
    coalesce(due.due_at > jobs.since and not exists (
        select from energy.job_runs as runs
        where runs.job_name = jobs.job_name and building_id is null and archetype is null
          and status in ('running', 'succeeded', 'failed') and slot_at >= due.due_at
    ), false) as is_late
from energy.jobs
cross join lateral (
    select energy.scheduled_near(jobs.schedule, energy.clock() - jobs.late_after, false) as due_at
) as due
left join lateral (
    select * from energy.job_runs as runs
    where runs.job_name = jobs.job_name and building_id is null and archetype is null
      and status not in ('skipped', 'missed')
    order by started_at desc, job_run_id desc
    limit 1
) as last_run on true;
comment on view energy.job_status is 'Status of each job: one row per job.';
comment on column energy.job_status.last_started_at is
    'Start of the newest run, which may still be running; skipped runs do not count.';
comment on column energy.job_status.next_run_at is 'When pg_cron runs it next; NULL if pg_cron does not run it.';
comment on column energy.job_status.due_at is
    'The newest time of its schedule that is more than late_after ago, by the pipeline''s clock.';
comment on column energy.job_status.is_late is 'No run has started since due_at. A failed run counts as started.';

create view energy.late_jobs as
select job_name, due_at, energy.clock() - due_at as late_by, last_started_at, last_status, last_message
from energy.job_status
where is_late;
comment on view energy.late_jobs is 'Jobs that did not run on time: when they were due, and how late they are.';

create or replace procedure energy.watch_jobs()
language plpgsql
set search_path = pg_catalog, pg_temp
as $$
begin
    perform energy.close_dead_runs();
    perform energy.record_missed_runs();
end;
$$;
comment on procedure energy.watch_jobs() is
$$Closes runs whose session has ended, and records jobs that did not run on time, once per due time. Running it twice
changes nothing.$$;
revoke all on procedure energy.watch_jobs() from public;

create or replace function energy.record_missed_runs() returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
declare
    missed bigint;
begin
    insert into energy.job_runs (job_name, slot_at, started_at, status, message, hint)
    select job_name, due_at, clock_timestamp(), 'missed',
        format('it was due at %s; its last run began %s', energy.iso(due_at),
            coalesce('at ' || energy.iso(last_started_at), 'never')),
        'Check whether the scheduler is running, and whether another run of the job is stuck: select * from '
        'energy.job_status.'
    from energy.late_jobs
    where not exists (
        select from energy.job_runs as runs
        where runs.job_name = late_jobs.job_name and runs.status = 'missed' and runs.slot_at = late_jobs.due_at);
    get diagnostics missed = row_count;
    return missed;
end;
$$;
comment on function energy.record_missed_runs() is
$$Writes a row of energy.job_runs with status missed for each job of energy.late_jobs that has none yet. Returns
their number.$$;
revoke all on function energy.record_missed_runs() from public;
