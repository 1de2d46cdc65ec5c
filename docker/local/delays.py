"""Arrival times of messages: most within minutes, some hours or days late, a few with a wrong reading that is
corrected.

Used by the demo and the simulation of a year. Every sender has its own random generator, seeded by its name, so that
a message always has the same delay.

| messages | arrive | because |
|---|---|---|
| 96.5 % | after 2 to 20 minutes | usual delay of gateway and inbox |
| 3 % | up to 6 hours late | the gateway was offline for 1 to 6 hours; then it sends all messages at once |
| 0.5 % | up to 4 days late | the same, for 1 to 4 days |
| 0.2 % | a second time, 1 to 48 hours after the first | the first reading was wrong |
"""

import dataclasses
import datetime as dt
import random

SEED = 2016
MINUTE = dt.timedelta(minutes=1)
HOUR = dt.timedelta(hours=1)
# Share of hours in which a gateway is offline, by the length of the outage in hours.
OUTAGES = ((0.03, 1, 6), (0.005, 24, 96))
CORRECTED_SHARE = 0.002
# For wrong readings; the others repeat the previous reading, as if the register had not been read.
TOO_HIGH_SHARE = 0.2
LATE_RUN_SHARE = 0.02
# Upper bound of a delay: the longest outages in sequence, and a correction.
LONGEST = dt.timedelta(days=7)


@dataclasses.dataclass(frozen=True)
class Delivery:
    """How a reading is delivered. A correction arrives `corrected_after` the first receipt, whose value was too high by
    `excess_kwh` or, if that is 0, the value of the reading before."""

    delay: dt.timedelta = dt.timedelta()
    corrected_after: dt.timedelta | None = None
    excess_kwh: float = 0.0

    def receipts(self, read_at: dt.datetime, value: float, before: float) -> list[tuple[dt.datetime, float]]:
        """Times of receipt with the values received; `before` is the value of the reading before."""
        received_at = read_at + self.delay
        if self.corrected_after is None:
            return [(received_at, value)]
        wrong = value + self.excess_kwh if self.excess_kwh else before
        return [(received_at, wrong), (received_at + self.corrected_after, value)]


AT_ONCE = Delivery()


def deliveries(sender: str, hours: int) -> list[Delivery]:
    """Deliveries of a gateway's hourly readings, from its first hour on."""
    draw = random.Random(f"{SEED} {sender}")
    made, online_from, catching_up = [], 0.0, dt.timedelta()
    for hour in range(hours):
        for share, shortest, longest in OUTAGES:
            # The rate of outages such that the gateway is offline in `share` of the hours.
            if draw.random() < share / ((shortest + longest) / 2):
                online_from = max(online_from, hour + draw.uniform(shortest, longest))
                catching_up = draw.randint(2, 20) * MINUTE
        transit = draw.randint(2, 20) * MINUTE
        corrected_after, excess = None, 0.0
        if draw.random() < CORRECTED_SHARE:
            corrected_after = draw.randint(60, 48 * 60) * MINUTE
            excess = draw.uniform(1, 5) if draw.random() < TOO_HIGH_SHARE else 0.0
        offline = int((online_from - hour) * 60) * MINUTE
        made.append(Delivery(offline + catching_up if offline > dt.timedelta() else transit, corrected_after, excess))
    return made


def weather_run_delay(number: int) -> dt.timedelta:
    """Additional delay of a run's fetch: some minutes, rarely hours."""
    draw = random.Random(f"{SEED} weather run {number}")
    late = draw.randint(4, 10) * HOUR if draw.random() < LATE_RUN_SHARE else dt.timedelta()
    return late + draw.randint(0, 20) * MINUTE


def weather_observation_delay(number: int) -> dt.timedelta:
    """Delay of the observations of a day after its last hour."""
    return random.Random(f"{SEED} weather observations {number}").randint(20, 55) * MINUTE
