-- Cost of the other jobs in one session, one line each: buildings|what|wall clock seconds|processor seconds|MB of own
-- memory|rows.
-- Variables: buildings, day.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
\ir session.sql
select set_config('energy.clock', (served_from + :day * interval '1 day' + interval '5 minutes')::text, false)
from clock \g /dev/null

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.issue_forecasts();
select :'buildings', 'issue where nothing is due', extract(epoch from clock_timestamp() - :'began'),
    pg_temp.cpu_seconds() - :used, pg_temp.own_mb(), 0;

-- Six hours later, with the hours since then and newer weather.
select set_config('energy.clock', (served_from + :day * interval '1 day' + interval '6 hours 18 minutes')::text, false)
from clock \g /dev/null
select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.refresh_forecasts();
select :'buildings', 'refresh of the coming hours', extract(epoch from clock_timestamp() - :'began'),
    pg_temp.cpu_seconds() - :used, pg_temp.own_mb(),
    (select count(*) from energy.refreshed_forecasts);

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.score_forecasts();
select :'buildings', 'scores of the days', extract(epoch from clock_timestamp() - :'began'),
    pg_temp.cpu_seconds() - :used, pg_temp.own_mb(), (select count(*) from energy.accuracy_days);

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.check_alerts(true);
select :'buildings', 'alerts, all rules', extract(epoch from clock_timestamp() - :'began'),
    pg_temp.cpu_seconds() - :used, pg_temp.own_mb(), (select count(*) from energy.alerts);

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.check_alerts();
select :'buildings', 'alerts, the quick rules', extract(epoch from clock_timestamp() - :'began'),
    pg_temp.cpu_seconds() - :used, pg_temp.own_mb(), (select count(*) from energy.alerts);
