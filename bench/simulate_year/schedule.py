"""When the jobs of config/edf.yaml run, and what each of them calls.

As in sql/jobs.sql, but for `ingest_inbox`: the simulation gives its messages to energy.ingest_meter_messages, so that
the inbox stays empty.
"""

import dataclasses
import datetime as dt

import croniter

WEEK = dt.timedelta(days=7)


@dataclasses.dataclass(frozen=True)
class Job:
    """A job of the schedule; jobs that are due at the same time run in the order of JOBS."""

    name: str
    role: str
    statement: str


JOBS = (
    Job("make_partitions", "postgres", "call energy.make_partitions()"),
    Job("refresh_hours", "pipeline", "call energy.refresh_building_hours()"),
    Job("refresh_days", "pipeline", "call energy.refresh_apartment_days()"),
    Job("learn_gap_profiles", "pipeline", "call energy.learn_gap_profiles()"),
    Job("train_models", "pipeline", "call energy.train_models()"),
    Job("gate_models", "pipeline", "call energy.gate_models()"),
    Job("issue_forecasts", "pipeline", "call energy.issue_forecasts()"),
    Job("apply_retention", "postgres", "call energy.apply_retention()"),
)


def slots(expression: str, since: dt.datetime, until: dt.datetime, apart: dt.timedelta):
    """Yields the times of a cron expression after `since`, until `until`, each at least `apart` after the last."""
    times, newest = croniter.croniter(expression, since), None
    while (slot := times.get_next(dt.datetime)) <= until:
        if newest is None or slot - newest >= apart:
            newest = slot
            yield slot


def timetable(schedules: dict, since: dict[str, dt.datetime], until: dt.datetime, apart: dict[str, dt.timedelta]):
    """Every run as (time, rank of the job, job) in order. By name of the job, or under "": after when it runs, and the
    least time between two runs."""
    unknown = set(schedules) - {job.name for job in JOBS} - {"ingest_inbox"}
    if unknown:
        raise SystemExit(f"JOBS in {__file__} lacks jobs of the schedule: {', '.join(sorted(unknown))}.")
    runs = []
    for rank, job in enumerate(JOBS):
        if schedules.get(job.name) is not None:
            times = slots(schedules[job.name], since.get(job.name, since[""]), until, apart.get(job.name, apart[""]))
            runs += ((slot, rank, job) for slot in times)
    return sorted(runs, key=lambda run: run[:2])
