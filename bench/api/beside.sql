-- Background load during the requests: the issue of a day, then a refresh in each of its first hours. Variables: day,
-- hours.
\set ON_ERROR_STOP on
set client_min_messages = warning;
select set_config('energy.clock', (served_from + :day * interval '1 day' + interval '5 minutes')::text, false)
from clock \g /dev/null
call energy.run_job('issue_forecasts');
select format('select set_config(''energy.clock'', %L, false)',
    served_from + :day * interval '1 day' + hour * interval '1 hour' + interval '18 minutes') as clock,
    'call energy.run_job(''refresh_forecasts'')' as run
from clock cross join generate_series(1, :hours) as hour \gexec
