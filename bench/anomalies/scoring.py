"""Measures what scoring the days of 3,000 apartments costs, in the database of PGHOST, PGPORT and PGDATABASE:

    scoring.py                   prints a table: processor seconds of the backend, by part
    scoring.py --apartments 6    so many in each of the 50 buildings, instead of 60

Flats with heat, hot water and three rooms with setpoints, SIMULATED as noise: three days of hours, 90 days before with
features. Each building has models of its own, copies of one that 100 apartments taught. It leaves nothing behind.
"""

import argparse
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))
from growth import Session  # noqa: E402

DAY = "2017-01-20"
BUILDINGS = """
    set local energy.clock = '2017-01-21 12:00Z';
    insert into raw.weather_locations values ('bench', 47, 8);
    insert into raw.buildings (building_id, name, time_zone, region, latitude, longitude, weather_location_id)
    select 'bench-' || n, 'Bench', 'Europe/Zurich', 'CH-ZH', 47, 8, 'bench' from generate_series(1, 50) as n;
    insert into raw.apartments (building_id, apartment_id)
    select 'bench-' || n, 'flat-' || m
    from generate_series(1, 50) as n cross join generate_series(1, %(apartments)s) as m;
    insert into raw.sensors (building_id, apartment_id, sensor_type)
    select building_id, apartment_id, 'heating_energy_kwh' from raw.apartments where building_id like 'bench-%%';
    insert into raw.weather_observations (weather_location_id, valid_at, received_at, temperature_c, ghi_w_m2)
    select 'bench', hour_at, hour_at, 3 + 3 * sin(extract(epoch from hour_at) / 13751),
        case when hour_at < '2016-12-20 00:00Z' then 100 end
    from generate_series('2016-10-10 00:00Z'::timestamptz, '2017-01-21 11:00Z', '1 hour') as hour_at;
    insert into energy.building_spans
    select building_id, '2017-01-18 00:00Z', '2017-01-21 12:00Z' from raw.buildings where building_id like 'bench-%%';
    insert into energy.measure_hours
    select building_id, apartment_id, room_name, measures, hour_at,
        case measures when 'room_temperature' then 20.5 + random() when 'setpoint' then 21
            when 'heating' then 0.3 + 0.2 * random() else greatest(0, 10 * random() - 4) end,
        'measured', hour_at + interval '1 hour'
    from raw.apartments
    cross join (values ('', 'heating'), ('', 'hot_water'), ('living', 'room_temperature'), ('living', 'setpoint'),
        ('bath', 'room_temperature'), ('bath', 'setpoint'), ('bed', 'room_temperature'), ('bed', 'setpoint')
    ) as kinds (room_name, measures)
    cross join generate_series('2017-01-18 00:00Z'::timestamptz, '2017-01-21 11:00Z', '1 hour') as hour_at
    where building_id like 'bench-%%';
    -- Days before of which no hours are needed.
    insert into energy.apartment_days (building_id, apartment_id, local_date, hours_in_day, consumption_hours,
        comfort_hours, coverage_share, quality, received_at, heating_kwh, heating_hours, heating_quality,
        room_temperature_c, room_hours)
    select building_id, apartment_id, at::date, 24, 24, 24, 1, 'measured', at + interval '30 hours',
        9 + 4 * random(), 24, 'measured', 21 + random(), 24
    from raw.apartments cross join generate_series('2016-10-20Z'::timestamptz, '2017-01-17Z', '1 day') as at
    where building_id like 'bench-%%';
    analyze energy.measure_hours, energy.apartment_days, raw.apartments, raw.buildings, raw.weather_observations"""
DAYS = """
    do $$
    declare
        ids constant text[] := array(select building_id from raw.buildings where building_id like 'bench-%');
    begin
        for n in 18..20 loop
            perform energy.set_near(make_date(2017, 1, n) - 1, make_date(2017, 1, n) + 2);
            perform energy.write_days_of(ids, array(select make_date(2017, 1, n) from unnest(ids)));
        end loop;
        perform energy.set_near(null, null);
    end $$"""
# What noise lacks, so that models read all features.
FEATURES = """
    update raw.buildings set archetype = 'bench' where building_id like 'bench-%';
    update energy.apartment_features set (energy_to_like_days, energy_to_neighbours, energy_ratio_7d, avg_temp_diff,
        temp_diff_roll_std_3d, gap_hours, most_over_c, most_under_c, steepest_fall_c, room_to_neighbours_c,
        hot_water_ratio_7d, hot_water_night_min_l, setpoint_c, sun_kwh_m2) = (
        0.8 + 0.4 * random(), 0.7 + 0.6 * random(),
        0.8 + 0.4 * random(), random() - 0.5, 0.3 * random(), 3 * random(), random(), random(), 0.5 * random(),
        random() - 0.5, 0.5 + random(), 0, 21, 1)
    where building_id like 'bench-%'"""
