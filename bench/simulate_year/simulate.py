"""A year of production in an hour or two: messages arrive late, jobs run as scheduled, energy.clock moves.

    simulate.py [--buildings ID,...] [--weeks N] [--train-weeks N] [--set PATH=JSON ...] [--min-ratio R --max-ratio R]

The database, given by PGHOST, PGPORT and PGDATABASE, must be deployed and empty. Ends with the error of the served
forecasts divided by the error promised by the gate's backtest.
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
import faults  # noqa: E402
import load  # noqa: E402
import score  # noqa: E402
from database import Database  # noqa: E402
from schedule import DAY, WEEK, timetable  # noqa: E402

PLACE = source.PLACE["weather_location_id"]
# Without faults all jobs run on time, and buildings are forecast by their own models as soon as there are any: the
# ratio is for these.
NOT_WATCHED = {"watch_jobs", "review_life_cycle", "issue_shadow_forecasts"}


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--buildings", type=lambda text: tuple(text.split(",")), default=tuple(source.BUILDINGS),
                        help="default: all five")
    parser.add_argument("--from-week", type=int, default=1, metavar="N", help="of the data's year; default 1")
    parser.add_argument("--weeks", type=int, default=53, metavar="N", help="weeks from there; default: to the end")
    parser.add_argument("--history-weeks", type=int, default=1, metavar="N",
                        help="weeks in which messages arrive before the jobs begin; default 1")
    parser.add_argument("--train-weeks", type=int, default=2, metavar="N",
                        help="minimum number of weeks between trainings, which are scheduled weekly; default 2")
    parser.add_argument("--refresh-minutes", type=int, default=60, metavar="N",
                        help="minimum number of minutes between refreshes of the hours, scheduled every 15; default 60")
    parser.add_argument("--batch-minutes", type=int, default=1, metavar="N",
                        help="messages are received at multiples of this number of minutes; default 1")
    parser.add_argument("--set", action="append", default=[], metavar="PATH=JSON",
                        help='a value of the configuration, such as training.strategy="lear"')
    parser.add_argument("--faults", action="store_true",
                        help="with faults, which must be detected and resolved in time (faults.py): three buildings, "
                             "trained monthly")
    parser.add_argument("--refreshes", action="store_true",
                        help="forecasts are refreshed as often as the hours, and compared with those that they correct")
    parser.add_argument("--record", type=pathlib.Path, help="with --faults: write the data of plot.py to this file")
    parser.add_argument("--min-ratio", type=float, help="fail below it")
    parser.add_argument("--max-ratio", type=float, help="fail above it, or if a forecast is missing")
    parser.add_argument("--cache", type=pathlib.Path, default=pathlib.Path.home() / ".cache/edf/downloads")
    options = parser.parse_args()
    if options.faults:
        options.buildings, options.train_weeks = (faults.SILENT, faults.DEAD_METER[0], faults.COMMISSIONED), 4
        options.refresh_minutes = 15
    options.begin = source.START - source.HOUR + (options.from_week - 1) * WEEK
    # Known weather ends with the data: no forecast of three days can be issued after that.
    options.end = min(options.begin + options.weeks * WEEK, source.to_hour(source.HOURS) - dt.timedelta(days=3))
    unknown = set(options.buildings) - set(source.BUILDINGS)
    if unknown:
        parser.error(f"there is no building {', '.join(sorted(unknown))}: choose among {', '.join(source.BUILDINGS)}")
    return options


def arrivals(data, options, plan):
    """Yields (time, role, statement, values) of each batch of messages and each weather document, in order of receipt.

    Continues for a week after the last job: the last forecasts need their actuals, including late ones.
    """
    span = (options.begin, options.end + delays.LONGEST, True)
    every = options.batch_minutes * delays.MINUTE
    batches = source.meter_messages(data, *span, options.buildings, every)
    ingested = (
        (at, "pipeline", "call energy.ingest_meter_messages(%s::text[], %s)", (messages, at))
        for at, messages in (plan.meters(batches) if plan else batches)
    )
    runs = (
        (received_at, issued_at, document) for issued_at, received_at, document in source.weather_forecasts(data, *span)
    )
    days = source.weather_observations(data, *span)
    forecast = (
        (at, "weather", "call energy.ingest_weather_forecast(%s, %s, %s, %s)", (document, PLACE, issued_at, at))
        for at, issued_at, document in (plan.weather(runs) if plan else runs)
    )
    observed = (
        (at, "weather", "call energy.ingest_weather_observations(%s, %s, %s)", (document, PLACE, at))
        for at, document in (plan.weather(days) if plan else days)
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


def call(database: Database, job, at: dt.datetime, plan) -> None:
    if plan and job.name == "issue_forecasts" and at == plan.crash_at:
        database.kill_during(job.role, job.name, job.statement, at)
    else:
        database.run(job.role, job.statement, clock=at)


def replay(database: Database, data, schedules: dict, options, plan) -> None:
    """Steps through time: at each time first what is received, then the due jobs."""
    training = options.train_weeks * WEEK
    # With faults each runs as scheduled: it would be late otherwise.
    apart = (
        {}
        if plan
        else {
            "refresh_hours": options.refresh_minutes * delays.MINUTE,
            "refresh_forecasts": options.refresh_minutes * delays.MINUTE,
            "issue_forecasts": source.HOUR,
            "score_forecasts": DAY,
            "check_alerts": DAY,
            "train_models": training,
            "gate_models": training,
        }
    )
    runs = timetable(
        schedules,
        {"": options.begin + options.history_weeks * WEEK, "make_partitions": options.begin},
        options.end,
        {"": dt.timedelta(), **apart},
    )
    received = ((at, -2, what) for at, *what in arrivals(data, options, plan))
    left_out = NOT_WATCHED if options.refreshes else NOT_WATCHED | {"refresh_forecasts"}
    chosen = (run for run in runs if (plan.runs(run[0], run[2]) if plan else run[2].name not in left_out))
    events = [received, chosen]
    if plan:
        events.append([(plan.commissioned_at, -1, commission), (plan.bad_model_at, -1, train_a_bad_model)])
    # With faults buildings use design forecasts from their first day on; the ratio is for models.
    progress, has_model = Progress(), plan is not None
    for at, rank, what in heapq.merge(*events, key=lambda event: event[:2]):
        began = time.monotonic()
        if rank == -2:
            database.run(*what)
            progress.add("messages", began)
            continue
        if rank == -1:
            what(database, at)
            continue
        if what.name not in ("issue_forecasts", "refresh_forecasts") or has_model:
            call(database, what, at, plan)
        if what.name == "gate_models":
            has_model = database.approve(at) > 0 or has_model
        elif what.name == "issue_forecasts" and has_model:
            database.snapshot()
        progress.add(what.name, began)
        progress.tell(at, database)
    database.run("pipeline", "call energy.refresh_building_hours()", clock=options.end + delays.LONGEST)


def commission(database: Database, at: dt.datetime) -> None:
    """A new building: only its rows."""
    send_topology(database, (faults.COMMISSIONED,))


def train_a_bad_model(database: Database, at: dt.datetime) -> None:
    call = "call energy.train_models(array[%s], strategy => 'seasonal_naive', reason => 'somebody tries')"
    database.run("analyst", call, (faults.BAD,), clock=at)


def send_topology(database: Database, buildings) -> None:
    cursor = database.session("postgres", None)
    cursor.execute("set role edf_owner")
    load.send_topology(cursor, buildings)
    cursor.execute("reset role")


def plan_of(database: Database) -> faults.Plan:
    limits = dict(
        database.rows(
            "postgres",
            """
        select name, value from energy.monitoring_limits
        cross join lateral (values
            ('meters_late', meters_late), ('demand_late', demand_late), ('weather_late', weather_late)
        ) as limits (name, value)
        union all
        select job_name, late_after from energy.jobs where job_name = 'refresh_days'""",
        )
    )
    return faults.Plan(limits)


def main() -> None:
    options = arguments()
    data = source.Dataset(source.fetch(options.cache))
    database = Database()
    database.prepare()
    # A backtest whose models age like the serving ones: as many weeks between fits as between trainings.
    fits = f"{7 * options.train_weeks} days"
    # No other trainings, whatever alerts report: served forecasts are compared with the promise of this schedule.
    overrides = {"evaluation.refit": fits, "training.max_age": fits, "training.rest": fits}
    if options.faults:
        # Weather is late only without the daily run; daily scores are sufficient.
        overrides |= {
            "monitoring.weather_late": "36 hours",
            "schedules.score_forecasts": "35 0 * * *",
            "schedules.refresh_forecasts": "3 * * * *",
            "schedules.ingest_inbox": None,
            "schedules.train_models": "0 1 1 * *",
            "schedules.gate_models": "0 4 1 * *",
            # Without faults the simulation calls it once a day.
            "jobs.watch_jobs": {"late_after": "25 hours"},
        }
    overrides |= {path: json.loads(value) for path, value in (pair.split("=", 1) for pair in options.set)}
    config = database.configure(overrides)
    plan = plan_of(database) if options.faults else None
    if plan:
        plan.change(data)
        # Deployed at the current time, jobs are late only from the simulation's begin on.
        database.run("postgres", "update energy.jobs set since = %s", (options.begin,))
    send_topology(database, [building for building in options.buildings if not plan or building != faults.COMMISSIONED])
    span = f"{options.begin:%Y-%m-%d} to {options.end:%Y-%m-%d}"
    print(f"{span}, {len(options.buildings)} buildings. Models are trained every"
          f" {options.train_weeks} weeks, as often as the backtest fits anew; hours are refreshed every"
          f" {options.refresh_minutes} minutes and before each forecast.", flush=True)
    replay(database, data, config["schedules"], options, plan)
    if options.record and plan:
        options.record.write_text(json.dumps(faults.record(database, plan, options.end)))
    sys.exit(score.conclude(database, config, options.end + delays.LONGEST, options, plan))


if __name__ == "__main__":
    main()
