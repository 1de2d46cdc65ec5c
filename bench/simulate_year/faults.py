"""A year with faults: what happens and when, the alert that must report it, and the time until it must be resolved.

| fault | what happens |
|---|---|
| a meter fails | the register of one of four homes sends nothing for a week; then a new one begins at zero |
| a gateway is silent | a building sends nothing for two days, then all messages at once |
| weather stops | no run and no observation arrives for two days, then all of them |
| a cold, sunny week | 20 degrees colder than measured, with clear sky: a combination never seen at the place |
| the server is killed | at 05:00, during the issue |
| a job vanishes | `refresh_days` is not called for two days |

In addition, a building is commissioned in mid-year, and a bad model is trained. Nobody reacts to the faults.
"""

import dataclasses
import datetime as dt
import json
from collections.abc import Iterator

import citylearn as source
from schedule import DAY, Job

HOUR, MINUTE = dt.timedelta(hours=1), dt.timedelta(minutes=1)
DEAD_METER = ("homes-9-13", "home-10")
SILENT, COMMISSIONED, BAD = "homes-1-4", "homes-14-17", "homes-1-4"
COLDER_C = 20
# Around the begin and end of a fault, jobs run as scheduled; otherwise these jobs run hourly during faults, and daily
# else.
DAILY = ("check_alerts", "watch_jobs")


def at(text: str) -> dt.datetime:
    return dt.datetime.fromisoformat(text).replace(tzinfo=dt.timezone.utc)


@dataclasses.dataclass(frozen=True)
class Fault:
    """`begin` is the earliest time of detection, `limit` the allowed delay; its alert must open within the rule's own
    time after that, and be resolved within `heals` after `end`, when its cause is over."""

    name: str
    rule: str
    subject: str
    begin: dt.datetime
    end: dt.datetime
    limit: dt.timedelta
    heals: dt.timedelta


def faults(limits: dict[str, dt.timedelta]) -> list[Fault]:
    """`limits` are those of the configuration and, as refresh_days, the lateness allowed for that job."""
    place = source.PLACE["weather_location_id"]
    return [
        # A new meter is known from its second reading on, its hours when the day is over.
        Fault(
            "a meter fails",
            "demand_late",
            DEAD_METER[0],
            at("2016-11-15"),
            at("2016-11-22"),
            limits["demand_late"],
            DAY,
        ),
        Fault(
            "a gateway is silent",
            "meters_late",
            SILENT,
            at("2016-12-05T10:00"),
            at("2016-12-07T10:00"),
            limits["meters_late"],
            HOUR,
        ),
        # The newest run is from midnight; the next one is from the day on which the outage ends.
        Fault(
            "weather stops",
            "weather_late",
            place,
            at("2017-01-10"),
            at("2017-01-12T10:00"),
            limits["weather_late"],
            HOUR,
        ),
        # A day is checked when it is two days away, with a run that arrives at 04:00, some hours late.
        Fault("a cold, sunny week", "unusual_weather", place, at("2017-01-21T04:00"), at("2017-01-30"), 15 * HOUR, DAY),
        Fault(
            "the server is killed",
            "job_failed",
            "issue_forecasts",
            at("2017-02-14T05:00"),
            at("2017-02-14T05:00"),
            dt.timedelta(),
            HOUR,
        ),
        Fault(
            "a job vanishes",
            "job_late",
            "refresh_days",
            at("2017-03-06T06:50"),
            at("2017-03-08T06:40"),
            limits["refresh_days"],
            HOUR,
        ),
    ]


class Plan:
    """The faults of one simulation."""

    commissioned_at = at("2017-01-09")
    bad_model_at = at("2017-03-20T12:00")

    def __init__(self, limits: dict[str, dt.timedelta]):
        self.faults = faults(limits)
        self.of = {fault.name: fault for fault in self.faults}
        self.crash_at = self.of["the server is killed"].begin

    def change(self, data: source.Dataset) -> None:
        """The cold, sunny week, both measured and forecast. Its irradiance is the maximum of the hour in nearby
        weeks."""
        week = self.of["a cold, sunny week"]
        first = (week.begin + 2 * DAY - 4 * HOUR - source.START) // HOUR
        last = (week.end - source.START) // HOUR
        clear = list(data.ghi_w_m2)
        for hour in range(first, last):
            data.temperature_c[hour] -= COLDER_C
            data.ghi_w_m2[hour] = max(clear[hour + 24 * days] for days in range(-14, 15))

    def meters(self, batches) -> Iterator[tuple]:
        """The batches (received_at, messages) that arrive, with their times."""
        silent, dead = self.of["a gateway is silent"], self.of["a meter fails"]
        held, offset = [], None
        for received_at, messages in batches:
            if held and received_at >= silent.end:
                yield silent.end, held
                held = []
            kept = []
            for text in messages:
                if f'"building_id": "{COMMISSIONED}"' in text and received_at < self.commissioned_at:
                    continue
                if silent.begin <= received_at < silent.end and f'"building_id": "{SILENT}"' in text:
                    held.append(text)
                    continue
                if (
                    received_at >= dead.begin
                    and f'"building_id": "{DEAD_METER[0]}", "apartment_id": "{DEAD_METER[1]}"' in text
                ):
                    message = json.loads(text)
                    read_at = dt.datetime.fromisoformat(message["timestamp_str"].replace("Z", "+00:00"))
                    if dead.begin <= read_at < dead.end:
                        continue
                    if read_at >= dead.end:
                        (reading,) = message["readings"]
                        offset = reading["value"] if offset is None else offset
                        reading["value"] = round(max(reading["value"] - offset, 0), 3)
                        text = json.dumps(message)
                kept.append(text)
            if kept:
                yield received_at, kept

    def weather(self, arrivals) -> Iterator[tuple]:
        """The same for documents (received_at, ...): those of the outage arrive at its end."""
        stop, held = self.of["weather stops"], []
        # The run of the first day has already arrived.
        since = stop.begin + 12 * HOUR
        for received_at, *rest in arrivals:
            if held and received_at >= stop.end:
                yield from ((stop.end, *late) for late in held)
                held = []
            if since <= received_at < stop.end:
                held.append(rest)
            else:
                yield (received_at, *rest)

    def is_near(self, moment: dt.datetime) -> bool:
        """Whether a fault must be detected, or be over, about now."""
        return any(
            fault.begin + fault.limit - 2 * HOUR <= moment <= fault.begin + fault.limit + 2 * HOUR
            or fault.end <= moment <= fault.end + 2 * HOUR
            for fault in self.faults
        )

    def is_during(self, moment: dt.datetime) -> bool:
        return any(fault.begin <= moment <= fault.end + fault.heals for fault in self.faults)

    def runs(self, moment: dt.datetime, job: Job) -> bool:
        vanished = self.of["a job vanishes"]
        if job.name == "refresh_days" and vanished.begin <= moment < vanished.end:
            return False
        if job.name in DAILY and not self.is_near(moment):
            return moment.minute == 0 and (moment.hour == 12 or self.is_during(moment))
        if job.name in ("refresh_hours", "issue_forecasts") and not self.is_near(moment):
            return moment.minute == 0
        return True


