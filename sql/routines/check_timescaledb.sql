create or replace function energy.check_timescaledb() returns void
language plpgsql stable
set search_path = pg_catalog, pg_temp
as $$
begin
    -- This setting of the loader exists only if the library was preloaded.
    if current_setting('timescaledb.disable_load', true) is null
        and exists (select from pg_extension where extname = 'timescaledb') then
        raise exception 'TimescaleDB is created in database %, but the server has not preloaded it', current_database()
            using errcode = 'object_not_in_prerequisite_state',
                detail = 'Without it, queries skip compressed chunks: sums and counts would be silently wrong.',
                hint = 'Add timescaledb to shared_preload_libraries and restart the server.';
    end if;
end;
$$;
comment on function energy.check_timescaledb() is
    'Raises 55000 if TimescaleDB is created in this database but not preloaded; called first by deployment and jobs.';
revoke all on function energy.check_timescaledb() from public;
