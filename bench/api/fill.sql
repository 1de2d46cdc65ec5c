-- A year of daily forecasts of the fleet that bench/service/load.sql made, as they are stored, and who may see what:
-- subject home-N its building, utility the first 120. Variables: buildings, issues.
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
cross join generate_series(served_from - :issues * interval '1 day', served_from - interval '1 day', '1 day') as issued_at
cross join generate_series(1, 72) as lead;
insert into energy.forecast_slots (building_id, slot_at, status, known_at, source)
select 'b' || n, served_from - interval '1 day', 'issued', served_from - interval '1 day', 'model'
from clock cross join generate_series(1, :buildings) as n;
insert into raw.apartments (building_id, apartment_id)
select building_id, 'home-' || n from raw.buildings cross join generate_series(2, 8) as n;
insert into energy.building_access select 'home-' || n, 'b' || n from generate_series(1, :buildings) as n;
insert into energy.building_access select 'utility', 'b' || n from generate_series(1, least(120, :buildings)) as n;
vacuum analyze;
