create or replace function energy.clock() returns timestamptz
language sql stable
set search_path = pg_catalog, pg_temp
return coalesce(nullif(current_setting('energy.clock', true), '')::timestamptz, now());
comment on function energy.clock() is
    'Current time of the pipeline: the setting energy.clock, for a demo or a replay of old data, else now().';
revoke all on function energy.clock() from public;
