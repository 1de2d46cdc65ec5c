create or replace function energy.record_job_run(
    job_name text, building_id text, slot_at timestamptz, started_at timestamptz, status text,
    rows_written bigint default 0, sqlstate text default null, message text default null, hint text default null,
    archetype text default null
) returns void
language plpgsql security definer
set search_path = pg_catalog, pg_temp
as $$
begin
    -- A record for the run as a whole ends the row that energy.run_job began.
    if building_id is null and archetype is null then
        update energy.job_runs as runs
        set status = record_job_run.status, finished_at = clock_timestamp(), rows_written = record_job_run.rows_written,
            sqlstate = record_job_run.sqlstate, message = record_job_run.message, hint = nullif(record_job_run.hint, '')
        where runs.job_name = record_job_run.job_name and runs.status = 'running'
          and runs.backend_pid = pg_backend_pid();
        if found then
            return;
        end if;
    end if;
    insert into energy.job_runs (job_name, building_id, slot_at, started_at, status, rows_written, sqlstate, message,
        hint, archetype)
    values (job_name, building_id, slot_at, started_at, status, rows_written, sqlstate, message, nullif(hint, ''),
        archetype);
end;
$$;
comment on function energy.record_job_run is
$$Writes a row of energy.job_runs: for a building or an archetype or, without either, for the run as a whole, which
ends the row of energy.run_job.$$;
revoke all on function energy.record_job_run from public;
