"""The faults of the SIMULATED apartments: begin, end, location and severity.

| kind | what happens | until it is repaired |
|---|---|---|
| stuck_valve | a valve stays open, whatever the room is set to | 3 to 9 days |
| blocked_radiator | a radiator gives almost no heat | 3 to 9 days |
| hot_water_leak | hot water runs all the time, 4 to 25 litres an hour | 3 to 9 days |
| drifted_sensor | a thermometer drifts by 0.3 to 0.8 K a day, up to 3 to 7 K | 7 to 14 days |
| dead_sensor | a thermometer sends nothing, or a constant value | 3 to 9 days |
| window_left_open | a window stays open in the heating season | 15 hours to 3 days |
| swapped_meters | the heat meters of two apartments are swapped | 8 to 15 days |
| boiler_fault | a building gets little or no heat, hot water works | 15 hours to 2.5 days |

Rarity: at most `share` of the apartment days of each part have a fault, those of a boiler counted for each apartment
of its building. An apartment has two weeks between faults. Heat faults begin on heating days."""

import dataclasses
import datetime as dt

import numpy as np

from buildings import Stock

STEPS = 96
# How often each kind is drawn, and how many days it lasts; for boilers, by building and winter.
KINDS = {
    "stuck_valve": (0.20, (3, 9)),
    "blocked_radiator": (0.18, (3, 9)),
    "hot_water_leak": (0.18, (3, 9)),
    "drifted_sensor": (0.11, (7, 14)),
    "dead_sensor": (0.12, (3, 9)),
    "window_left_open": (0.17, (0.6, 3)),
    "swapped_meters": (0.04, (8, 15)),
}
BOILER_DAYS, BOILERS_A_WINTER = (0.6, 2.5), 0.15
NEEDS_HEAT = {"stuck_valve", "blocked_radiator", "window_left_open", "swapped_meters", "boiler_fault"}
HEATED_BELOW_C = 8
REST_DAYS = 14
SHARE = 0.009
SIZES = {
    "stuck_valve": (0.5, 1),
    "blocked_radiator": (0, 0.12),
    "hot_water_leak": (4, 25),
    "drifted_sensor": (0.3, 0.8),
    "dead_sensor": (0, 1),
    "window_left_open": (0.5, 1),
    "swapped_meters": (1, 1),
    "boiler_fault": (0, 0.3),
}


@dataclasses.dataclass
class Fault:
    fault_id: str
    kind: str
    building: int
    apartment: int  # -1: the whole building
    room: int  # -1: none
    begin: int  # quarters of an hour from the beginning of the simulation
    end: int
    size: float
    other: int = -1  # the apartment with the swapped meter
    sign: float = 1
    limit: float = 0

    def days(self) -> range:
        return range(self.begin // STEPS, (self.end - 1) // STEPS + 1)


def plan(stock: Stock, parts: dict[str, range], daily_c: np.ndarray, seed: int, share: float = SHARE) -> list[Fault]:
    """Faults of each part (days from its first to its last), in order of their beginning."""
    found: list[Fault] = []
    busy = np.zeros((len(stock.apartment_ids), len(daily_c)), bool)
    for number, (part, days) in enumerate(parts.items()):
        draw = np.random.default_rng([seed, 4, number])
        heated = [day for day in days[:-3] if daily_c[day] < HEATED_BELOW_C]
        left = share * len(stock.apartment_ids) * len(days)
        boilers = round(BOILERS_A_WINTER * len(stock.building_ids) * len(heated) / 200) or 1
        for _ in range(boilers if heated else 0):
            building = int(draw.integers(len(stock.building_ids)))
            members = np.flatnonzero(stock.building == building)
            fault = begun(draw, "boiler_fault", BOILER_DAYS, heated, days)
            # Boiler faults are limited to a third of the faulty days.
            if len(members) * len(fault.days()) > share * len(stock.apartment_ids) * len(days) / 3:
                continue
            fault.building, left = building, left - len(members) * len(fault.days())
            block(busy, members, fault)
            found.append(fault)
        kinds, tries = [kind for kind in KINDS if heated or kind not in NEEDS_HEAT], 0
        weights = np.array([KINDS[kind][0] for kind in kinds])
        while left > 0 and tries < 10_000:
            tries += 1
            kind = str(draw.choice(kinds, p=weights / weights.sum()))
            fault = begun(draw, kind, KINDS[kind][1], heated if kind in NEEDS_HEAT else list(days[:-3]), days)
            fault.apartment = int(draw.integers(len(stock.apartment_ids)))
            where = [fault.apartment]
            if kind == "swapped_meters":
                fault.other = int(stock.neighbours[fault.apartment][0])
                where.append(fault.other)
            cost = len(where) * len(fault.days())
            if cost > left and tries < 9_000:
                # The last remaining days are used for something shorter, if that fits.
                if left < 2:
                    break
                continue
            if busy[np.ix_(where, fault.days())].any() or where[0] == where[-1] and len(where) > 1:
                continue
            rooms = np.flatnonzero((stock.apartment == fault.apartment) & stock.has_sensor)
            fault.room = -1 if kind in ("hot_water_leak", "swapped_meters") else int(draw.choice(rooms))
            fault.building, left = int(stock.building[fault.apartment]), left - cost
            block(busy, np.array(where), fault)
            found.append(fault)
    found.sort(key=lambda fault: fault.begin)
    for number, fault in enumerate(found):
        fault.fault_id = f"fault-{number + 1:04}"
    return found


def begun(draw: np.random.Generator, kind: str, length: tuple, starts: list[int], days: range) -> Fault:
    begin = int(draw.choice(starts)) * STEPS + int(draw.integers(STEPS))
    end = min(begin + int(draw.uniform(*length) * STEPS), days.stop * STEPS)
    return Fault(
        "",
        kind,
        -1,
        -1,
        -1,
        begin,
        end,
        float(draw.uniform(*SIZES[kind])),
        sign=float(draw.choice([-1, 1])),
        limit=float(draw.uniform(3, 7)),
    )


def block(busy: np.ndarray, members: np.ndarray, fault: Fault) -> None:
    first = max(fault.days().start - REST_DAYS, 0)
    busy[members, first : fault.days().stop + REST_DAYS] = True


def rows(faults: list[Fault], stock: Stock, start: dt.datetime, parts: dict[str, range]):
    """The truth table: one line per event, two if two apartments share the fault."""
    for fault in faults:
        begin, end = (start + dt.timedelta(minutes=15 * step) for step in (fault.begin, fault.end))
        part = next(name for name, days in parts.items() if fault.days().start in days)
        for at in [fault.apartment] + ([fault.other] if fault.other >= 0 else []):
            yield {
                "fault_id": fault.fault_id + ("b" if at == fault.other else ""),
                "kind": fault.kind,
                "building_id": stock.building_ids[fault.building],
                "apartment_id": stock.apartment_ids[at] if at >= 0 else "",
                "room_name": stock.room_names[fault.room] if fault.room >= 0 else "",
                "start_at": begin.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "end_at": end.astimezone(dt.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ"),
                "size": round(fault.size, 3),
                "part": part,
            }
