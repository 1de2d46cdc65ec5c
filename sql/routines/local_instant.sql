create or replace function energy.local_instant(local_at timestamp, time_zone text) returns timestamptz
language sql stable strict
set search_path = pg_catalog, pg_temp
as $$
    -- The hour before is the same time by the clock where clocks go back; PostgreSQL takes the second one.
    select case when (second_at - interval '1 hour') at time zone time_zone = local_at
                then second_at - interval '1 hour' else second_at end
    from (select local_at at time zone time_zone as second_at) as taken
$$;
comment on function energy.local_instant(timestamp, text) is
$$When the clocks of a time zone show a time: where they show it twice, the first time; where they skip it, as much
later as they were put forward.$$;
revoke all on function energy.local_instant(timestamp, text) from public;
