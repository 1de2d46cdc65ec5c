-- Jobs as rows: what they are, and each of their runs from its beginning.
set local role edf_owner;

create table energy.jobs (
    job_name    text primary key,
    description text not null,
    command     text not null,
    schedule    text,
    timeout     interval not null,
    late_after  interval not null,
    since       timestamptz not null
);
comment on table energy.jobs is
    'The jobs of the pipeline: one row each, written by energy.define_jobs() from the code and the current configuration.';
comment on column energy.jobs.command is 'What any scheduler runs, as role pipeline; make_partitions and apply_retention as a superuser.';
comment on column energy.jobs.schedule is 'Minute, hour, day of the month, month, day of the week, in UTC; NULL: the job is off.';
comment on column energy.jobs.timeout is 'A run that takes longer is cancelled.';
comment on column energy.jobs.late_after is 'How long after the time of its schedule a run may begin before the job counts as late.';
comment on column energy.jobs.since is 'When the job got this schedule, by the clock of the pipeline: earlier runs are not expected.';

alter table energy.job_runs
    alter column finished_at drop not null,
    add column backend_pid integer,
    add column backend_started_at timestamptz,
    drop constraint job_runs_status_check,
    add constraint job_runs_status_check check (status in ('running', 'succeeded', 'failed', 'skipped', 'killed', 'missed')),
    add constraint job_runs_running_is_not_finished check ((finished_at is null) = (status = 'running'));
comment on table energy.job_runs is
    'What each run of a job did: a row for the run from its beginning, and a row for each building or archetype that it failed for.';
comment on column energy.job_runs.slot_at is 'The time that the run was for, by the clock of the pipeline; of a missed run, when it was due.';
comment on column energy.job_runs.finished_at is 'NULL while it runs.';
comment on column energy.job_runs.status is
    'skipped: another run was at work. killed: the session ended, or its statement was cancelled, before the run could record it. missed: it did not begin in time.';
comment on column energy.job_runs.backend_pid is 'The server process of the run; NULL in rows that are no run of energy.run_job.';
comment on column energy.job_runs.backend_started_at is 'When that process started: process ids are used again.';
-- A job runs once at a time.
create unique index job_runs_one_running on energy.job_runs (job_name) where status = 'running';

reset role;
