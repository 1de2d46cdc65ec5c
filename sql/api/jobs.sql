create or replace view api.jobs with (security_barrier = true) as
select job_name, description, schedule, last_started_at, last_finished_at, last_status, last_message,
    last_succeeded_at, next_run_at, due_at, is_late
from energy.jobs_now()
order by job_name;
comment on view api.jobs is $$How each job is doing

One row per job. A run that failed says why in `last_message`.$$;
comment on column api.jobs.last_started_at is 'Of the newest run, also of one that is at work.';
comment on column api.jobs.next_run_at is 'When pg_cron runs it next; null where pg_cron does not.';
comment on column api.jobs.due_at is 'When a run was last due.';
comment on column api.jobs.is_late is 'No run has begun since.';
grant select on api.jobs to operator;
