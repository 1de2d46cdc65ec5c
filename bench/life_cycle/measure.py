"""Forecasts of each home at every age, by every source, in the database of PGHOST, PGPORT and PGDATABASE:

    measure.py load --cache FOLDER              the homes of the demo, each a building of archetype homes, with weather
    measure.py measure --results FILE           adds a line of JSON for each home that is missing in FILE

A home is forecast in a transaction that is rolled back: the archetype's model and its design profile are trained on the
other homes only, and the forecasts of an age use no older data. All routines are those of the service.
"""

import argparse
import datetime as dt
import json
import pathlib
import sys

import psycopg2
import psycopg2.extras

sys.path.insert(0, str(pathlib.Path(__file__).parents[2] / "docker/local"))
import citylearn as source  # noqa: E402

HOMES = source.BUILDINGS["all-homes"]
DEVELOPMENT = HOMES[::2]
STARTS = {
    True: dt.datetime(2017, 2, 7, 5, tzinfo=dt.timezone.utc),
    False: dt.datetime(2017, 6, 6, 5, tzinfo=dt.timezone.utc),
}
WEEKS = (0, 1, 2, 3, 4, 6, 8, 12, 17, 26)
OWN = (4, 6, 8, 12, 17, 26)  # weeks of history from which an own model is fitted
COMPARED = (12, 17, 26)  # and one two weeks before, to be compared with the archetype's
ISSUES = 14  # one a day, from the start on; as many before it are compared
LIFE = 42  # days for which a home is followed from its first day on
HORIZON = "72 hours"
TRY = """
    create schema if not exists bench;
    create or replace function bench.forecast(
        source text, building_id text, slot_at timestamptz, inputs energy.place_inputs, target float8[],
        received_at timestamptz[])
    returns table (valid_at timestamptz, yhat float8, yhat_lower float8, yhat_upper float8) language plpgsql as $$
    begin
        return query
            select f.valid_at, f.yhat, f.yhat_lower, f.yhat_upper
            from energy.forecast_by(source, building_id, slot_at, '72 hours', inputs, target, received_at) as f;
    exception when data_exception or undefined_object then
        return;
    end $$;
    create table if not exists bench.slots (slot_at timestamptz primary key, inputs energy.place_inputs);
    create table if not exists bench.truth as select * from energy.building_hours limit 0;
"""
# Demand of the home as known at each slot, limited to the given number of weeks and to its first day.
FORECASTS = """
    with asked as (
        select slot_at, inputs, source, age, array(
                select case when at >= greatest(slot_at - age * interval '7 days', %(birth)s) then value end
                from unnest(demand.target, (inputs).times) with ordinality as hours (value, at, n)
                order by n) as target, demand.received_at
        from bench.slots
        cross join unnest(%(sources)s::text[]) as source
        cross join unnest(%(ages)s::float8[]) as age
        cross join lateral energy.demand_of(array[%(home)s], slot_at, slot_at, (inputs).times) as demand
        where slot_at >= %(first)s and slot_at < %(last)s
    )

    select source, age, slot_at, ahead.valid_at, yhat, yhat_lower, yhat_upper, consumption_kwh
    from asked
    cross join lateral bench.forecast(source, %(home)s, slot_at, inputs, target, received_at) as ahead
    join bench.truth on truth.building_id = %(home)s and hour_at = ahead.valid_at
    order by source, age, slot_at, ahead.valid_at
"""
SCORES = f"""
    select source, age, count(*), sum(abs(consumption_kwh - yhat)), sum((consumption_kwh - yhat) ^ 2),
        sum(consumption_kwh),
        sum((consumption_kwh between yhat_lower and yhat_upper)::integer), sum(yhat_upper - yhat_lower)
    from ({FORECASTS}) as forecasts group by source, age
"""


def load(cursor, cache: pathlib.Path) -> None:
    data = source.Dataset(source.fetch(cache))
    place = source.PLACE
    cursor.execute(
        "insert into raw.weather_locations values (%(weather_location_id)s, %(latitude)s, %(longitude)s)", place
    )
    for home in HOMES:
        cursor.execute(
            """insert into raw.buildings
                 (building_id, name, time_zone, region, latitude, longitude, weather_location_id, archetype)
            values (%s, 'Home', 'Etc/GMT+8', 'US-CA', %s, %s, %s, 'homes')""",
            (f"home-{home}", place["latitude"], place["longitude"], place["weather_location_id"]),
        )
        cursor.execute("insert into raw.apartments values (%s, 'home')", (f"home-{home}",))
        rows = [
            (f"home-{home}", source.to_hour(n), value, source.to_hour(n) + dt.timedelta(minutes=65))
            for n, value in enumerate(data.demand[home])
        ]
        psycopg2.extras.execute_values(
            cursor,
            """insert into energy.building_hours
            (building_id, hour_at, consumption_kwh, received_at, apartments_reporting, apartments_expected,
             coverage_share, quality) values %s""",
            rows,
            template="(%s, %s, %s, %s, 1, 1, 1, 'measured')",
            page_size=5000,
        )
    end = source.to_hour(source.HOURS)
    for issued_at, received_at, document in source.weather_forecasts(data, source.START, end):
        cursor.execute(
            "call energy.ingest_weather_forecast(%s, %s, %s, %s)",
            (document, place["weather_location_id"], issued_at, received_at),
        )
    for received_at, document in source.weather_observations(data, source.START, end):
        cursor.execute(
            "call energy.ingest_weather_observations(%s, %s, %s)", (document, place["weather_location_id"], received_at)
        )
    cursor.execute("delete from energy.buildings_due")
    cursor.execute(TRY)
    cursor.execute(
        "insert into bench.truth select * from energy.building_hours; "
        "create index on bench.truth (building_id, hour_at)"
    )
    for start in STARTS.values():
        for day in range(-ISSUES, max(ISSUES, LIFE)):
            slot_at = start + dt.timedelta(days=day)
            cursor.execute(
                "insert into bench.slots select %s, energy.inputs_of_place(%s, %s, 'Etc/GMT+8', %s, %s, false)",
                (slot_at, place["weather_location_id"], f"home-{HOMES[0]}", slot_at, HORIZON),
            )
    cursor.connection.commit()
    cursor.connection.autocommit = True
    cursor.execute("analyze")


