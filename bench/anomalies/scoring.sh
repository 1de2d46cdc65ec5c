#!/usr/bin/env bash
# Time for computing the days of 3,000 apartments, storing their features, scoring a day by all rules and models, and
# raising alerts.
#
#   bench/anomalies/scoring.sh          on the deployed database given by PGHOST, PGPORT and PGDATABASE, which is not changed
#
# 50 buildings of 60 flats with heat, hot water, and three rooms with setpoints, SIMULATED as noise: three days of hours,
# 90 days before with features. Each building has its own models, copies of one fitted on 100 apartments.
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
\timing off
insert into energy.apartment_days (building_id, apartment_id, local_date, hours_in_day, consumption_hours, comfort_hours,
    coverage_share, quality, received_at, heating_kwh, heating_hours, heating_quality, room_temperature_c, room_hours)
select building_id, apartment_id, at::date, 24, 24, 24, 1, 'measured', at + interval '30 hours',
    9 + 4 * random(), 24, 'measured', 21 + random(), 24
from raw.apartments cross join generate_series('2016-10-20Z'::timestamptz, '2017-01-17Z', '1 day') as at
where building_id like 'bench-%';
insert into raw.weather_observations (weather_location_id, valid_at, received_at, temperature_c, ghi_w_m2)
select 'bench', hour_at, hour_at, 3 + 3 * sin(extract(epoch from hour_at) / 13751), 100
from generate_series('2016-10-10 00:00Z'::timestamptz, '2016-12-19 23:00Z', '1 hour') as hour_at;
analyze energy.apartment_days;
\timing on
\echo the features of 93 days are kept:
select energy.keep_features(all_of, '2016-10-20') from ids;
analyze energy.apartment_features;
\echo and of one day again:
select energy.keep_features(all_of, '2017-01-20') from ids;
\timing off
update raw.buildings set archetype = 'bench' where building_id like 'bench-%';
-- Data missing in the simulation, so that all features of models are known.
update energy.apartment_features set (energy_to_like_days, energy_to_neighbours, energy_ratio_7d, avg_temp_diff,
    temp_diff_roll_std_3d, gap_hours, most_over_c, most_under_c, steepest_fall_c, room_to_neighbours_c, hot_water_ratio_7d,
    hot_water_night_min_l, setpoint_c, sun_kwh_m2) = (0.8 + 0.4 * random(), 0.7 + 0.6 * random(), 0.8 + 0.4 * random(),
    random() - 0.5, 0.3 * random(), 3 * random(), random(), random(), 0.5 * random(), random() - 0.5, 0.5 + random(),
    0, 21, 1)
where building_id like 'bench-%';
\timing on
\echo the models of an archetype, 100 apartments:
select energy.fit_anomaly_model('expected_energy', null, 'bench', energy.clock());
select energy.fit_anomaly_model('isolation_forest', null, 'bench', energy.clock());
select energy.fit_anomaly_model('local_outlier_factor', null, 'bench', energy.clock());
\timing off
do $$
declare
    own record;
    id  bigint;
begin
    for own in
        select models.*, buildings.building_id, trainings.config_id, trainings.known_at, trainings.recipe
        from edf.models join energy.trainings using (model_id)
        join raw.buildings on buildings.archetype = trainings.archetype where trainings.archetype = 'bench'
    loop
        id := edf.register_model(energy.anomaly_subject(own.strategy, own.building_id, null), own.strategy, own.artifact,
            own.parameters, own.features, own.feature_names, own.training_start, own.training_end, own.training_rows,
            own.metrics);
        insert into energy.trainings (model_id, config_id, building_id, known_at, recipe)
        values (id, own.config_id, own.building_id, own.known_at, own.recipe);
        perform edf.approve_model(id, 'bench');
    end loop;
end $$;
\timing on
\echo a day is scored by all rules:
select energy.score_by_rules(all_of, '2017-01-20', '2017-01-20') as scores from ids;
\echo and by each model:
select count(*), count(*) filter (where is_alarm) as alarms
from ids cross join energy.days_by_model('expected_energy', all_of, '2017-01-20', '2017-01-20');
select count(*), count(*) filter (where is_alarm) as alarms
from ids cross join energy.days_by_model('isolation_forest', all_of, '2017-01-20', '2017-01-20');
select count(*), count(*) filter (where is_alarm) as alarms
from ids cross join energy.days_by_model('local_outlier_factor', all_of, '2017-01-20', '2017-01-20');
\echo and all of it:
select energy.score_days_of(all_of, '2017-01-20', '2017-01-20') as scores from ids;
\echo again:
select energy.score_days_of(all_of, '2017-01-20', '2017-01-20') as scores from ids;
\timing off
-- Two weeks of scores by all detectors.
insert into energy.anomaly_scores
select scores.building_id, scores.apartment_id, scores.local_date - n, scores.detector,
    case when scores.score > 0 then random() else 0 end, scores.is_alarm and random() < 0.5, scores.hours, scores.evidence,
    scores.model_id, scores.config_id, scores.known_at
from energy.anomaly_scores as scores cross join generate_series(1, 13) as n
where scores.building_id like 'bench-%' on conflict do nothing;
analyze energy.anomaly_scores;
\timing on
\echo alerts of two weeks are raised:
select energy.raise_anomaly_alerts(all_of) from ids;
\echo and again:
select energy.raise_anomaly_alerts(all_of) from ids;
\timing off
select count(*) as alerts from energy.anomaly_alerts where building_id like 'bench-%';
rollback;
SQL
