"""A year of production in an hour or two: messages arrive late, jobs run as scheduled, energy.clock moves.

    simulate.py [--buildings ID,...] [--weeks N] [--train-weeks N] [--set PATH=JSON ...] [--min-ratio R --max-ratio R]

The database is named by PGHOST, PGPORT and PGDATABASE; it has been deployed and is empty. Ends with the error of the
forecasts that were served, divided by the error that the gate's backtest promised.
"""

import argparse
import collections
import datetime as dt
import heapq
import json
import pathlib
import sys
import time

LOCAL = pathlib.Path(__file__).resolve().parents[2] / "docker/local"
sys.path.insert(0, str(LOCAL))

import citylearn as source  # noqa: E402
import delays  # noqa: E402
import load  # noqa: E402
import score  # noqa: E402
from database import Database  # noqa: E402
from schedule import DAY, WEEK, timetable  # noqa: E402

PLACE = source.PLACE["weather_location_id"]


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--buildings", type=lambda text: tuple(text.split(",")), default=tuple(source.BUILDINGS),
                        help="default: all five")
    parser.add_argument("--from-week", type=int, default=1, metavar="N", help="of the data's year; default 1")
    parser.add_argument("--weeks", type=int, default=53, metavar="N", help="weeks from there; default: to the end")
    parser.add_argument("--history-weeks", type=int, default=1, metavar="N",
                        help="weeks in which messages arrive before the jobs begin; default 1")
    parser.add_argument("--train-weeks", type=int, default=2, metavar="N",
                        help="at least so many weeks between trainings, which are scheduled weekly; default 2")
    parser.add_argument("--refresh-minutes", type=int, default=60, metavar="N",
                        help="at least so many minutes between refreshes of the hours, scheduled every 15; default 60")
    parser.add_argument("--batch-minutes", type=int, default=1, metavar="N",
                        help="messages are received at multiples of so many minutes; default 1")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=JSON",
                        help='a value of the configuration, such as training.strategy="lear"')
    parser.add_argument("--min-ratio", type=float, help="fail below it")
    parser.add_argument("--max-ratio", type=float, help="fail above it, or where a forecast is missing")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/edf/downloads")
    options = parser.parse_args()
    options.begin = source.START - source.HOUR + (options.from_week - 1) * WEEK
    # The last weather that is known ends with the data: no forecast of three days can be issued after that.
    options.end = min(options.begin + options.weeks * WEEK, source.to_hour(source.HOURS) - dt.timedelta(days=3))
    unknown = set(options.buildings) - set(source.BUILDINGS)
    if unknown:
        parser.error(f"there is no building {', '.join(sorted(unknown))}: choose among {', '.join(source.BUILDINGS)}")
    return options


def arrivals(data, options):
    """Yields (time, role, statement, values) of each batch of messages and each weather document, in order of receipt.

    For a week longer than the jobs run: the last forecasts need their actuals, and what is late comes in.
    """
    span = (options.begin, options.end + delays.LONGEST, True)
    every = options.batch_minutes * delays.MINUTE
    ingested = (
        (at, "pipeline", "call energy.ingest_meter_messages(%s::text[], %s)", (messages, at))
        for at, messages in source.meter_messages(data, *span, options.buildings, every)
    )
    forecast = (
        (at, "weather", "call energy.ingest_weather_forecast(%s, %s, %s, %s)", (document, PLACE, issued_at, at))
        for issued_at, at, document in source.weather_forecasts(data, *span)
    )
    observed = (
        (at, "weather", "call energy.ingest_weather_observations(%s, %s, %s)", (document, PLACE, at))
        for at, document in source.weather_observations(data, *span)
    )
    return heapq.merge(ingested, forecast, observed, key=lambda arrival: arrival[0])


class Progress:
    """A line every four weeks of the simulation."""

    def __init__(self):
        self.began, self.told, self.seconds = time.monotonic(), None, collections.Counter()

    def add(self, what: str, began: float) -> None:
        self.seconds[what] += time.monotonic() - began

    def tell(self, at: dt.datetime, database: Database) -> None:
        if self.told is not None and at - self.told < 4 * WEEK:
            return
        self.told = at
        models, forecasts = database.rows("postgres", """
            select (select count(*) from edf.models where status in ('approved', 'retired')),
                (select count(*) from energy.forecasts)
        """)[0]
        spent = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in self.seconds.most_common(4))
        elapsed = time.monotonic() - self.began
        done = f"{models} models approved, {forecasts:,} hours forecast"
        print(f"{at:%Y-%m-%d}: {done}; {elapsed:.0f} s ({spent})", flush=True)


def replay(database: Database, data, schedules: dict, options) -> None:
    """Goes through time: at each moment first what is received, then the jobs that are due."""
    training = options.train_weeks * WEEK
    runs = timetable(
        schedules,
        {"": options.begin + options.history_weeks * WEEK, "make_partitions": options.begin},
        options.end,
        {"": dt.timedelta(), "refresh_hours": options.refresh_minutes * delays.MINUTE,
         "issue_forecasts": source.HOUR, "score_forecasts": DAY, "check_alerts": DAY,
         "train_models": training, "gate_models": training},
    )
    received = ((at, -1, what) for at, *what in arrivals(data, options))
    progress, has_model = Progress(), False
    for at, rank, what in heapq.merge(received, runs, key=lambda event: event[:2]):
        began = time.monotonic()
        if rank < 0:
            database.run(*what)
            progress.add("messages", began)
            continue
        if what.name != "issue_forecasts" or has_model:
            database.run(what.role, what.statement, clock=at)
        if what.name == "gate_models":
            has_model = database.approve(at) > 0 or has_model
        elif what.name == "issue_forecasts" and has_model:
            database.snapshot()
        progress.add(what.name, began)
        progress.tell(at, database)
    database.run("pipeline", "call energy.refresh_building_hours()", clock=options.end + delays.LONGEST)


def main() -> None:
    options = arguments()
    data = source.Dataset(source.fetch(options.cache))
    database = Database()
    database.prepare()
    # A backtest whose models age as those that serve: as many weeks between fits as between trainings.
    fits = f"{7 * options.train_weeks} days"
    # Nothing is trained in between, whatever alerts say: what is served is compared with what such a schedule promises.
    overrides = {"evaluation.refit": fits, "training.max_age": fits, "training.rest": fits}
    overrides |= {path: json.loads(value) for path, value in (pair.split("=", 1) for pair in options.set)}
    config = database.configure(overrides)
    cursor = database.session("postgres", None)
    cursor.execute("set role edf_owner")
    load.send_topology(cursor, options.buildings)
    cursor.execute("reset role")
    span = f"{options.begin:%Y-%m-%d} to {options.end:%Y-%m-%d}"
    print(f"{span}, {len(options.buildings)} buildings. Models are trained every"
          f" {options.train_weeks} weeks, as often as the backtest fits anew; hours are refreshed every"
          f" {options.refresh_minutes} minutes and before each forecast.", flush=True)
    replay(database, data, config["schedules"], options)
    sys.exit(score.conclude(database, config, options.end + delays.LONGEST, options))


if __name__ == "__main__":
    main()
