-- A fleet at 05:00 on the day after its year of hours: each building has the hours and the model of a measured home.
-- Variables: buildings, homes. Reads the rows of bench/speed/data.py.
set synchronous_commit = off;
create temp table home_hours (
    home text, number integer, hour_at timestamptz, demand_kwh double precision, temperature_c double precision,
    ghi_w_m2 double precision, is_holiday integer
);
\copy home_hours from pstdin with (format csv)
analyze home_hours;
-- Nine of the ten days in service are still in the future.
create temp table moments as
select max(hour_at) + interval '1 hour' - interval '9 days' as served_from, min(hour_at) as starts_at,
    max(hour_at) as ends_at from home_hours;
update moments set served_from = date_trunc('day', served_from, 'UTC') + interval '5 hours';

insert into raw.weather_locations values ('fontana-ca', 34.1, -117.44);
insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id, archetype)
select 'b' || n, 'Building ' || n, 'Etc/GMT+8', 'US-CA', 34.1, -117.44, 'fontana-ca', 'homes'
from generate_series(1, :buildings) as n;
insert into raw.apartments (building_id, apartment_id) select building_id, 'home' from raw.buildings;

-- Buildings to be trained have a full year of hours; the others the history that a forecast needs.
insert into energy.building_hours
    (building_id, hour_at, consumption_kwh, apartments_reporting, apartments_expected, coverage_share, quality,
     received_at)
select 'b' || n, hour_at, demand_kwh, 1, 1, 1, 'measured', hour_at + interval '75 minutes'
from generate_series(1, :buildings) as n
join home_hours on number = (n - 1) % :homes
cross join moments
where n <= :homes or hour_at >= served_from - interval '90 days';
insert into energy.building_spans select building_id, min(hour_at), max(hour_at) from energy.building_hours
    group by building_id;

insert into raw.weather_observations (weather_location_id, valid_at, received_at, temperature_c, ghi_w_m2)
select 'fontana-ca', hour_at, hour_at + interval '2 hours', temperature_c, ghi_w_m2 from home_hours where number = 0;
-- The weather runs of a year, one per hour, as stored by the fetcher by default.
insert into raw.weather_forecasts (weather_location_id, issued_at, valid_at, received_at, temperature_c, ghi_w_m2)
select 'fontana-ca', issued_at, hour_at, issued_at + interval '10 minutes', temperature_c, ghi_w_m2
from moments
cross join generate_series(starts_at, ends_at, interval '1 hour') as issued_at
join home_hours on number = 0 and hour_at >= issued_at and hour_at < issued_at + interval '78 hours';
vacuum analyze raw.weather_forecasts, raw.weather_observations, energy.building_hours;

select set_config('energy.clock', served_from::text, false) from moments;
select edf.train(
    building_id, energy.training_query(building_id, energy.clock()), energy.current_config() #>> '{training,strategy}',
    energy.current_config() #> '{training,parameters}', energy.building_features(building_id), '72 hours', null,
    energy.issue_hours(building_id, energy.clock()))
from raw.buildings where substr(building_id, 2)::integer <= :homes;
insert into edf.models
    (subject, strategy, artifact, checksum, parameters, features, feature_names, training_start, training_end,
     training_rows, metrics, created_by)
select buildings.building_id, strategy, artifact, checksum, parameters, features, feature_names, training_start,
    training_end, training_rows, metrics, 'a bench'
from raw.buildings
join edf.models on subject = 'b' || (substr(buildings.building_id, 2)::integer - 1) % :homes + 1
where substr(buildings.building_id, 2)::integer > :homes;
select count(edf.approve_model(model_id, 'a bench')) from edf.models;
create table clock as select served_from from moments;
vacuum analyze;
