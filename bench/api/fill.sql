-- Stores a year of daily forecasts of the fleet from bench/service/load.sql, and access: subject home-N its building,
-- utility the first 120, operator all. The first 3,000 have a roof and a tariff for the advice: forecasts of a month,
-- from which scenarios are drawn, and hours of the last 60 days, used by the daily forecast of the roof. Variables:
-- buildings, issues.
\set ON_ERROR_STOP on
set synchronous_commit = off;
select set_config('energy.clock', served_from::text, false) from clock \g /dev/null
insert into energy.forecasts
    (building_id, issued_at, valid_at, lead_hours, yhat, yhat_lower, yhat_upper, confidence, revision, known_at, source,
     quality, quality_reasons)
select 'b' || n, issued_at, issued_at + (lead - 1) * interval '1 hour', lead, 2 + sin(lead / 4.0), 1, 4, 0.98, 0,
    issued_at, 'model', 1, '{}'
from clock
cross join generate_series(1, :buildings) as n
cross join generate_series(served_from - :issues * interval '1 day', served_from - interval '1 day',
    '1 day') as issued_at
cross join generate_series(1, 72) as lead;
insert into energy.forecast_slots (building_id, slot_at, status, known_at, source)
select 'b' || n, served_from - interval '1 day', 'issued', served_from - interval '1 day', 'model'
from clock cross join generate_series(1, :buildings) as n;
insert into raw.apartments (building_id, apartment_id)
select building_id, 'home-' || n from raw.buildings cross join generate_series(2, 8) as n;
insert into energy.building_access select 'home-' || n, 'b' || n from generate_series(1, :buildings) as n;
insert into energy.building_access select 'utility', 'b' || n from generate_series(1, least(120, :buildings)) as n;

create temporary table roofs as
select 'b' || n as building_id, n from generate_series(1, least(:buildings, 3000)) as n;
update energy.building_hours as hours
set solar_kwh = greatest(0, 3 * cos(pi() * (extract(hour from hour_at)::float8 - 20) / 12)
        * (0.7 + 0.3 * sin(n + extract(doy from hour_at)::float8))),
    solar_quality = 'measured', solar_received_at = received_at
from roofs cross join clock
where hours.building_id = roofs.building_id and hour_at >= served_from - interval '60 days';
insert into energy.solar_forecasts
    (building_id, issued_at, valid_at, lead_hours, source, yhat, yhat_lower, yhat_upper, revision, known_at, config_id)
select building_id, issued_at, issued_at + (lead - 1) * interval '1 hour', lead, 'fitted', peak, 0.4 * peak, 1.2 * peak,
    0, issued_at, (select max(config_id) from energy.configs)
from clock
cross join roofs
cross join generate_series(
    served_from - least(:issues, 30) * interval '1 day', served_from - interval '1 day', '1 day') as issued_at
cross join generate_series(1, 72) as lead
-- The issue is at 05:00, noon at 20:00 in UTC.
cross join lateral (select 2.1 * greatest(0, cos(pi() * (lead - 16) / 12.0)) as peak) as sun;
insert into raw.tariffs
    (tariff_id, name, kind, currency, price_per_kwh, low_price_per_kwh, low_from, low_to, feed_in_price_per_kwh)
values ('night', 'Day and night', 'two_rate', 'CHF', 0.30, 0.20, '22:00', '06:00', 0.10);
insert into raw.building_tariffs select building_id, 'night' from roofs;
vacuum analyze;
-- Size on disk for the table: bytes per row, number of rows, total bytes.
select round(bytes / rows) as bytes_a_forecast_row, rows as forecast_rows, pg_size_pretty(bytes) as forecasts,
    pg_size_pretty(pg_database_size(current_database())) as database
from (select count(*)::numeric as rows from energy.forecasts) as counted
cross join (
    select sum(pg_total_relation_size(relid)) as bytes from pg_partition_tree('energy.forecasts') where isleaf
) as stored;
