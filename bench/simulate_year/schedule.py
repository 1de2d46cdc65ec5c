"""The schedule of the jobs of config/edf.yaml, and their calls.

As in energy.jobs, except `ingest_inbox`: the simulation passes its messages to energy.ingest_meter_messages, so that
the inbox stays empty.
"""

import dataclasses
import datetime as dt

import croniter

DAY = dt.timedelta(days=1)
WEEK = 7 * DAY


@dataclasses.dataclass(frozen=True)
class Job:
    """A job of the schedule; jobs that are due at the same time run in the order of JOBS."""

    name: str
    role: str
    statement: str


ROLES = {"make_partitions": "postgres", "apply_retention": "postgres"}
JOBS = tuple(
    Job(name, ROLES.get(name, "pipeline"), f"call energy.run_job('{name}')")
    for name in (
        "make_partitions",
        "refresh_hours",
        "refresh_days",
        "score_anomalies",
        "train_anomaly_models",
        "learn_anomaly_weights",
        "learn_gap_profiles",
        "review_life_cycle",
        "train_models",
        "gate_models",
        "issue_forecasts",
        "refresh_forecasts",
        "issue_shadow_forecasts",
        "score_forecasts",
        "check_alerts",
        "watch_jobs",
        "apply_retention",
    )
)
# Messages are ingested by calls.
LEFT_OUT = {"ingest_inbox"}


def slots(expression: str, since: dt.datetime, until: dt.datetime, apart: dt.timedelta):
    """Yields the times of a cron expression after `since`, until `until`, each at least `apart` after the last."""
    times, newest = croniter.croniter(expression, since), None
    while (slot := times.get_next(dt.datetime)) <= until:
        if newest is None or slot - newest >= apart:
            newest = slot
            yield slot


def timetable(schedules: dict, since: dict[str, dt.datetime], until: dt.datetime, apart: dict[str, dt.timedelta]):
    """Every run as (time, rank of the job, job) in order. `every`: by name of the job, or under "": start and least
    time between two runs."""
    unknown = set(schedules) - {job.name for job in JOBS} - LEFT_OUT
    if unknown:
        raise SystemExit(f"JOBS in {__file__} lacks jobs of the schedule: {', '.join(sorted(unknown))}.")
    runs = []
    for rank, job in enumerate(JOBS):
        if schedules.get(job.name) is not None:
            times = slots(schedules[job.name], since.get(job.name, since[""]), until, apart.get(job.name, apart[""]))
            runs += ((slot, rank, job) for slot in times)
    return sorted(runs, key=lambda run: run[:2])