MODELS = """
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
            id := edf.register_model(
                energy.anomaly_subject(own.strategy, own.building_id, null), own.strategy, own.artifact, own.parameters,
                own.features, own.feature_names, own.training_start, own.training_end, own.training_rows, own.metrics);
            insert into energy.trainings (model_id, config_id, building_id, known_at, recipe)
            values (id, own.config_id, own.building_id, own.known_at, own.recipe);
            perform edf.approve_model(id, 'bench');
        end loop;
    end $$"""
# Two weeks of scores by as many detectors as there are.
SCORES = """
    insert into energy.anomaly_scores
    select scores.building_id, scores.apartment_id, scores.local_date - n, scores.detector,
        case when scores.score > 0 then random() else 0 end, scores.is_alarm and random() < 0.5, scores.hours,
        scores.evidence, scores.model_id, scores.config_id, scores.known_at
    from energy.anomaly_scores as scores cross join generate_series(1, 13) as n
    where scores.building_id like 'bench-%' on conflict do nothing;
    analyze energy.anomaly_scores"""


class Bench:
    def __init__(self, apartments: int):
        self.session = Session("postgres")
        # Processor seconds of other processes would not be counted.
        self.session.cursor.execute("begin; set local max_parallel_workers_per_gather = 0; set local jit = off")
        self.session.cursor.execute(BUILDINGS, {"apartments": apartments})
        ours = "select array_agg(building_id) from raw.buildings where building_id like 'bench-%'"
        self.ids = self.session.value(ours)
        self.parts: list[tuple[str, float, int | None]] = []

    def part(self, name: str, statement: str, *values, counts: bool = True) -> float:
        seconds = self.session.seconds(statement, values or None)
        self.parts.append((name, seconds, self.session.cursor.fetchone()[0] if counts else None))
        print(f"{name}: {seconds:.2f} s", file=sys.stderr, flush=True)
        return seconds

    def run(self) -> float:
        """The seconds of all that a day needs: its features, scores and alerts."""
        execute = self.session.cursor.execute
        self.part("days of three dates are computed from hours", DAYS, counts=False)
        execute("analyze energy.apartment_days")
        keep = "select energy.keep_features(%s, '2016-10-20')"
        self.part("features of 93 days are kept", keep, self.ids, counts=False)
        execute("analyze energy.apartment_features")
        total = self.part("features of a day", "select energy.keep_features(%s, %s)", self.ids, DAY, counts=False)
        execute(FEATURES)
        for detector in self.session.value("select energy.anomaly_models()"):
            self.part(f"`{detector}` of 100 apartments is trained",
                      "select energy.fit_anomaly_model(%s, null, 'bench', energy.clock())", detector, counts=False)
        execute(MODELS)
        execute("select rule from energy.anomaly_rules order by rule")
        for (rule,) in self.session.cursor.fetchall():
            by_rule = "select energy.score_by_rule(%s, %s, %s, %s)"
            total += self.part(f"rule `{rule}`", by_rule, rule, self.ids, DAY, DAY)
        execute("analyze energy.anomaly_scores")
        query = "format('select * from energy.days_by_model(%%L, $1, $2, $3)', %s::text)"
        for detector in self.session.value("select energy.anomaly_models()"):
            total += self.part(f"model `{detector}`", f"select energy.keep_scores(%s, %s, %s, %s, {query})",
                               detector, self.ids, DAY, DAY, detector)
        execute(SCORES)
        again = "select energy.score_days_of(%s, %s, %s)"
        self.part("scores of the day again: nothing changes", again, self.ids, DAY, DAY)
        self.part("combination of two weeks",
                  "select count(*) from energy.combined_anomaly_scores(%s, %s::date - 14, %s)", self.ids, DAY, DAY)
        raised = "select energy.raise_anomaly_alerts(%s)"
        alerts = self.part("alerts of two weeks, with the combination", raised, self.ids)
        self.part("alerts again: nothing changes", "select energy.raise_anomaly_alerts(%s)", self.ids)
        execute("rollback")
        return total + alerts


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--apartments", type=int, default=60, help="in each of 50 buildings")
    args = parser.parse_args()
    bench = Bench(args.apartments)
    total = bench.run()
    print("| part | CPU s | rows |\n|---|---|---|")
    for name, seconds, rows in bench.parts:
        print(f"| {name} | {seconds:.2f} | {'' if rows is None else f'{rows:,}'} |")
    print(f"| **a day of {50 * args.apartments:,} apartments: features, rules, models, alerts** | **{total:.2f}** | |")


if __name__ == "__main__":
    main()