def shown(span: dt.timedelta | None) -> str:
    if span is None:
        return "-"
    minutes = round(span.total_seconds() / 60)
    return f"{minutes // 60}:{minutes % 60:02}"


def report(database, plan: Plan, end: dt.datetime) -> list[str]:
    """Prints the faults and all alerts; returns those not detected or not resolved in time."""
    within = dict(database.rows("postgres", "select rule, within from energy.alert_rules"))
    alerts = database.rows("postgres", """
        select rule, subject, opened_at, resolved_at from energy.alerts order by opened_at""")
    problems, explained = [], set()
    print(f"\n{'fault':<22}{'from':<18}{'alert':<18}{'seen after':>11}{'limit':>10}{'over after':>12}{'limit':>10}")
    for fault in plan.faults:
        found = [
            number for number, (rule, subject, opened_at, resolved_at) in enumerate(alerts)
            if (rule, subject) == (fault.rule, fault.subject) and opened_at <= fault.end + fault.heals
            and (resolved_at or end) >= fault.begin
        ]
        explained.update(found)
        promised = fault.limit + within[fault.rule]
        seen = alerts[found[0]][2] - fault.begin if found else None
        resolved = [alerts[number][3] for number in found]
        healed = None if not found or None in resolved else max(max(resolved) - fault.end, dt.timedelta())
        print(f"{fault.name:<22}{fault.begin:%Y-%m-%d %H:%M}  {fault.rule:<18}{shown(seen):>11}{shown(promised):>10}"
              f"{shown(healed):>12}{shown(fault.heals):>10}")
        if seen is None or seen > promised:
            problems.append(f"{fault.name}: seen after {shown(seen)}, promised was {shown(promised)}")
        if healed is None or healed > fault.heals:
            problems.append(f"{fault.name}: over after {shown(healed)}, promised was {shown(fault.heals)}")
    print("In hours and minutes: after it could first be told, and after its cause was over.")
    others: dict[str, int] = {}
    for number, (rule, *_) in enumerate(alerts):
        if number not in explained:
            others[rule] = others.get(rule, 0) + 1
    print("Other alerts: " + (", ".join(f"{count} {rule}" for rule, count in sorted(others.items())) or "none"))
    refused = database.rows("postgres", """
        select model_id, status, reason
        from edf.models left join edf.model_events using (model_id)
        where subject = %s and strategy = 'seasonal_naive' and event is distinct from 'trained'""", (BAD,))
    for model, status, reason in refused:
        print(f"The bad model {model} is {status}: {reason}")
    if [status for _, status, _ in refused] != ["rejected"]:
        problems.append(f"the bad model was not refused: {refused}")
    return problems


ERRORS = """
    select building_id, local_date::text, mae_kwh * hours, actual_kwh
    from energy.accuracy_days where lead_day = 1 and hours >= 12 and actual_kwh > 0 order by building_id, local_date
"""
# Ranges of consecutive slots with the same source.
SOURCES = """
    with slots as (
        select building_id, source, slot_at,
            row_number() over (partition by building_id order by slot_at)
            - row_number() over (partition by building_id, source order by slot_at) as span
        from energy.forecast_slots where status = 'issued'
    )

    select building_id, source, min(slot_at)::text, (max(slot_at) + interval '1 day')::text
    from slots group by building_id, source, span order by 1, 3
"""


def record(database, plan: Plan, end: dt.datetime) -> dict:
    """What plot.py draws."""
    errors, sources = {}, {}
    for building, *day in database.rows("postgres", ERRORS):
        errors.setdefault(building, []).append(day)
    for building, *span in database.rows("postgres", SOURCES):
        sources.setdefault(building, []).append(span)
    columns = ("rule", "subject", "opened_at", "resolved_at")
    alerts = database.rows(
        "postgres", "select rule, subject, opened_at::text, resolved_at::text from energy.alerts order by opened_at"
    )
    return {
        "end": end.isoformat(),
        "errors": errors,
        "sources": sources,
        "alerts": [dict(zip(columns, alert)) for alert in alerts],
        "faults": [
            {
                "name": fault.name,
                "subject": fault.subject,
                "begin": fault.begin.isoformat(),
                "end": fault.end.isoformat(),
            }
            for fault in plan.faults
        ],
    }
