create or replace function energy.backfill_after() returns interval
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(energy.current_config() #>> '{training,backfill_after}', '7 days')::interval;
comment on function energy.backfill_after() is
    'How long after its end an hour can be received and still say how late readings usually are: later ones were loaded at once.';
revoke all on function energy.backfill_after() from public;
