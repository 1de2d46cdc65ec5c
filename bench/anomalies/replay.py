"""Replays the SIMULATED apartments through the pipeline: messages are ingested as they arrive, the jobs run each
morning, and scores and alerts are written for evaluate.py.

    replay.py WORK [--history-days N] [--train-step N] [--until DATE] [--hours]
              [--days-only | --days-are-made]

The database is named by PGHOST, PGPORT and PGDATABASE; it has been deployed and is empty. energy.clock is the time of
the simulation. In the training part days are scored once a week, from --history-days on, a week at once; in the test
part each morning, as in production. Models are trained by the schedule of the configuration. Writes
WORK/scores/edf-*.csv.gz and WORK/timings.json."""

import argparse
import collections
import datetime as dt
import gzip
import json
import pathlib
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "simulate_year"))

from database import Database  # noqa: E402
from export import export, export_features  # noqa: E402
from hours import Hours  # noqa: E402

MORNING = dt.timedelta(hours=12)  # UTC: six in the morning
DAY = dt.timedelta(days=1)
EACH_MORNING = ("refresh_hours", "refresh_days", "score_anomalies")
# Every day of a period, as refresh_days queues changed days.
DAYS_ARE_DUE = """
    insert into energy.anomaly_days_due (building_id, local_date)
    select distinct building_id, local_date from energy.apartment_days where local_date between %s and %s
    on conflict do nothing"""
BY_MONTH = ("make_partitions", "train_anomaly_models", "learn_anomaly_weights")
BATCH = 20_000


class Progress:
    def __init__(self):
        self.began, self.seconds, self.told = time.monotonic(), collections.Counter(), None
        self.daily: dict[str, list[float]] = collections.defaultdict(list)

    def add(self, what: str, began: float, keep: bool = False) -> None:
        self.seconds[what] += time.monotonic() - began
        if keep:
            self.daily[what].append(time.monotonic() - began)

    def tell(self, at: dt.datetime) -> None:
        if self.told is None or at - self.told >= 28 * DAY:
            self.told = at
            spent = ", ".join(f"{what} {seconds:.0f} s" for what, seconds in self.seconds.most_common(6))
            print(f"{at:%Y-%m-%d}: {time.monotonic() - self.began:.0f} s ({spent})", flush=True)


def place(database: Database, work: pathlib.Path) -> None:
    columns = {
        "weather_locations": ("weather_location_id", "latitude", "longitude"),
        "buildings": (
            "building_id",
            "name",
            "time_zone",
            "region",
            "latitude",
            "longitude",
            "weather_location_id",
            "archetype",
        ),
        "apartments": ("building_id", "apartment_id"),
    }
    for line in open(work / "place.jsonl"):
        row = json.loads(line)
        names = columns[row["table"]]
        database.run("postgres", "set role edf_owner")
        database.run(
            "postgres",
            f"insert into raw.{row['table']} ({', '.join(names)})"
            f" values ({', '.join(['%s'] * len(names))}) on conflict do nothing",
            [row[name] for name in names],
        )
        database.run("postgres", "reset role")


def arrivals(work: pathlib.Path, until: dt.datetime, of_meters: bool):
    """(received_at, kind, what) in order: message files at the end of their six hours, weather when it was sent."""
    files = [
        (dt.datetime.strptime(path.name[:13], "%Y-%m-%dT%H").replace(tzinfo=dt.timezone.utc), 0, path)
        for path in ((work / "messages").iterdir() if of_meters else ())
    ]
    documents = []
    for line in open(work / "weather.jsonl"):
        row = json.loads(line)
        documents.append(
            (dt.datetime.fromisoformat(row["received_at"]).astimezone(dt.timezone.utc), 1, row["document"])
        )
    return [item for item in sorted(files + documents, key=lambda item: item[:2]) if item[0] <= until]


def receive(database: Database, item, location: str, progress: Progress) -> None:
    at, kind, what = item
    began = time.monotonic()
    if kind:
        database.run("weather", "call energy.ingest_weather_observations(%s, %s, %s)", (what, location, at))
        return
    with gzip.open(what, "rt") as file:
        lines = file.read().splitlines()
    for first in range(0, len(lines), BATCH):
        database.run(
            "pipeline", "call energy.ingest_meter_messages(%s::text[], %s)", (lines[first : first + BATCH], at)
        )
    progress.add("messages", began)


def approve(database: Database, clock: dt.datetime) -> None:
    """Approves at once what the gate has not rejected, like a configured rule."""
    database.run("postgres", "set role edf_approver")
    database.rows(
        "postgres",
        "select * from energy.approve_models('passed the gate', despite_stress => true) where approved",
        clock=clock,
    )
    database.run("postgres", "reset role")


