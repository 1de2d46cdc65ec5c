"""SIMULATED occupants: presence, appliances, draws of hot water, setpoints by room, airing; holidays, guests, vacancy
and new tenants. Their behaviour is normal, even if unusual: nothing here is a fault.

A whole day at once: arrays of apartments or rooms by quarters of an hour of local standard time.
"""

import dataclasses

import numpy as np

from buildings import Stock

STEPS = 96
KINDS = ("worker", "home", "shift")
WANTED_C = {"living_room": 21.3, "bedroom": 18.5, "bedroom_2": 19.5, "kitchen": 20.0, "bath": 22.0}
# Litres of hot water by hour: most in the morning and in the evening.
BY_HOUR = np.array(
    [0.2, 0.05, 0.03, 0.03, 0.05, 0.6, 2, 3, 2.4, 1.6, 1.3, 1.2, 1.4, 1.2, 1, 1, 1.2, 1.7, 2.2, 2.3, 2, 1.6, 1.1, 0.5]
)


@dataclasses.dataclass
class Household:
    """Occupancy of an apartment from its first day to its last, counted from the simulation's first day."""

    first_day: int
    last_day: int
    kind: str  # of KINDS, or "vacant"
    persons: int
    appliances_w: float
    night_off: float  # setpoint lowered by night, in K
    away_off: float  # while nobody is there
    wanted_c: np.ndarray  # of each room of the apartment
    litres: float  # per person and day
    tilts: bool  # sleeps with a tilted window
    airing: float  # times per day and room


def moved_in(draw: np.random.Generator, rooms: list[str], area: float, first: int, last: int) -> Household:
    wanted = np.array([WANTED_C[name] for name in rooms]) + draw.normal(0, 0.9) + draw.normal(0, 0.5, len(rooms))
    return Household(
        first,
        last,
        str(draw.choice(KINDS, p=[0.5, 0.38, 0.12])),
        int(draw.integers(1, 3 if area < 50 else 5)),
        draw.uniform(60, 160) + area,
        float(draw.choice([0, 1.5, 3.0], p=[0.35, 0.4, 0.25])),
        float(draw.choice([0, 1.5, 2.5], p=[0.6, 0.25, 0.15])),
        np.round(2 * wanted) / 2,
        draw.uniform(22, 50),
        draw.random() < 0.1,
        draw.uniform(0.3, 1.6),
    )


