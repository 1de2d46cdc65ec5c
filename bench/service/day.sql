-- The daily issue of one day, by the session of the run: a row in table measured. Variables: buildings, day, sessions.
\set ON_ERROR_STOP on
\ir session.sql
select set_config('energy.clock', (served_from + :day * interval '1 day' + interval '5 minutes')::text, false)
from clock \g /dev/null
select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.run_job('issue_forecasts');
insert into measured
select 'daily issue by ' || :sessions, extract(epoch from clock_timestamp() - :'began'), pg_temp.cpu_seconds() - :used,
    pg_temp.own_mb(),
    (select count(*) from energy.forecasts
        where issued_at = (select served_from + :day * interval '1 day' from clock) and source = 'model');
