-- The same chart by a direct query over one connection, without HTTP: a lower bound of latency.
\set n random(1, :buildings)
select json_agg(json_build_object('valid_at', valid_at, 'demand_kwh', yhat, 'lower', yhat_lower, 'upper', yhat_upper))
from (
    select distinct on (valid_at) valid_at, yhat, yhat_lower, yhat_upper from energy.forecasts
    where building_id = 'b' || :n and valid_at >= date_trunc('hour', energy.clock(), 'UTC')
    order by valid_at, issued_at desc limit 48
) as chart;
