create or replace function energy.iso(at timestamptz) returns text
language sql stable
set search_path = pg_catalog, pg_temp
return to_jsonb(at) #>> '{}';
comment on function energy.iso(timestamptz) is
    'A time in ISO 8601, independent of the session''s DateStyle and time zone.';
revoke all on function energy.iso(timestamptz) from public;
