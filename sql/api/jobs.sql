create or replace view api.jobs with (security_barrier = true) as
select job_name, description, schedule, last_started_at, last_finished_at, last_status, last_message,
    last_succeeded_at, next_run_at, due_at, is_late
from energy.jobs_now()
order by job_name;
comment on view api.jobs is $$Status of each job

One row per job. The error of a failed run is in `last_message`.$$;
comment on column api.jobs.last_started_at is 'Start of the newest run, which may still be running.';
comment on column api.jobs.next_run_at is 'When pg_cron runs it next; null if pg_cron does not run it.';
comment on column api.jobs.due_at is 'When a run was last due.';
comment on column api.jobs.is_late is 'No run has started since due_at.';
grant select on api.jobs to operator;