def scores(cursor, home: str, sources, ages, first, days: int) -> list[dict]:
    asked = {"home": home, "sources": list(sources), "ages": [float(age) for age in ages], "first": first,
             "last": first + dt.timedelta(days=days), "birth": source.START}
    cursor.execute(SCORES, asked)
    names = ("source", "age", "hours", "absolute", "squared", "actual", "inside", "width")
    return [
        dict(zip(names, map(lambda value: value if isinstance(value, str) else float(value), row)))
        for row in cursor.fetchall()
    ]


def own_scores(cursor, home: str, weeks: int, trained_at, days: int) -> list[dict]:
    """Forecasts of a model fitted at a time on the given number of weeks; none if these are too few."""
    cursor.execute("savepoint own")
    try:
        cursor.execute(
            "delete from energy.building_hours where building_id = %s and hour_at < %s",
            (home, trained_at - dt.timedelta(weeks=weeks)),
        )
        cursor.execute(
            "select edf.approve_model(energy.fit_building(%s, energy.recipe(%s, null, null, null), %s), 'bench')",
            (home, home, trained_at),
        )
        return [row | {"source": "own"} for row in scores(cursor, home, ["model"], [weeks], trained_at, days)]
    except psycopg2.errors.DataException as error:
        print(f"{home}, {weeks} weeks: {error.diag.message_primary}", flush=True)
        return []
    finally:
        cursor.execute("rollback to savepoint own")


def measure(cursor, number: int) -> dict:
    home, development = f"home-{number}", number in DEVELOPMENT
    start = STARTS[development]
    before = start - dt.timedelta(days=ISSUES)
    # Trained on the others only, with data known at the start; also for the comparison before it.
    cursor.execute("select set_config('energy.clock', %s, true)", (start.isoformat(),))
    cursor.execute("update raw.buildings set archetype = 'newcomer' where building_id = %s", (home,))
    cursor.execute("select edf.approve_model(energy.train_archetype('homes'), 'bench')")
    cursor.execute(
        """insert into energy.design_profiles
        select p.archetype, p.size_unit, '-infinity', p.buildings, p.base_kwh, p.heating_kwh, p.cooling_kwh,
            p.mean_heating_k, p.mean_cooling_k,
            p.lower_ratio, p.upper_ratio, p.between_variance, p.daily_variance
        from energy.learn_design_profile('homes', 'apartment', %s, energy.design_members('homes', %s)) as p""",
        (start, start),
    )
    cursor.execute("update raw.buildings set archetype = 'homes' where building_id = %s", (home,))
    young = [weeks for weeks in WEEKS if weeks <= 12]  # no forecast of these uses more than sixty days
    found = scores(cursor, home, ["design", "archetype", "profile", "last_week"], young, start, ISSUES)
    compared = scores(cursor, home, ["archetype"], [12], before, ISSUES)
    for weeks in OWN:
        found += own_scores(cursor, home, weeks, start, ISSUES)
    for weeks in COMPARED:
        # Forecasts of the two weeks before, by a model from that time.
        compared += [row | {"age": float(weeks)} for row in own_scores(cursor, home, weeks - 2, before, ISSUES)]
    cursor.execute(FORECASTS, {"home": home, "sources": ["archetype", "design"], "ages": [1000.0], "first": start,
                               "last": start + dt.timedelta(days=LIFE), "birth": start})
    life = [
        [
            row[0],
            round((row[2] - start).total_seconds() / 86400),
            round((row[3] - row[2]).total_seconds() / 3600),
            round(row[4], 5),
            round(row[7], 5),
        ]
        for row in cursor.fetchall()
    ]
    return {"home": number, "development": development, "scores": found, "compared": compared, "life": life}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("task", choices=("load", "measure"))
    parser.add_argument("--cache", type=pathlib.Path)
    parser.add_argument("--results", type=pathlib.Path)
    parser.add_argument("--part", default="1/1", help="1/2 and 2/2: every second home, in separate databases")
    options = parser.parse_args()
    with (
        psycopg2.connect("", options="-c timezone=UTC -c client_min_messages=error") as connection,
        connection.cursor() as cursor,
    ):
        if options.task == "load":
            load(cursor, options.cache)
            return
        known = (
            {json.loads(line)["home"] for line in options.results.read_text().splitlines()}
            if options.results.exists()
            else set()
        )
        part, parts = map(int, options.part.split("/"))
        for number in HOMES[part - 1 :: parts]:
            if number in known:
                continue
            began = dt.datetime.now()
            found = measure(cursor, number)
            connection.rollback()
            with options.results.open("a") as results:
                results.write(json.dumps(found) + "\n")
            print(f"home {number}: {(dt.datetime.now() - began).total_seconds():.0f} s", flush=True)


if __name__ == "__main__":
    main()
