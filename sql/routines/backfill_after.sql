create or replace function energy.backfill_after() returns interval
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(energy.current_config() #>> '{training,backfill_after}', '7 days')::interval;
comment on function energy.backfill_after() is
    'Maximum delay of an hour''s receipt that counts towards the usual lateness; later hours were backfilled.';
revoke all on function energy.backfill_after() from public;
