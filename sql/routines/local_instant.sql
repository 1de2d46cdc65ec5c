create or replace function energy.local_instant(local_at timestamp, time_zone text) returns timestamptz
language sql stable strict
set search_path = pg_catalog, pg_temp
as $$
    -- When clocks are set back, PostgreSQL chooses the second occurrence; the same local time an hour before is the
    -- first.
    select case when (second_at - interval '1 hour') at time zone time_zone = local_at
                then second_at - interval '1 hour' else second_at end
    from (select local_at at time zone time_zone as second_at) as taken
$$;
comment on function energy.local_instant(timestamp, text) is
$$The instant of a local time in a time zone: if it occurs twice, the first; if it is skipped, later by the length of
the gap.$$;
revoke all on function energy.local_instant(timestamp, text) from public;
