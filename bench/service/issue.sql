-- What the jobs take in one session, a line each: buildings|what|seconds by the clock|of the processor|MB of own memory|rows.
-- Variable: buildings. The first issue warms what a session keeps; the second day is measured.
\set ON_ERROR_STOP on
\pset format unaligned
\pset tuples_only on
create or replace function pg_temp.cpu_seconds() returns numeric volatile
return (select sum(part::numeric) / 100 from unnest((string_to_array(split_part(pg_read_file('/proc/self/stat'), ') ', 2), ' '))[12:13]) as part);
create or replace function pg_temp.own_mb() returns numeric volatile
return round(substring(pg_read_file('/proc/self/status') from 'RssAnon:\s+(\d+)')::numeric / 1024);
set synchronous_commit = off;

select set_config('energy.clock', (served_from + interval '5 minutes')::text, false) from clock \g /dev/null
call energy.issue_forecasts();
select set_config('energy.clock', (served_from + interval '1 day 5 minutes')::text, false) from clock \g /dev/null

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.issue_forecasts();
select :'buildings', 'daily issue', extract(epoch from clock_timestamp() - :'began'), pg_temp.cpu_seconds() - :used, pg_temp.own_mb(),
    (select count(*) from energy.forecasts where issued_at = (select served_from + interval '1 day' from clock) and source = 'model');

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.issue_forecasts();
select :'buildings', 'issue where nothing is due', extract(epoch from clock_timestamp() - :'began'), pg_temp.cpu_seconds() - :used, pg_temp.own_mb(), 0;

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.score_forecasts();
select :'buildings', 'scores of the days', extract(epoch from clock_timestamp() - :'began'), pg_temp.cpu_seconds() - :used, pg_temp.own_mb(), (select count(*) from energy.accuracy_days);

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.check_alerts(true);
select :'buildings', 'alerts, all rules', extract(epoch from clock_timestamp() - :'began'), pg_temp.cpu_seconds() - :used, pg_temp.own_mb(), (select count(*) from energy.alerts);

select clock_timestamp() as began, pg_temp.cpu_seconds() as used \gset
call energy.check_alerts();
select :'buildings', 'alerts, the quick rules', extract(epoch from clock_timestamp() - :'began'), pg_temp.cpu_seconds() - :used, pg_temp.own_mb(), (select count(*) from energy.alerts);
