-- Forecasts of the four roofs that face different directions (bench/solar), as those of demand; `issued` has both.
create table roofs as
select 'roof-' || n as roof, 'home-' || n as home from unnest(array[1, 2, 5, 17]) as n;

create table made_of_roofs as
select roof, forecasts.*
from roofs
cross join lateral edf.backtest(
    format('select hour_at, solar_kwh, temperature_c, ghi_w_m2 from homes where home = %L order by hour_at', home),
    'solar', features => '{"time_zone": "Etc/GMT+8", "latitude": 34.10, "longitude": -117.44}', horizon => '72 hours',
    schedule => '{"test_period": "140 days", "step": "1 day", "refit": "28 days"}') as forecasts;

create table issued as
select home as series, issued_at, valid_at, lead_hours, yhat, actual, quantile_values, quantiles from made
union all
select roof, issued_at, valid_at, lead_hours, yhat, actual, quantile_values, quantiles from made_of_roofs;
create index on issued (issued_at);
analyze issued;
