-- It had no archetype.
drop function if exists energy.record_job_run(text, text, timestamptz, timestamptz, text, bigint, text, text, text);

create or replace function energy.record_job_run(
    job_name text, building_id text, slot_at timestamptz, started_at timestamptz, status text,
    rows_written bigint default 0, sqlstate text default null, message text default null, hint text default null,
    archetype text default null
) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    insert into energy.job_runs (job_name, building_id, slot_at, started_at, status, rows_written, sqlstate, message, hint, archetype)
    values (job_name, building_id, slot_at, started_at, status, rows_written, sqlstate, message, nullif(hint, ''), archetype);
$$;
comment on function energy.record_job_run is 'Writes a row of energy.job_runs.';
revoke all on function energy.record_job_run from public;
