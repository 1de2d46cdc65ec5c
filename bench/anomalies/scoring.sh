#!/usr/bin/env bash
# How long it takes to make the days of 3,000 apartments and to score one of them by all rules.
#
#   bench/anomalies/scoring.sh          on the deployed database that PGHOST, PGPORT and PGDATABASE name; leaves nothing behind
#
# 50 buildings of 60 flats with heat, hot water, and three rooms with setpoints, SIMULATED as noise: three days of hours.
set -euo pipefail
psql -X -q -v ON_ERROR_STOP=1 <<'SQL'
begin;
set local energy.clock = '2017-01-21 12:00Z';
insert into raw.weather_locations values ('bench', 47, 8);
insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
select 'bench-' || n, 'Bench', 'Europe/Zurich', 'CH-ZH', 47, 8, 'bench' from generate_series(1, 50) as n;
insert into raw.apartments (building_id, apartment_id)
select 'bench-' || n, 'flat-' || m from generate_series(1, 50) as n cross join generate_series(1, 60) as m;
insert into raw.sensors (building_id, apartment_id, sensor_type)
select 'bench-' || n, 'flat-' || m, 'heating_energy_kwh' from generate_series(1, 50) as n cross join generate_series(1, 60) as m;
insert into raw.weather_observations (weather_location_id, valid_at, received_at, temperature_c)
select 'bench', hour_at, hour_at, 3 + 3 * sin(extract(epoch from hour_at) / 13751)
from generate_series('2016-12-20 00:00Z'::timestamptz, '2017-01-21 11:00Z', '1 hour') as hour_at;
insert into energy.building_spans
select building_id, '2017-01-18 00:00Z', '2017-01-21 12:00Z' from raw.buildings where building_id like 'bench-%';
insert into energy.measure_hours
select 'bench-' || n, 'flat-' || m, room_name, measures, hour_at,
    case measures when 'room_temperature' then 20.5 + random() when 'setpoint' then 21 when 'heating' then 0.3 + 0.2 * random()
        else greatest(0, 10 * random() - 4) end, 'measured', hour_at + interval '1 hour'
from generate_series(1, 50) as n
cross join generate_series(1, 60) as m
cross join (values ('', 'heating'), ('', 'hot_water'), ('living', 'room_temperature'), ('living', 'setpoint'),
    ('bath', 'room_temperature'), ('bath', 'setpoint'), ('bed', 'room_temperature'), ('bed', 'setpoint')) as kinds (room_name, measures)
cross join generate_series('2017-01-18 00:00Z'::timestamptz, '2017-01-21 11:00Z', '1 hour') as hour_at;
analyze energy.measure_hours;
create temp table ids on commit drop as
select array_agg(building_id) as all_of from raw.buildings where building_id like 'bench-%';
\timing on
\echo the days of three dates are made:
do $$
begin
    for n in 18..20 loop
        perform energy.set_near(make_date(2017, 1, n) - 1, make_date(2017, 1, n) + 2);
        perform energy.write_days_of(all_of, array(select make_date(2017, 1, n) from unnest(all_of))) from ids;
    end loop;
    perform energy.set_near(null, null);
end $$;
analyze energy.apartment_days;
\echo a day is scored by all rules:
select energy.score_days_of(all_of, '2017-01-20', '2017-01-20') as scores from ids;
\echo and again:
select energy.score_days_of(all_of, '2017-01-20', '2017-01-20') as scores from ids;
\echo the features of the day:
select energy.set_feature_days('2017-01-20');
select count(*), count(energy_to_neighbours), count(weather_in_range) from features.fct_apartment_days where building_id like 'bench-%';
\timing off
rollback;
SQL