class Occupants:
    def __init__(self, stock: Stock, days: int, seed: int):
        self.stock, self.seed, self.context = stock, seed, []
        draw = np.random.default_rng([seed, 2])
        self.households, self.away, self.guests = [], [], []
        for at in range(len(stock.apartment_ids)):
            rooms = [stock.room_names[room] for room in np.flatnonzero(stock.apartment == at)]
            homes, first = [], 0
            # One of eight apartments changes tenants in a year, and is vacant for three to eight weeks.
            while first < days:
                last = first + int(draw.exponential(8 * 365))
                homes.append(moved_in(draw, rooms, stock.area[at], first, min(last, days - 1)))
                if last >= days:
                    break
                empty = int(draw.integers(21, 57))
                homes.append(
                    Household(last + 1, last + empty, "vacant", 0, 15, 0, 0, np.full(len(rooms), 15.0), 0, False, 0)
                )
                self.note(at, "vacant", last + 1, last + empty)
                first = last + empty + 1
                self.note(at, "new_tenant", first, first + 28)
            self.households.append(homes)
            self.away.append(self.spells(draw, at, "holiday", days, 2.5, (3, 15)))
            self.guests.append(self.spells(draw, at, "guests", days, 2.0, (2, 6)))

    def note(self, at: int, what: str, first: int, last: int) -> None:
        self.context.append((at, what, first, last))

    def spells(self, draw: np.random.Generator, at: int, what: str, days: int, a_year: float, length: tuple) -> list:
        found = []
        for _ in range(draw.poisson(a_year * days / 365)):
            first, home = int(draw.integers(0, days)), None
            last = first + int(draw.integers(*length))
            home = self.household(at, first)
            if home.kind != "vacant" and last <= home.last_day:
                found.append((first, last))
                self.note(at, what, first, last)
        return found

    def household(self, at: int, day: int) -> Household:
        return next((home for home in self.households[at] if day <= home.last_day), self.households[at][-1])

    def day(self, day: int, weekday: int):
        """For a day, by apartment: presence, watts, litres; by room: setpoints and airing."""
        stock, draw = self.stock, np.random.default_rng([self.seed, 3, day])
        count, hours = len(stock.apartment_ids), np.arange(STEPS) / 4
        present, watts, litres = (np.zeros((count, STEPS)) for _ in range(3))
        setpoint, airing = np.zeros((len(stock.apartment), STEPS)), np.zeros((len(stock.apartment), STEPS))
        first_room = [*stock.first_room, len(stock.apartment)]
        for at in range(count):
            home, rooms = self.household(at, day), slice(first_room[at], first_room[at + 1])
            away = any(first <= day <= last for first, last in self.away[at])
            persons = home.persons + 2 * any(first <= day <= last for first, last in self.guests[at])
            here, awake = self.at_home(home, weekday, hours, draw)
            if away or home.kind == "vacant":
                here, awake = np.zeros(STEPS), np.zeros(STEPS)
            present[at] = here
            watts[at] = home.appliances_w * (0.4 + 1.1 * here * awake) + 80 * persons * here
            litres[at] = self.draws(home, persons, here, draw)
            lowered = np.where(here * awake > 0, 0, np.where(here > 0, home.night_off, home.away_off))
            wanted = home.wanted_c[:, None] - lowered - (4 if away else 0)
            # Occasionally somebody raises the setpoint for an evening.
            if not away and home.persons and draw.random() < 0.04:
                wanted = wanted + np.where((hours > draw.uniform(15, 19)) & (hours < 23), 1.5, 0)
            setpoint[rooms] = np.clip(np.round(2 * wanted) / 2, 12, 26)
            for room in range(rooms.start, rooms.stop):
                for _ in range(draw.poisson(home.airing * (0 if away else 1)) if home.persons else 0):
                    begin = int(draw.choice([7, 8, 12, 18, 21, 22])) * 4 + int(draw.integers(0, 4))
                    if here[begin]:
                        airing[room, begin : begin + int(draw.integers(1, 3))] = draw.uniform(0.4, 1)
                if home.tilts and stock.room_names[room].startswith("bedroom") and not away:
                    airing[room, (hours < 6.5) | (hours > 22.5)] = 0.12
        return present, watts, litres, setpoint, airing

    @staticmethod
    def at_home(home: Household, weekday: int, hours: np.ndarray, draw: np.random.Generator):
        rises, sleeps = draw.normal(6.8 if weekday < 5 else 8.3, 0.5), draw.normal(22.7, 0.6)
        if home.kind == "shift" and draw.random() < 0.5:
            rises, sleeps, gone = 13.0, 30.0, (20.5, 30.0) if draw.random() < 0.5 else (13.5, 22.5)
        elif home.kind == "worker" and weekday < 5 and draw.random() < 0.85:
            gone = (draw.normal(8.0, 0.4), draw.normal(17.3, 0.7))
        else:
            begin = draw.uniform(9, 17)
            gone = (begin, begin + draw.exponential(2.0))
        here = np.where((hours >= gone[0]) & (hours < gone[1]), 0.0, 1.0)
        return here, np.where((hours >= rises) & (hours < sleeps), 1.0, 0.0)

    @staticmethod
    def draws(home: Household, persons: int, here: np.ndarray, draw: np.random.Generator) -> np.ndarray:
        """A shower is a third of a person's daily use; the rest are small draws."""
        taken = np.zeros(STEPS)
        if not persons or not here.any():
            return taken
        weights = np.repeat(BY_HOUR, 4) * here
        if home.kind == "shift":
            weights = weights + 0.6 * here
        weights = weights / weights.sum()
        for size, often in ((0.55 * home.litres, 0.8 * persons), (0.07 * home.litres, 8.0 * persons)):
            for step in draw.choice(STEPS, size=draw.poisson(often), p=weights):
                taken[step] += draw.gamma(4, size / 4)
        return taken
