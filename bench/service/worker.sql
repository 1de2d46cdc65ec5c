-- A worker session during the run of one day: its processor seconds, in table measured. Variables: day, sessions.
\set ON_ERROR_STOP on
\ir session.sql
select set_config('energy.clock', (served_from + :day * interval '1 day' + interval '5 minutes')::text, false)
from clock \g /dev/null
call energy.work_on_forecasts();
insert into measured select 'daily issue by ' || :sessions, 0, pg_temp.cpu_seconds(), pg_temp.own_mb(), 0;
