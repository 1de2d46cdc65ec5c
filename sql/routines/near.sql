-- A look for one sensor's reading beside a time opens every chunk of a hypertable that the whole query may touch: bounds that are known before the query runs
-- leave few. Who makes many days says which readings are near them; views look there first, and elsewhere only for what is not found. No result depends on it.
create or replace function energy.near_from() returns timestamptz
language sql stable
return coalesce(nullif(current_setting('energy.near_from', true), '')::timestamptz, '-infinity');
comment on function energy.near_from() is 'Readings from here to energy.near_to() are looked through first: the setting energy.near_from, else all.';
revoke all on function energy.near_from() from public;

create or replace function energy.near_to() returns timestamptz
language sql stable
return coalesce(nullif(current_setting('energy.near_to', true), '')::timestamptz, 'infinity');
comment on function energy.near_to() is 'As energy.near_from(): the setting energy.near_to, else all.';
revoke all on function energy.near_to() from public;

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
