-- Who makes the hours of some days says which, so that the views look for readings near them first: see macro near_from of dbt.
create or replace function energy.set_near(from_at timestamptz, to_at timestamptz) returns void
language sql
set search_path = pg_catalog, pg_temp
as $$
    -- Most meters say something each day.
    select set_config('energy.near_from', coalesce(energy.iso(from_at - interval '2 days'), ''), true),
        set_config('energy.near_to', coalesce(energy.iso(to_at + interval '2 days'), ''), true);
$$;
comment on function energy.set_near(timestamptz, timestamptz) is
    'Says that the days from here to there are made next, until the transaction ends; NULL: any.';
revoke all on function energy.set_near(timestamptz, timestamptz) from public;