def run_jobs(database: Database, names, known: set[str], at: dt.datetime, progress: Progress, keep: bool) -> None:
    for name in names:
        if name in known:
            began = time.monotonic()
            database.run(
                "postgres" if name == "make_partitions" else "pipeline", f"call energy.run_job('{name}')", clock=at
            )
            progress.add(name, began, keep)


def replay(database: Database, work: pathlib.Path, about: dict, options) -> Progress:
    known = {name for name, in database.rows("postgres", "select job_name from energy.jobs")}
    if "score_anomalies" not in known:
        raise SystemExit("The database has no job score_anomalies: deploy a release that has.")
    first = dt.datetime.combine(dt.date.fromisoformat(about["first_day"]), dt.time(), dt.timezone.utc)
    test_from = dt.datetime.combine(dt.date.fromisoformat(about["test_from"]), dt.time(), dt.timezone.utc)
    location = json.loads(open(work / "place.jsonl").readline())["weather_location_id"]
    progress, hours = Progress(), Hours(work) if options.hours else None
    waiting = [] if options.days_are_made else arrivals(work, options.until, of_meters=hours is None)
    if hours:
        hours.add_sensors(database)
    jobs = EACH_MORNING[2 if options.days_are_made else 1 if hours else 0 : 2 if options.days_only else 3]
    at, month, since = 0, None, max(first, options.resume)
    morning = first + DAY + MORNING
    while morning <= options.until:
        while at < len(waiting) and waiting[at][0] <= morning:
            receive(database, waiting[at], location, progress)
            at += 1
        number = (morning - first).days
        is_test = morning > test_from
        if month != morning.month and morning >= options.resume:
            month = morning.month
            is_known = number > options.history_days and not options.days_only
            run_jobs(database, BY_MONTH if is_known else BY_MONTH[:1], known, morning, progress, keep=True)
            if is_known and "train_anomaly_models" in known:
                approve(database, morning)
        step = options.test_step if is_test and not options.days_only else options.train_step
        if number % step == 0 and morning >= options.resume:
            began = time.monotonic()
            if hours:
                hours.write(database, since, morning)
                progress.add("hours", began)
            elif options.days_are_made:
                database.run("postgres", DAYS_ARE_DUE, (since.date(), morning.date() - DAY))
            since = morning
            is_scored = number >= options.history_days
            wanted = [job for job in jobs if is_scored or job != "score_anomalies"]
            run_jobs(database, wanted, known, morning, progress, keep=is_test)
        progress.tell(morning)
        morning += DAY
    return progress


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work", type=pathlib.Path)
    parser.add_argument("--history-days", type=int, default=60, help="before the first day is scored")
    parser.add_argument("--train-step", type=int, default=7, help="days that are scored at once in the training part")
    parser.add_argument("--test-step", type=int, default=1, help="the same in the test part")
    parser.add_argument(
        "--resume", type=dt.datetime.fromisoformat, help="skip the jobs of earlier mornings", default="2000-01-01"
    )
    parser.add_argument("--hours", action="store_true", help="hours of the simulation instead of messages: hours.py")
    parser.add_argument("--days-only", action="store_true", help="compute days weekly, without scores")
    parser.add_argument("--days-are-made", action="store_true", help="score the days of such a database")
    parser.add_argument(
        "--until", type=dt.datetime.fromisoformat, help="the last morning; default the end of the simulation"
    )
    parser.add_argument("--export-only", action="store_true", help="export from a database that was replayed before")
    options = parser.parse_args()
    about = json.loads((options.work / "about.json").read_text())
    last = dt.date.fromisoformat(about["test_from"]) + dt.timedelta(days=about["test_days"])
    options.resume = options.resume.replace(tzinfo=dt.timezone.utc)
    options.until = (options.until or dt.datetime.combine(last, dt.time(12))).replace(tzinfo=dt.timezone.utc)
    database = Database()
    if not options.export_only:
        place(database, options.work)
        progress = replay(database, options.work, about, options)
        timings = {
            "apartments": about["apartments"],
            "seconds": {name: round(value, 1) for name, value in progress.seconds.items()},
            "median": {name: round(sorted(values)[len(values) // 2], 2) for name, values in progress.daily.items()},
        }
        (options.work / "timings.json").write_text(json.dumps(timings, indent=2) + "\n")
    print(f"{', '.join(export(database, options.work))} exported")
    export_features(database, options.work)


if __name__ == "__main__":
    main()
