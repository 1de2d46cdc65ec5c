-- Forecasts of 72 hours, one a day over the last 140 days, by a model that is refitted every 28 days.
create table made as
select home, forecasts.*
from (select distinct home from homes) as homes
cross join lateral edf.backtest(
    format('select hour_at, kwh, temperature_c, ghi_w_m2 from homes where home = %L order by hour_at', home),
    'lear', features => '{"time_zone": "Etc/GMT+8"}', horizon => '72 hours',
    schedule => '{"test_period": "140 days", "step": "1 day", "refit": "28 days"}') as forecasts;
create index on made (issued_at);
create index on homes (hour_at);
analyze;
