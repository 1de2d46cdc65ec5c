-- How each job is doing is asked every minute, over all runs that are kept; most rows may be of single buildings.
set local role edf_owner;

create index job_runs_as_a_whole on energy.job_runs (job_name, started_at desc, job_run_id desc)
    where building_id is null and archetype is null;
create index job_runs_succeeded on energy.job_runs (job_name, finished_at)
    where building_id is null and archetype is null and status = 'succeeded';

reset role;
